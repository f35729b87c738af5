import { UsageError } from '../loop/usageError.ts';
import type { Option } from './args.ts';

export const paperOption: Option = {
  name: 'paper',
  kind: { type: 'text' },
  value: 'N',
  required: true,
  positional: true,
  description: 'Number or slug of the paper',
};

/** Runs what throws for a name that is none; the error then says which option it is of. */
export function paperNamedBy<T>(find: () => T): T {
  try {
    return find();
  } catch (cause) {
    throw cause instanceof UsageError ? new UsageError(`N: ${cause.message}`, { cause }) : cause;
  }
}
