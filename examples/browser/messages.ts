/** What the page asks of the worker. */
export type Request =
  | { readonly type: 'train'; readonly provider: 'wasm' | 'webgpu'; readonly steps: number }
  | { readonly type: 'stop' }
  | { readonly type: 'ask'; readonly question: string };

/** An answer of the model to a question that it was not trained on. */
export interface Answer {
  readonly question: string;
  readonly expected: string;
  readonly text: string;
}

/** What the worker tells. */
export type Report =
  | { readonly type: 'opened'; readonly engine: string; readonly parameters: number; readonly trained: number }
  | { readonly type: 'answers'; readonly when: 'before' | 'after'; readonly answers: readonly Answer[] }
  | {
      readonly type: 'step';
      readonly step: number;
      readonly loss: number;
      readonly tokens: number;
      readonly ms: number;
    }
  | { readonly type: 'trained'; readonly steps: number; readonly files: Readonly<Record<string, Blob>> }
  | { readonly type: 'reply'; readonly before: string; readonly after: string }
  | { readonly type: 'failed'; readonly message: string };
