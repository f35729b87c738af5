import { readdirSync, readFileSync } from 'node:fs';
import { parseJson } from '../../../src/hub/json.ts';
import { parsePeftConfig } from '../../../src/hub/peft-config.ts';
import { rankOf, scaleOf, targetsModule } from '../../../src/hub/peft-target.ts';
import { pick } from '../draws.ts';
import { type Json, jsonFile } from '../json.ts';
import type { FuzzTarget } from '../target.ts';

const name = 'adapter_config.json';
const folder = new URL('../../../test/fixtures/lora/', import.meta.url);
const unsloth =
  '(?:.*?(?:language|text).*?(?:self_attn|attention|mlp).*?(?:k_proj|v_proj|down_proj).*?)|(?:model.layers.[0-9]{1,}.(?:self_attn|mlp).(?:k_proj|v_proj))';

const configs = readdirSync(folder, { withFileTypes: true, recursive: true })
  .filter((each) => each.name === name)
  .map((each) => JSON.parse(readFileSync(`${each.parentPath}/${name}`, 'utf8')) as { [key: string]: Json })
  .flatMap((config) => [
    config,
    { ...config, target_modules: unsloth, exclude_modules: '.*layers.0.*', rank_pattern: { 'q_proj|v_proj': 2 } },
  ]);

const paths = [
  'model.layers.0.self_attn.q_proj',
  'model.layers.27.mlp.down_proj',
  'lm_head',
  `${'model.'.repeat(10)}layers.3.k_proj`,
];

export const adapterTarget: FuzzTarget = {
  name,
  weight: 60,
  says: name,
  caseOf: (draw) => {
    const input = jsonFile(pick(draw, configs), draw);
    return {
      input,
      read: () => {
        const config = parsePeftConfig(parseJson(new TextDecoder().decode(input), name), name);
        for (const path of paths)
          if (targetsModule(config, path)) [rankOf, scaleOf].forEach((each) => each(config, path));
      },
    };
  },
};
