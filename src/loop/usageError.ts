/** Wrong usage: an unknown option or key, a value that is missing or malformed. The command line ends with code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
