import { after } from 'node:test';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { testOps } from './conformance.ts';

const engine = ortEngine({ threads: 2 });
after(() => engine.close());

testOps('ONNX Runtime', () => engine);
