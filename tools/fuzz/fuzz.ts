// npm run check:fuzz -- [--cases N] [--seed S] [--target NAME] [--first I] [--case I]: broken files through every reader; exit 1 where one does worse than a named error.
import { parseArgs } from 'node:util';
import { caseAt, type Finding, fuzz } from './run.ts';
import { targets } from './targets/index.ts';
import { watchdog } from './watchdog.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '20261127' },
    first: { type: 'string', default: '0' },
    target: { type: 'string' },
    case: { type: 'string' },
  },
});
const [cases, seed, first] = [Number(values.cases), Number(values.seed), Number(values.first)];
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
if (chosen.length === 0)
  throw new Error(`There is no target ${values.target}: ${targets.map(({ name }) => name).join(', ')}`);

const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));

if (values.case !== undefined) {
  for (const target of chosen) {
    const { input, read } = caseAt(target, seed, Number(values.case));
    process.stdout.write(
      `${target.name}: ${typeof input === 'string' ? input : Buffer.from(input).toString('latin1')}\n`,
    );
    await read();
  }
} else {
  const dog = watchdog(30_000);
  const shares = chosen.reduce((sum, { weight }) => sum + weight, 0);
  const findings: Finding[] = [];
  let done = 0;
  for (const target of chosen) {
    const count = Math.round((cases * target.weight) / shares);
    const begun = performance.now();
    const result = await fuzz(target, seed, first, count, (index) => dog.at(`${target.name} ${index}`));
    done += count;
    findings.push(...result.findings);
    const seconds = (performance.now() - begun) / 1000;
    process.stdout.write(
      `${target.name}: ${count} cases from ${first}, ${result.refused} refused by name, ${result.findings.length} findings, slowest ${result.slowestMs.toFixed(0)} ms (case ${result.slowest}), ${seconds.toFixed(0)} s\n`,
    );
  }
  dog.end();
  const kinds = new Map<string, Finding[]>();
  for (const finding of findings) {
    const kind = `${finding.target}: ${finding.fault.slice(0, 100)}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), finding]);
  }
  for (const [kind, [example]] of [...kinds].slice(0, 60))
    process.stdout.write(`FOUND ${kinds.get(kind)?.length} times, first in case ${example?.index}: ${kind}\n`);
  for (const reason of unhandled.slice(0, 5))
    process.stdout.write(`FOUND a rejection that nobody waited for: ${String(reason)}\n`);
  const peak = Math.round(process.resourceUsage().maxRSS / 1024);
  process.stdout.write(
    `${done} cases, seed ${seed}, ${findings.length + unhandled.length} findings, peak ${peak} MiB resident\n`,
  );
  process.exitCode = findings.length + unhandled.length === 0 ? 0 : 1;
}
