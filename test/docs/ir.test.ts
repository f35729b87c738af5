import { test } from 'node:test';
import { runSnippets } from './snippets.ts';

test('the snippets of docs/ir.md run in order', () => runSnippets('ir', 8));
