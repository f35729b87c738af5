import {
  fileIn,
  joinPath,
  jsonIn,
  listFolder,
  makeFolder,
  pathKind,
  readTextFile,
  writeFileAtomic,
  writeJsonFile,
} from '../hub/files.ts';
import { appendText } from '../hub/files-append.ts';
import { assertWritableFolder, isLeftover, removeLeftovers, removePath } from '../hub/files-remove.ts';
import { parseJson, recordOf } from '../hub/json.ts';
import {
  type Checkpoint,
  checkpointOf,
  type CheckpointSearch,
  type Keeping,
  latestCheckpoint,
  dropOutdated,
  saveCheckpoint,
} from './checkpoints.ts';
import type { TuneConfig } from './config.ts';
import type { DoneEvent, LossPer, MetricsLine } from './events.ts';
import { formatMetrics, metricsUpTo, parseMetrics } from './metrics.ts';
import type { MemoryPlan } from './memoryPlan.ts';
import { parseConfig } from './parseConfig.ts';
import { renderReport } from './report.ts';
import type { TimePlan } from './timePlan.ts';
import type { SampleSet } from './samples.ts';
import { UsageError } from './usageError.ts';

/** What a run knows of itself beyond its config; stands under `run` in config.json. */
export interface RunRecord {
  readonly versions: Readonly<Record<string, string>>;
  /** SHA-256 of what the run reads. */
  readonly fingerprints: {
    readonly model: string;
    readonly data: string;
    readonly evalData?: string;
    /** Of the modules' files alone. */
    readonly formatter?: string;
    readonly reward?: string;
    readonly adapter?: string;
  };
  readonly engine: {
    readonly name: string;
    readonly precision: string;
    readonly instructionSet?: string;
    readonly threads?: number;
  };
  readonly parameters: { readonly all: number; readonly trained: number };
  /** When the run was started, ISO 8601. */
  readonly startedAt?: string;
  /** What is trained on, in sentences, and one example with `+` before each learned token. */
  readonly preview: { readonly notes: readonly string[]; readonly example: readonly string[] };
  /** What the loss is the mean of, where not of tokens. */
  readonly lossPer?: LossPer;
  /** Peaks of memory and time that were planned before the first step. */
  readonly plan?: Partial<MemoryPlan & TimePlan>;
}

/** The files of one run. */
export interface RunFolder {
  readonly path: string;
  /** Where the adapter in PEFT format goes. */
  readonly adapterPath: string;
  /** Writes config.json, the first file; a run that is overwritten goes away before it. */
  start(config: TuneConfig, run: RunRecord): Promise<void>;
  /** The config that the run was started with and its record. Error for a folder without a config.json. */
  read(): Promise<{ readonly config: TuneConfig; readonly run: RunRecord }>;
  /** Rewrites the config of a run that goes on under another limit. */
  replaceConfig(config: TuneConfig): Promise<void>;
  append(line: MetricsLine): Promise<void>;
  metrics(): Promise<MetricsLine[]>;
  /** Answers to the same prompts after some steps; those of a step that is there already are not added. */
  samples(): Promise<SampleSet[]>;
  addSamples(samples: SampleSet): Promise<void>;
  /** Drops the lines past `step`, a broken last line and the end, so that no step stands there twice. */
  rewindMetrics(step: number): Promise<void>;
  /** Writes checkpoints/step-N whole or not at all; those that are not kept go. */
  saveCheckpoint(step: number, write: (folder: string) => Promise<void>, keeping?: Keeping): Promise<Checkpoint>;
  /** The checkpoint of a step; Error where it is not there or damaged. */
  checkpointOf(step: number): Promise<Checkpoint>;
  /** Removes the checkpoints that are not kept. */
  dropOutdated(keeping: Keeping): Promise<void>;
  /** The newest whole checkpoint; damaged ones are passed over and named. */
  latestCheckpoint(): Promise<CheckpointSearch>;
  /** The run's last line where it ended by itself or at a limit; undefined while there is more to do. */
  finished(): Promise<DoneEvent | undefined>;
  /** Writes report.html of these lines. */
  writeReport(metrics: readonly MetricsLine[]): Promise<void>;
}

const configName = 'config.json';
const entries = [
  configName,
  'metrics.jsonl',
  'samples.jsonl',
  'base.json',
  'adapter',
  'model',
  'checkpoints',
  'report.html',
];

