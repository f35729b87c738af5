import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { bundle } from './bundle.ts';
import { launchChromium } from './chromium.ts';
import { type Site, serveSite } from './server.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Workers and pages of one headless browser. */
export interface BrowserWorkers {
  /** Starts a worker on a page of its own, sends it the task and returns what it answers; rejects with what it failed with. */
  ask(task: object, options?: { readonly isolated?: boolean }): Promise<unknown>;
  /** The same on the page's own thread, through a module that exports `main`. */
  askPage(script: string, task: object): Promise<unknown>;
  close(): Promise<void>;
}

/** Chromium with bundles of a worker and of other modules (paths below the root), opened when first asked. */
export function browserWorkers(worker: string, ...others: readonly string[]): BrowserWorkers {
  let opened: Promise<{ readonly browser: Browser; readonly sites: readonly [Site, Site] }> | undefined;
  const nameOf = (path: string): string => `/${path.replace(/^.*\//, '').replace(/\.ts$/, '.js')}`;
  const open = async () => {
    const files = await bundle([worker, ...others].map((path) => `${root}${path}`));
    const entries = {
      ...files,
      '/onnxruntime-web/': { path: `${root}node_modules/onnxruntime-web/dist` },
      '/': { bytes: new TextEncoder().encode('<!doctype html>') },
      '/index.html': { bytes: new TextEncoder().encode('<!doctype html>') },
    };
    const sites = [
      await serveSite(entries, { isolated: false }),
      await serveSite(entries, { isolated: true }),
    ] as const;
    return { browser: await launchChromium(), sites };
  };
  const onPage = async <A>(isolated: boolean, script: string, task: object, run: (argument: [string, object]) => A) => {
    const { browser, sites } = await (opened ??= open());
    const page = await browser.newPage();
    try {
      await page.goto(`${sites[isolated ? 1 : 0].url}index.html`);
      return await page.evaluate(run, [nameOf(script), task] as [string, object]);
    } finally {
      await page.close();
    }
  };
  return {
    ask: (task, { isolated = true } = {}) =>
      onPage(isolated, worker, task, async ([script, message]) => {
        const started = new Worker(script, { type: 'module' });
        return new Promise((resolve, reject) => {
          setTimeout(() => reject(new Error('The worker has not answered for four minutes')), 240_000);
          started.addEventListener('error', ({ message: text }) => reject(new Error(text)));
          started.addEventListener('message', ({ data }: MessageEvent<{ answer?: unknown; failed?: string }>) => {
            started.terminate();
            if (data.failed === undefined) resolve(data.answer);
            else reject(new Error(data.failed));
          });
          // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has none
          started.postMessage(message);
        });
      }),
    askPage: (script, task) =>
      onPage(true, script, task, async ([path, argument]) => {
        const { main } = (await import(path)) as { main: (argument: object) => Promise<unknown> };
        return main(argument);
      }),
    close: async () => {
      if (!opened) return;
      const { browser, sites } = await opened;
      await browser.close();
      for (const site of sites) await site.close();
    },
  };
}
