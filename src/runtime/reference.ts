import type { Graph } from '../ir/graph.ts';
import { verify } from '../ir/verify.ts';
import type { Dense } from '../ir/types.ts';
import { evaluate } from './evaluate.ts';
import type { Engine, Program, RunOptions, Tensors } from './engine.ts';
import { bindings, checkedInputs, placeOutputs } from './program.ts';
import { randomService } from './random.ts';
import type { Tensor } from './tensor.ts';

const toDense = ({ dtype, shape, data }: Tensor): Dense => ({ dtype, shape, data: Float64Array.from(data) });

/** The judge: every op in f64, rounded only where values leave the program. Clear, not fast. */
export function referenceEngine(): Engine {
  let programs = 0;
  const load = async (graph: Graph): Promise<Program> => {
    verify(graph);
    programs++;
    const bound = bindings(graph);
    let released = false;
    return {
      graph,
      bind: bound.bind,
      run: async (inputs: Tensors, options: RunOptions = {}) => {
        if (released) throw new TypeError('Expected a loaded program but it was released');
        const leaves = { ...checkedInputs(graph, inputs), ...(await bound.values()) };
        const dense = Object.fromEntries(Object.entries(leaves).map(([name, leaf]) => [name, toDense(leaf)]));
        const results = evaluate(graph, dense);
        const outputs = placeOutputs(graph, leaves, options);
        for (const [name, output] of Object.entries(outputs)) output.data.set(results[name]?.data ?? []);
        bound.touchWritten();
        return outputs;
      },
      release: () => {
        if (!released) programs--;
        released = true;
      },
    };
  };
  return {
    name: 'reference',
    precision: 'f64',
    random: randomService(),
    load,
    memory: () => ({ scratchBytes: 0, peakScratchBytes: 0, programs }),
    close: () => {},
  };
}
