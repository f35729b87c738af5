import { intruderDims } from './intruderDims.ts';
import type { PairProbe } from './probe.ts';
import { weightDistance } from './weightDistance.ts';

/** Every probe of a pair of models, in the order of the help. */
export const pairProbes: readonly PairProbe[] = [intruderDims, weightDistance];
