import { test } from 'node:test';
import { runSnippets } from './snippets.ts';

test('the snippets of docs/linalg.md run in order', () => runSnippets('linalg', 3));