/** A config.json to config and record; `run` may be absent. */
function parseRunConfig(value: unknown, file: string): { config: TuneConfig; run: RunRecord | undefined } {
  const { run, ...config } = recordOf(value, file);
  return {
    config: parseConfig(config, (path) => (path === '' ? file : `${file}: ${path}`)),
    run: run as RunRecord | undefined,
  };
}

/** The files of a run at `path`, whatever is there. */
export function runFolderAt(path: string, overwrite = false): RunFolder {
  const at = (name: string): string => joinPath(path, name);
  const configPath = at(configName);
  const metricsPath = at('metrics.jsonl');
  const samplesPath = at('samples.jsonl');
  /** RangeError where a link stands there that leads out of the run. */
  const checkpoints = async (): Promise<string> => (await fileIn(path, 'checkpoints')) ?? at('checkpoints');

  const read: RunFolder['read'] = async () => {
    const found = await jsonIn(path, configName);
    if (found === undefined) throw new Error(`${path}: expected a run folder with ${configName} but found none`);
    const { config, run } = parseRunConfig(found, configPath);
    if (run === undefined) throw new SyntaxError(`${configPath}: run is missing`);
    return { config, run };
  };
  const metrics = async (): Promise<MetricsLine[]> =>
    (await pathKind(metricsPath)) === undefined ? [] : parseMetrics(await readTextFile(metricsPath));

  const samples = async (): Promise<SampleSet[]> => {
    if ((await pathKind(samplesPath)) === undefined) return [];
    const lines = (await readTextFile(samplesPath)).trimEnd().split('\n');
    return lines.map((line, i) => parseJson(line, `${samplesPath}, line ${i + 1}`) as SampleSet);
  };

  return {
    path,
    adapterPath: at('adapter'),
    async start(config, run) {
      if (overwrite) for (const name of entries.toReversed()) await removePath(at(name));
      await makeFolder(path);
      await removeLeftovers(path);
      await writeJsonFile(configPath, { ...config, run });
    },
    read,
    async replaceConfig(config) {
      const { run } = await read();
      await writeJsonFile(configPath, { ...config, run });
    },
    append: (line) => appendText(metricsPath, formatMetrics([line])),
    metrics,
    samples,
    async addSamples(set) {
      const there = await samples();
      if (there.some(({ step }) => step === set.step)) return;
      await writeFileAtomic(samplesPath, [...there, set].map((line) => `${JSON.stringify(line)}\n`).join(''));
    },
    async rewindMetrics(step) {
      await removeLeftovers(path);
      await writeFileAtomic(metricsPath, formatMetrics(metricsUpTo(await metrics(), step)));
    },
    dropOutdated: async (keeping) => dropOutdated(await checkpoints(), keeping),
    saveCheckpoint: async (step, write, keeping) => saveCheckpoint(await checkpoints(), step, write, keeping),
    checkpointOf: async (step) => checkpointOf(await checkpoints(), step),
    latestCheckpoint: async () => latestCheckpoint(await checkpoints()),
    async finished() {
      const last = (await metrics()).at(-1);
      return last?.type === 'done' && last.stopReason !== 'interrupted' ? last : undefined;
    },
    async writeReport(lines) {
      const report = renderReport({ ...(await read()), metrics: lines, samples: await samples() });
      await writeFileAtomic(at('report.html'), report);
    },
  };
}

/** The folder of a run to come; nothing is written yet. UsageError for a run that is there already, unless `overwrite`; Error where nothing can be written. */
export async function newRunFolder(path: string, options: { readonly overwrite?: boolean } = {}): Promise<RunFolder> {
  const { overwrite = false } = options;
  const kind = await pathKind(path);
  if (kind === 'file') throw new Error(`Cannot write ${path}: it is a file`);
  const names = kind === 'folder' ? (await listFolder(path)).filter((name) => !isLeftover(name)) : [];
  if (names.includes(configName) && !overwrite) {
    throw new UsageError(
      `${path}: expected a new folder but found a run; --overwrite replaces it, --resume goes on with it`,
    );
  }
  if (names.length > 0 && !names.includes(configName)) {
    throw new UsageError(`${path}: expected a new folder, an empty one or a run but found ${names[0]} in it`);
  }
  await assertWritableFolder(path);
  return runFolderAt(path, overwrite);
}

/** The folder of a run to go on with. Error where there is none. */
export async function openRunFolder(path: string): Promise<RunFolder> {
  const folder = runFolderAt(path);
  await folder.read();
  return folder;
}
