import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  String.raw`C:\Program Files\Google\Chrome\Application\chrome.exe`,
];

/** Path of a Chromium on this machine: the one that CHROMIUM names, or one in the usual places. */
export function findChromium(): string | undefined {
  const named = process.env['CHROMIUM'];
  return named === undefined || named === '' ? places.find((path) => existsSync(path)) : named;
}

/** Why browser tests cannot run here; false where they can. */
export const noChromium: string | false =
  findChromium() === undefined ? 'there is no Chromium; CHROMIUM may name one' : false;

/** Headless Chromium without a network of its own, with WebGPU on SwiftShader. Error where there is none. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('Expected Chromium on this machine but found none');
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--ignore-gpu-blocklist',
    ],
  });
}
