import type { Command } from './command.ts';
import { bashScript } from './completionBash.ts';
import { fishScript } from './completionFish.ts';
import { places } from './completionPlaces.ts';
import { zshScript } from './completionZsh.ts';

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

export const completionCommand: Command = {
  name: 'completion',
  about: `Prints a script that completes commands, options and their values at TAB. Put it where your shell reads it:
  bash   tuneloop completion bash > ~/.local/share/bash-completion/completions/tuneloop
  zsh    tuneloop completion zsh > _tuneloop, in a folder of $fpath
  fish   tuneloop completion fish > ~/.config/fish/completions/tuneloop.fish`,
  options: [
    {
      name: 'shell',
      kind: { type: 'choice', values: Object.keys(scripts) },
      value: 'SHELL',
      required: true,
      positional: true,
      description: 'bash, zsh or fish',
    },
  ],
  stopsBySignal: false,
  async run(args, context) {
    const { commands } = await import('./commands.ts');
    const script = scripts[args.required('shell') as keyof typeof scripts];
    await context.out(script(await places(commands)));
    return 0;
  },
};
