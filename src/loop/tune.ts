import { type Batches, makeBatches, seededOrder } from '../data/batches.ts';
import { makeCursor } from '../data/cursor.ts';
import { type Dataset, prepareDataset } from '../data/dataset.ts';
import { exampleLines, summarizeDataset, summaryLines } from '../data/preview.ts';
import { readRows } from '../data/reader.ts';
import { byteStream } from '../hub/files-stream.ts';
import { createHash, joinPath } from '../hub/files.ts';
import { sizeOf } from '../ir/types.ts';
import { sft } from '../objectives/sft.ts';
import { adamw } from '../optimizers/adamw.ts';
import { clipByGlobalNorm } from '../optimizers/clipByGlobalNorm.ts';
import { chain } from '../optimizers/optimizer.ts';
import { schedules, warmupSteps } from '../optimizers/schedule.ts';
import type { Engine } from '../runtime/engine.ts';
import { readState, writeState } from './checkpointState.ts';
import type { TuneConfig } from './config.ts';
import type { StopReason, TuneEvent, TuneSummary } from './events.ts';
import { type LoadedModel, tokenizerOf } from './model.ts';
import { initialAdapterOf, openTrained } from './openTrained.ts';
import type { RunFolder } from './runFolder.ts';
import { meanLoss } from './score.ts';
import { makeTrainer } from './trainer.ts';

/** What the platform tells of itself. */
export interface Host {
  /** Names and versions of what computes, for the run's record. */
  readonly versions: Readonly<Record<string, string>>;
  /** Peak resident memory of the process so far. */
  readonly peakBytes?: () => number;
}

export interface TuneOptions {
  readonly runFolder: RunFolder;
  readonly engine: Engine;
  readonly host: Host;
  readonly emit: (event: TuneEvent) => void;
  /** Stops after the step under way and saves. */
  readonly signal?: AbortSignal;
  /** Goes on from the last whole checkpoint. */
  readonly resume?: boolean;
  /** All checks and plans, no step, nothing written. */
  readonly dryRun?: boolean;
}

async function loadData(config: TuneConfig, path: string, loaded: LoadedModel): Promise<Dataset> {
  const { columns, loss, maxLength } = config.data;
  const rows = readRows({ name: path, open: () => byteStream(path) }, columns === undefined ? {} : { columns });
  return prepareDataset(rows, tokenizerOf(loaded), { maxLength, ...(loss === 'auto' ? {} : { loss }) });
}

