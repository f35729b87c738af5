import { average } from './average.ts';
import { interpolate } from './interpolate.ts';
import { intruderDims } from './intruderDims.ts';
import { modelStock } from './modelStock.ts';
import type { SurgeryUnit } from './surgery.ts';

/** Every surgery, in the order of the help. */
export const surgeries: readonly SurgeryUnit[] = [average, interpolate, modelStock, intruderDims];
