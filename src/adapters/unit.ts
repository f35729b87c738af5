import type { z } from 'zod';
import type { TaskModel } from '../nn/model.ts';
import type { Shape } from '../ir/types.ts';
import type { Adapter } from './adapter.ts';

/** A figure of an adapter, for people. */
export type Described = number | boolean | string | readonly number[] | readonly string[];

/** One kind of adapter: its part of a run's config, and how it comes about. */
export interface AdapterUnit<T extends string, S extends z.ZodType = z.ZodType> {
  readonly type: T;
  /** A strict object whose `type` is this unit's; `init` in it names a PEFT folder to start from. */
  readonly schema: S;
  /** What is trained are the model's own weights, of which nothing stays frozen. */
  readonly trainsBase?: true;
  /** A new one. Throws on what does not fit the model. */
  make(config: z.output<S>, model: TaskModel): Adapter;
  /** Where PEFT has it. */
  readonly peft?: {
    /** PEFT's peft_type. */
    readonly type: string;
    /** The adapter that a folder's config and the tensors in it (by name after `base_model.model.`) describe. `file` is what errors call the config. */
    read(
      config: Readonly<Record<string, unknown>>,
      tensors: ReadonlyMap<string, Shape>,
      model: TaskModel,
      file: string,
    ): Adapter;
    /** What a folder's config and the names of its tensors say of the adapter, without the model. */
    describe(
      config: Readonly<Record<string, unknown>>,
      tensors: readonly string[],
      file: string,
    ): Readonly<Record<string, Described>>;
  };
}