/** SHA-256 of a file's content, decompressed. */
async function fileFingerprint(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of byteStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

function* allBatches(batches: Batches): Generator<ReturnType<Batches['at']>> {
  for (let position = 0; position < batches.batchesPerEpoch; position++) yield batches.at(0, position);
}

/** Trains as the config says, into a run folder. Throws on data with nothing supervised and on NaN, naming the step. */
export async function tune(config: TuneConfig, options: TuneOptions): Promise<TuneSummary> {
  const loaded = await openTrained(config, options.engine);
  try {
    return await tuneLoaded(config, loaded, options);
  } finally {
    await loaded.close();
  }
}

async function tuneLoaded(config: TuneConfig, loaded: LoadedModel, options: TuneOptions): Promise<TuneSummary> {
  const { runFolder, engine, host, emit, signal, resume = false, dryRun = false } = options;
  const { attached, model } = loaded;
  if (!attached) throw new TypeError('Expected an adapter to train but found none');
  const { data, train, optimizer, schedule } = config;
  for (const message of loaded.notices) emit({ type: 'warning', message });

  const dataset = await loadData(config, data.path, loaded);
  const evaluation = data.evalPath === undefined ? undefined : await loadData(config, data.evalPath, loaded);
  const summary = summarizeDataset(dataset, tokenizerOf(loaded));
  const example = exampleLines(dataset.examples[0] ?? { index: 0, ids: new Int32Array(), mask: new Uint8Array() }, tokenizerOf(loaded));
  const notes = summaryLines(summary, dataset);
  const trained = attached.adapter.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const parameters = model.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

  const shared = { batchSize: train.batchSize, ...(data.packing ? { packLength: data.maxLength } : {}) };
  const batches = makeBatches(dataset.examples, data.shuffle ? { ...shared, order: seededOrder(train.seed) } : shared);
  const evalBatches = evaluation && makeBatches(evaluation.examples, shared);
  const cursor = makeCursor(batches, train.gradientAccumulationSteps);
  const stepsPerEpoch = cursor.windowsPerEpoch;
  const epochSteps = Math.ceil(train.epochs * stepsPerEpoch);
  const steps = train.maxSteps ?? epochSteps;
  const warmup = warmupSteps(schedule.warmupSteps, steps);
  const learningRateAt = (step: number): number => optimizer.learningRate * schedules[schedule.type](step, steps, warmup);

  const trainer = await makeTrainer(loaded, {
    attached,
    objective: sft,
    optimizer: chain(clipByGlobalNorm(optimizer.maxGradNorm), adamw(optimizer)),
    seed: train.seed,
    packed: data.packing,
    recompute: train.gradientCheckpointing,
  });
  const startedAt = performance.now();
  const found = resume ? await runFolder.latestCheckpoint() : undefined;
  for (const { step, reason } of found?.damaged ?? []) emit({ type: 'warning', message: `checkpoint of step ${step} is passed over: ${reason}` });
  if (found?.good) {
    const state = await readState(found.good.path, attached.files, trainer);
    cursor.load(state.cursor);
  }
  emit({
    type: 'started',
    engine: engine.name,
    precision: engine.precision,
    parameters,
    trainedParameters: trained,
    ...(found?.good ? { resumedFrom: trainer.step() } : {}),
  });
  emit({ type: 'preview', summary, notes, example });
  emit({ type: 'plan', steps, stepsPerEpoch, ...(train.maxTimeMinutes === undefined ? {} : { maxTimeMinutes: train.maxTimeMinutes }) });
  const outcome = (stopReason: StopReason, adapterStep: number) => ({
    stopReason,
    step: trainer.step(),
    adapterStep,
    seconds: (performance.now() - startedAt) / 1000,
    ...(host.peakBytes ? { peakBytes: host.peakBytes() } : {}),
  });
  if (dryRun) return { ...outcome('completed', 0), runFolder: runFolder.path };

  if (resume) await runFolder.rewindMetrics(trainer.step());
  else {
    const initial = initialAdapterOf(config);
    const adapterFile = initial === undefined ? {} : { adapter: await fileFingerprint(joinPath(initial, 'adapter_model.safetensors')) };
    await runFolder.start(config, {
      versions: host.versions,
      fingerprints: {
        model: await loaded.checkpoint.fingerprint(),
        data: await fileFingerprint(data.path),
        ...(data.evalPath === undefined ? {} : { evalData: await fileFingerprint(data.evalPath) }),
        ...adapterFile,
      },
      engine: { name: engine.name, precision: engine.precision, ...(config.engine.threads === undefined ? {} : { threads: config.engine.threads }) },
      parameters: { all: parameters, trained },
      preview: { notes, example },
    });
  }

  let saved = found?.good?.step ?? -1;
  const save = async (): Promise<void> => {
    const step = trainer.step();
    if (saved === step) return;
    const { path } = await runFolder.saveCheckpoint(
      step,
      (folder) => writeState(folder, attached.files, trainer, cursor.save()),
      train.saveTotalLimit,
    );
    await attached.files.write(joinPath(runFolder.path, attached.files.folder), { replace: true });
    saved = step;
    emit({ type: 'saved', step, path });
  };
  let evalLoss: number | undefined;
  const evaluate = async (): Promise<void> => {
    if (!evalBatches) return;
    const begun = performance.now();
    const measured = await meanLoss(loaded, allBatches(evalBatches), data.packing);
    evalLoss = measured.loss;
    const event = {
      type: 'eval',
      step: trainer.step(),
      evalLoss,
      supervisedTokens: measured.supervisedTokens,
      evalMs: performance.now() - begun,
    } as const;
    await runFolder.append(event);
    emit(event);
  };

  if (trainer.step() === 0) await evaluate();
  let evaluatedAt = trainer.step();
  let loss: number | undefined;
  let stopReason: StopReason = train.maxSteps !== undefined && train.maxSteps < epochSteps ? 'max-steps' : 'completed';
  while (trainer.step() < steps) {
    const elapsedMinutes = (performance.now() - startedAt) / 60000;
    if (signal?.aborted) {
      stopReason = 'interrupted';
      break;
    }
    if (train.maxTimeMinutes !== undefined && elapsedMinutes >= train.maxTimeMinutes) {
      stopReason = 'max-time';
      break;
    }
    const begun = performance.now();
    const window = cursor.next();
    const learningRate = learningRateAt(trainer.step());
    const result = await trainer.run(window, learningRate);
    ({ loss } = result);
    const event = {
      type: 'step',
      step: trainer.step(),
      epoch: trainer.step() / stepsPerEpoch,
      loss: result.loss,
      learningRate,
      gradNorm: result.gradNorm,
      tokens: window.tokens,
      supervisedTokens: window.supervisedTokens,
      stepMs: performance.now() - begun,
      ...(host.peakBytes ? { peakBytes: host.peakBytes() } : {}),
    } as const;
    await runFolder.append(event);
    emit(event);
    if (train.evalSteps !== undefined && trainer.step() % train.evalSteps === 0) {
      await evaluate();
      evaluatedAt = trainer.step();
    }
    if (trainer.step() % train.saveSteps === 0) await save();
  }
  if (stopReason !== 'interrupted' && evaluatedAt !== trainer.step()) await evaluate();
  await save();
  const done = { type: 'done', ...outcome(stopReason, trainer.step()) } as const;
  await runFolder.append(done);
  await runFolder.writeReport();
  emit(done);
  const { type: _type, ...fields } = done;
  return { ...fields, runFolder: runFolder.path, ...(loss === undefined ? {} : { loss }), ...(evalLoss === undefined ? {} : { evalLoss }) };
}
