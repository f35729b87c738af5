import type { OnnxArray, OnnxElementType } from './dtypes.ts';
import { checkTensorBytes, elementCount, isOnnxArray, onnxTypeCode } from './dtypes.ts';
import type { ProtobufWriter } from './protobuf.ts';
import { protobufWriter } from './protobuf.ts';

/** A constant: elements in row-major order, little-endian. */
export interface OnnxTensor {
  readonly name: string;
  readonly dtype: OnnxElementType;
  readonly shape: readonly number[];
  readonly data: OnnxArray;
}

/** An attribute names its ONNX kind, because a number alone does not say int or float. */
export type OnnxAttribute =
  | { readonly int: number | bigint }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly (number | bigint)[] }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly tensor: OnnxTensor };

/** One operator call; an empty input or output name is an optional one left out. */
export interface OnnxNode {
  readonly opType: string;
  readonly domain?: string;
  /** Shown in profiles and in ONNX Runtime's error messages. */
  readonly name?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** A graph input or output; an axis whose size is only known when it runs has a name. */
export interface OnnxValue {
  readonly name: string;
  readonly dtype: OnnxElementType;
  readonly shape: readonly (number | string)[];
}

/** A model: nodes in topological order. */
export interface OnnxModel {
  readonly name?: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly initializers?: readonly OnnxTensor[];
  /** Operator set version per domain; defaults to `defaultOpsets`. */
  readonly opsets?: Readonly<Record<string, number>>;
}

/** The operator sets that emitted graphs use. */
export const defaultOpsets: Readonly<Record<string, number>> = { '': 20, 'com.microsoft': 1 };

const IR_VERSION = 10;

// Protobuf refuses messages of 2 GiB and more.
const MAX_MODEL_BYTES = 2 ** 31 - 1;

// AttributeProto.AttributeType
const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8 } as const;

function writeTensor(out: ProtobufWriter, tensor: OnnxTensor): void {
  if (!isOnnxArray(tensor.dtype, tensor.data)) {
    throw new TypeError(
      `Expected the array of ${tensor.dtype} at ${tensor.name} but found ${tensor.data.constructor.name}`,
    );
  }
  checkTensorBytes(tensor.name, tensor.dtype, tensor.shape, tensor.data.byteLength);
  for (const size of tensor.shape) out.int(1, size);
  out.int(2, onnxTypeCode(tensor.dtype));
  out.string(8, tensor.name);
  out.bytes(9, new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
}

function writeAttribute(out: ProtobufWriter, name: string, attribute: OnnxAttribute): void {
  out.string(1, name);
  if ('float' in attribute) {
    out.float(2, attribute.float);
    out.int(20, attributeTypes.float);
  } else if ('int' in attribute) {
    out.int(3, attribute.int);
    out.int(20, attributeTypes.int);
  } else if ('string' in attribute) {
    out.string(4, attribute.string);
    out.int(20, attributeTypes.string);
  } else if ('tensor' in attribute) {
    out.message(5, () => writeTensor(out, attribute.tensor));
    out.int(20, attributeTypes.tensor);
  } else if ('floats' in attribute) {
    for (const value of attribute.floats) out.float(7, value);
    out.int(20, attributeTypes.floats);
  } else if ('ints' in attribute) {
    for (const value of attribute.ints) out.int(8, value);
    out.int(20, attributeTypes.ints);
  } else {
    for (const value of attribute.strings) out.string(9, value);
    out.int(20, attributeTypes.strings);
  }
}

function writeNode(out: ProtobufWriter, node: OnnxNode): void {
  for (const input of node.inputs) out.string(1, input);
  for (const output of node.outputs) out.string(2, output);
  if (node.name !== undefined) out.string(3, node.name);
  out.string(4, node.opType);
  for (const [name, attribute] of Object.entries(node.attributes ?? {})) {
    out.message(5, () => writeAttribute(out, name, attribute));
  }
  if (node.domain !== undefined && node.domain !== '') out.string(7, node.domain);
}

function writeValue(out: ProtobufWriter, value: OnnxValue): void {
  elementCount(value.shape.filter((size) => typeof size === 'number'));
  out.string(1, value.name);
  out.message(2, () =>
    out.message(1, () => {
      out.int(1, onnxTypeCode(value.dtype));
      out.message(2, () => {
        for (const size of value.shape)
          out.message(1, () => (typeof size === 'number' ? out.int(1, size) : out.string(2, size)));
      });
    }),
  );
}

function writeGraph(out: ProtobufWriter, model: OnnxModel): void {
  for (const node of model.nodes) out.message(1, () => writeNode(out, node));
  out.string(2, model.name ?? 'graph');
  for (const tensor of model.initializers ?? []) out.message(5, () => writeTensor(out, tensor));
  for (const input of model.inputs) out.message(11, () => writeValue(out, input));
  for (const output of model.outputs) out.message(12, () => writeValue(out, output));
}

function checkDomains(model: OnnxModel, opsets: Readonly<Record<string, number>>): void {
  for (const node of model.nodes) {
    const domain = node.domain ?? '';
    if (!Object.hasOwn(opsets, domain)) {
      throw new RangeError(
        `Expected an opset version for domain '${domain}' of ${node.opType} but found only '${Object.keys(opsets).join("', '")}'`,
      );
    }
  }
}

/** Serialised ModelProto (onnx.proto, IR version 10); RangeError for lying shapes, unknown domains and models of 2 GiB. */
export function encodeOnnx(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const opsets = model.opsets ?? defaultOpsets;
  checkDomains(model, opsets);
  const constants = (model.initializers ?? []).reduce((sum, tensor) => sum + tensor.data.byteLength, 0);
  if (constants > MAX_MODEL_BYTES)
    throw new RangeError(`Expected a model below 2 GiB but its initializers take ${constants} bytes`);
  const out = protobufWriter(constants + 256 * model.nodes.length + 4096);
  out.int(1, IR_VERSION);
  out.string(2, 'tuneloop');
  out.message(7, () => writeGraph(out, model));
  for (const [domain, version] of Object.entries(opsets)) {
    out.message(8, () => {
      out.string(1, domain);
      out.int(2, version);
    });
  }
  const bytes = out.finish();
  if (bytes.length > MAX_MODEL_BYTES)
    throw new RangeError(`Expected a model below 2 GiB but it takes ${bytes.length} bytes`);
  return bytes;
}
