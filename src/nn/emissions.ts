import { checkpointAll } from '../ir/checkpoint.ts';
import { at, type Value } from '../ir/graph.ts';

/** What a wrap hands out of the graph beside its layer's value. */
export type Emission =
  /** A scalar that is minimised too, `weight` times; terms of one name are added up. A mean over tokens keeps accumulation exact. */
  | { readonly kind: 'loss'; readonly name: string; readonly value: Value; readonly weight: number }
  /** A scalar to look at, such as the share of tokens that a gate sends one way; those of one name are averaged. */
  | { readonly kind: 'metric'; readonly name: string; readonly value: Value }
  /** The value that the named state has after this pass. */
  | { readonly kind: 'state'; readonly name: string; readonly value: Value };

/** Collects what wraps emit while a graph is built. */
export interface Emissions {
  emit(emission: Emission): void;
  /** Runs `build` and keeps what it emits apart. */
  capture<T>(build: () => T): { readonly result: T; readonly emitted: readonly Emission[] };
  all(): readonly Emission[];
}

export function makeEmissions(): Emissions {
  let current: Emission[] = [];
  const emit = (emission: Emission): void => {
    const { kind, name, value } = emission;
    if (kind !== 'state' && value.type.shape.length > 0)
      throw new RangeError(`Expected a scalar for ${kind} ${name} but found [${value.type.shape.join(', ')}]`);
    if (kind === 'state' && current.some((other) => other.kind === 'state' && other.name === name))
      throw new RangeError(`Expected one new value of state ${name} but found two`);
    current.push(emission);
  };
  return {
    emit,
    capture: (build) => {
      const outer = current;
      current = [];
      try {
        return { result: build(), emitted: current };
      } finally {
        current = outer;
      }
    },
    all: () => current,
  };
}

/** f(x) computed again for the gradient; what f emits comes out of the recomputed part as its further results. */
export function recomputed(f: (x: Value) => Value, x: Value, emissions: Emissions): Value {
  let emitted: readonly Emission[] = [];
  const compute = checkpointAll((operand: Value) => {
    const captured = emissions.capture(() => f(operand));
    emitted = captured.emitted;
    return [captured.result, ...emitted.map(({ value }) => value)];
  });
  const [y, ...values] = compute(x);
  emitted.forEach((emission, index) => emissions.emit({ ...emission, value: at(values, index) }));
  return y ?? x;
}
