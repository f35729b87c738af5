/** What an engine throws of a graph that it does not compute, naming the op. */
export class NotCoveredError extends TypeError {
  override readonly name = 'NotCoveredError';
}
