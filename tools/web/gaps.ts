// Writes docs/webgpu.md: what ONNX Runtime's WebGPU provider cannot run or computes less exactly, found by running every sample
// of every op in headless Chromium on SwiftShader.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { opCases } from '../../test/runtime/opCases.ts';
import type { Outcome } from '../../test/runtime/web/worker.ts';
import { browserWorkers } from './workers.ts';

const heading = '| sample | what happens |';

/** Names of the samples that the page lists. */
export function gapsIn(page: string): ReadonlySet<string> {
  const rows = page.slice(page.indexOf(heading)).split('\n').slice(2);
  return new Set(rows.map((row) => row.split(' | ')[0]?.slice(2) ?? '').filter((name) => name !== ''));
}

/** What there is to say of a sample; undefined where it agrees with the reference. */
function gapOf({ error = 0, refused }: Outcome, tolerance: number): string | undefined {
  if (refused !== undefined)
    return `refused: ${refused.replace(/: Can't create a session.*/s, '').replaceAll('|', '/')}`;
  return error <= tolerance ? undefined : `relative error ${error.toExponential(0)}`;
}

/** The page as it must be committed. */
export function gapsPage(outcomes: Readonly<Record<string, Outcome>>): string {
  const rows = opCases.flatMap(({ name, tolerance }) => {
    const gap = gapOf(outcomes[name] ?? { refused: 'not run' }, tolerance);
    return gap === undefined ? [] : [`| ${name} | ${gap} |`];
  });
  return `# What WebGPU does not do

Written by \`node tools/web/gaps.ts\`, which runs every sample of every operation, forward and gradient, through ONNX Runtime's WebGPU
provider in headless Chromium on SwiftShader and compares with the f64 reference. Of ${opCases.length} cases these ${rows.length} do not hold; an
operation that cannot run is an error when a program is loaded. The browser tests run one sample of each operation and compare with this list.

${heading}
|---|---|
${rows.join('\n')}
`;
}

if (import.meta.main) {
  const workers = browserWorkers('test/runtime/web/worker.ts');
  const outcomes = (await workers.ask({ name: 'ops', options: { provider: 'webgpu' } })) as Record<string, Outcome>;
  await workers.close();
  writeFileSync(join(import.meta.dirname, '..', '..', 'docs', 'webgpu.md'), gapsPage(outcomes));
}
