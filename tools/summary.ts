import { isAbsolute, relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

/** Turns the events of a test run into lines: failures whole, skips with their reason, what tests print, then the counts. */
export interface Summary {
  take(event: TestEvent): void;
  /** Prints the failures again by name and the last line; true when something ran and nothing failed. */
  end(): boolean;
}

/** A summary that prints through `print` and names files relative to `root`. */
export function createSummary(print: (line: string) => void, root: string): Summary {
  const failures: string[] = [];
  let passed = 0;
  let skipped = 0;

  const where = (data: {
    readonly name: string;
    readonly file?: string | undefined;
    readonly line?: number | undefined;
  }) => {
    const file = data.file === undefined ? '' : relative(root, data.file);
    return isAbsolute(data.name) ? relative(root, data.name) : `${file}:${data.line ?? 0} ${data.name}`;
  };
  const fail = (title: string, detail: string) => {
    failures.push(title);
    print(`FAILED ${title}\n${detail.replaceAll(/^/gm, '    ')}`);
  };

  return {
    take(event) {
      if (event.type === 'test:stdout' || event.type === 'test:stderr') {
        print(event.data.message.trimEnd());
      } else if (event.type === 'test:diagnostic' && event.data.file !== undefined) {
        // An error past the end of its test fails the file and is told nowhere else.
        print(`${relative(root, event.data.file)}: ${event.data.message}`);
      } else if (event.type === 'test:pass') {
        if (event.data.details.type === 'suite') return;
        const reason = event.data.skip ?? event.data.todo;
        if (reason !== undefined) {
          skipped += 1;
          print(`skipped ${where(event.data)}${typeof reason === 'string' ? `: ${reason}` : ''}`);
        } else if (isAbsolute(event.data.name) || event.data.name === relative(root, event.data.file ?? '')) {
          fail(where(event.data), 'The file holds no test.');
        } else {
          passed += 1;
        }
      } else if (event.type === 'test:fail') {
        const { error, type } = event.data.details;
        const kind = 'failureType' in error ? error.failureType : undefined;
        if (kind === 'subtestsFailed') return;
        if (event.data.todo !== undefined) fail(where(event.data), 'A test marked "todo" fails.');
        else
          fail(
            `${where(event.data)}${type === 'suite' ? ' (suite)' : ''}`,
            inspect(error.cause instanceof Error ? error.cause : error),
          );
      }
    },
    end() {
      for (const title of failures) print(`FAILED ${title}`);
      if (passed + failures.length === 0) print('No test was executed.');
      print(`${passed} passed, ${failures.length} failed, ${skipped} skipped`);
      return passed > 0 && failures.length === 0;
    },
  };
}
