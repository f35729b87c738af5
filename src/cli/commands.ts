import type { CommandEntry } from './command.ts';

/** Every command, in the order of the help. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'start',
    summary: 'Fine-tunes the small model inside the package, start to end',
    load: async () => (await import('./start.ts')).startCommand,
  },
  {
    name: 'tune',
    summary: 'Trains a model on data and writes a run folder with an adapter',
    load: async () => (await import('./tune.ts')).tuneCommand(),
  },
  {
    name: 'compare',
    summary: 'Several methods on your model and data: what each gains, forgets and costs',
    load: async () => (await import('./compare.ts')).compareCommand(),
  },
  {
    name: 'score',
    summary: "Log-probabilities of a data set's tokens",
    load: async () => (await import('./score.ts')).scoreCommand,
  },
  {
    name: 'generate',
    summary: 'Text after prompts',
    load: async () => (await import('./generate.ts')).generateCommand,
  },
  {
    name: 'chat',
    summary: 'A conversation at the terminal, the adapter switched off and on',
    load: async () => (await import('./chat.ts')).chatCommand,
  },
  {
    name: 'tokenize',
    summary: 'Token ids of texts and chats',
    load: async () => (await import('./tokenize.ts')).tokenizeCommand,
  },
  {
    name: 'merge',
    summary: 'An adapter and its model as one checkpoint',
    load: async () => (await import('./merge.ts')).mergeCommand,
  },
  {
    name: 'export',
    summary: 'A model as a GGUF file for llama.cpp or an ONNX folder for transformers.js',
    load: async () => (await import('./export.ts')).exportCommand,
  },
  {
    name: 'inspect',
    summary: 'What a checkpoint, adapter or run holds; its programs printed or drawn',
    load: async () => (await import('./inspect.ts')).inspectCommand,
  },
  {
    name: 'papers',
    summary: 'Published methods as recipes, their claims checked over seeds',
    load: async () => (await import('./papers.ts')).papersGroup,
  },
  {
    name: 'probe',
    summary: 'Measures what training changed in the weights',
    load: async () => (await import('./probe.ts')).probeGroup,
  },
  {
    name: 'surgery',
    summary: 'Changes the weights of models: averages, Model Stock, intruder dimensions',
    load: async () => (await import('./surgery.ts')).surgeryGroup,
  },
  {
    name: 'doctor',
    summary: 'What this machine has, and whether the engines work on it',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  {
    name: 'completion',
    summary: 'A script that completes commands and options in bash, zsh or fish',
    load: async () => (await import('./completion.ts')).completionCommand,
  },
];
