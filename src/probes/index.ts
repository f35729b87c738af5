import { intruderDims } from './intruderDims.ts';
import type { PairProbe } from './probe.ts';

/** Every probe of a pair of models, in the order of the help. */
export const pairProbes: readonly PairProbe[] = [intruderDims];
