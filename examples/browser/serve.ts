/**
 * Serves the page that fine-tunes a model in the browser: bundles it, and sends the headers that give it threads.
 *
 *     node examples/browser/serve.ts
 */
import { fileURLToPath } from 'node:url';
import { bundle } from '../../tools/web/bundle.ts';
import { type Site, serveSite } from '../../tools/web/server.ts';

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The page on a port of this machine; any free one unless given. */
export async function servePage(port?: number): Promise<Site> {
  const scripts = await bundle([pathOf('worker.ts'), pathOf('page/page.ts')]);
  return serveSite(
    {
      '/': { path: pathOf('page') },
      ...scripts,
      '/nano/': { path: pathOf('../../assets/nano') },
      '/tasks/': { path: pathOf('../../assets/tasks') },
      '/onnxruntime-web/': { path: pathOf('../../node_modules/onnxruntime-web/dist') },
    },
    { isolated: true, ...(port === undefined ? {} : { port }) },
  );
}

if (import.meta.main) {
  const { url } = await servePage(8080);
  console.log(`Open ${url} in a browser. Ctrl-C ends.`);
}
