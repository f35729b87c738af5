import { at } from '../../ir/graph.ts';
import type { Attrs } from '../../ir/op.ts';
import type { TensorType } from '../../ir/types.ts';
import type { Builder } from './builder.ts';
import { elementwiseRules } from './elementwiseRules.ts';
import { indexRules } from './indexRules.ts';
import { modelRules } from './modelRules.ts';
import { movingRules } from './movingRules.ts';
import { productRules } from './productRules.ts';
import type { Ref } from './ref.ts';
import { reductionRules } from './reductionRules.ts';
import { windowRules } from './windowRules.ts';

/** What a rule may know of the node that it lowers. */
export interface RuleContext {
  readonly build: Builder;
  readonly inputs: readonly (Ref | null)[];
  readonly attrs: Attrs;
  readonly outputTypes: readonly TensorType[];
}

/** Lowers a node to calls, one value per output; null where its decomposition shall be lowered instead. */
export type Rule = (context: RuleContext) => readonly Ref[] | null;

/** By the op's name. An op that is not here is decomposed. */
export const rules: ReadonlyMap<string, Rule> = new Map(
  Object.entries({
    ...elementwiseRules,
    ...movingRules,
    ...reductionRules,
    ...indexRules,
    ...productRules,
    ...windowRules,
    ...modelRules,
  }),
);

/** The type of a node's first output. */
export const outputType = ({ outputTypes }: RuleContext): TensorType => at(outputTypes, 0);
