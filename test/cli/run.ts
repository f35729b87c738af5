import { runProgram } from '../../src/cli/program.ts';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the program in this process. */
export async function runCli(
  argv: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<Outcome> {
  let [out, err] = ['', ''];
  const terminal = {
    out: async (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    tty: false,
  };
  const code = await runProgram(argv, terminal, { signal, expectStop: () => {} });
  return { code, out, err };
}
