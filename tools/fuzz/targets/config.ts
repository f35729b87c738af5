import { readdirSync, readFileSync } from 'node:fs';
import { classifier, encoder, languageModel, modelKind } from '../../../src/nn/models/index.ts';
import { parseJson, recordOf } from '../../../src/hub/json.ts';
import { pick } from '../draws.ts';
import { type Json, jsonFile } from '../json.ts';
import type { FuzzTarget } from '../target.ts';

const fixtures = new URL('../../../test/fixtures/', import.meta.url);
const read = (path: string): Json => JSON.parse(readFileSync(new URL(path, fixtures), 'utf8')) as Json;

const configs = ['architectures', 'classifiers', 'models'].flatMap((folder) =>
  readdirSync(new URL(folder, fixtures)).map((each) => read(`${folder}/${each}/config.json`)),
);

export const configTarget: FuzzTarget = {
  name: 'config.json',
  weight: 200,
  says: 'config.json',
  caseOf: (draw) => {
    const input = jsonFile(pick(draw, configs), draw);
    return {
      input,
      read: () => {
        const config = recordOf(parseJson(new TextDecoder().decode(input), 'config.json'), 'config.json');
        const kind = modelKind(config);
        if (kind === 'language') languageModel(config);
        else if (kind === 'classifier') classifier(config);
        else encoder(config);
      },
    };
  },
};
