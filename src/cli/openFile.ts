import { spawn } from 'node:child_process';

type Environment = Readonly<Record<string, string | undefined>>;

/** The program that shows a file on this desktop; undefined where there is none. */
export function opener(platform: string, env: Environment): readonly [command: string, ...args: string[]] | undefined {
  // Somebody who works over a network sees no window of this machine.
  if (env['CI'] || env['SSH_CONNECTION']) return undefined;
  if (platform === 'darwin') return ['open'];
  if (platform === 'win32') return ['cmd', '/c', 'start', ''];
  return env['DISPLAY'] || env['WAYLAND_DISPLAY'] ? ['xdg-open'] : undefined;
}

/** Shows a file and does not wait; that it cannot be shown is no error. */
export function openFile(path: string, platform: string, env: Environment): void {
  const found = opener(platform, env);
  if (!found) return;
  const [command, ...args] = found;
  const child = spawn(command, [...args, path], { detached: true, stdio: 'ignore' });
  child.on('error', () => {});
  child.unref();
}
