import { testOps } from '../conformance.ts';
import { engineOf, found, instructionSets } from './engines.ts';

for (const set of instructionSets) testOps(`the native engine with ${set}`, engineOf(set), found.missing);
