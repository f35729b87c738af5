import { test } from 'node:test';
import { runSnippets } from './snippets.ts';

test('the snippet of docs/methods.md runs', () => runSnippets('methods', 1));
