import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { bundle } from './bundle.ts';
import { launchChromium } from './chromium.ts';
import { type Site, type SiteEntry, serveSite } from './server.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Workers and pages of one headless browser. */
export interface BrowserWorkers {
  /** Starts a worker on a page of its own, sends it the task and returns what it answers; rejects with what it failed with. */
  ask(task: object, options?: { readonly isolated?: boolean }): Promise<unknown>;
  /** The same on the page's own thread, through a module that exports `main`. */
  askPage(script: string, task: object): Promise<unknown>;
  close(): Promise<void>;
}

export interface BrowserWorkersOptions {
  /** Further modules, for `askPage`. */
  readonly pages?: readonly string[];
  /** What is served beside them. */
  readonly files?: Readonly<Record<string, SiteEntry>>;
}

/** Chromium with bundles of a worker and of other modules (paths below the root), opened when first asked. */
export function browserWorkers(worker: string, { pages = [], files = {} }: BrowserWorkersOptions = {}): BrowserWorkers {
  let opened: Promise<{ readonly browser: Browser; readonly sites: readonly [Site, Site] }> | undefined;
  const nameOf = (path: string): string => `/${path.replace(/^.*\//, '').replace(/\.ts$/, '.js')}`;
  const open = async () => {
    const scripts = await bundle([worker, ...pages].map((path) => `${root}${path}`));
    const entries = {
      ...files,
      ...scripts,
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
          setTimeout(
            () => reject(new Error('Expected an answer of the worker but found none for ten minutes')),
            600_000,
          );
          started.addEventListener('error', ({ message: text }) => reject(new Error(text)));
          started.addEventListener('message', ({ data }: MessageEvent<{ answer?: unknown; failed?: string }>) => {
            started.terminate();
            if (data.failed === undefined) resolve(data.answer);
            else reject(new Error(data.failed));
          });
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
