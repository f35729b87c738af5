/** The URL of the module called `name` beside the one at `url`, for threads and processes of their own. A package holds compiled files beside each other under the other ending. */
export const moduleBeside = (url: string, name: string): URL =>
  new URL(`./${name}${url.endsWith('.ts') ? '.ts' : '.js'}`, url);
