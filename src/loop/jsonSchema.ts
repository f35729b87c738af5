import { isRecord } from '../hub/json.ts';

/** What a JSON text may be, from a JSON Schema: the alternatives of one place. */
export type JsonShape =
  | {
      readonly kind: 'object';
      readonly properties: ReadonlyMap<string, JsonRule>;
      readonly required: ReadonlySet<string>;
      readonly rest: JsonRule | undefined;
    }
  | { readonly kind: 'array'; readonly items: JsonRule; readonly least: number; readonly most: number }
  | { readonly kind: 'string'; readonly least: number; readonly most: number }
  | { readonly kind: 'number'; readonly integer: boolean }
  | { readonly kind: 'literals'; readonly texts: readonly string[] };

/** Alternatives, found when they are asked for, so that schemas may refer to themselves. */
export type JsonRule = () => readonly JsonShape[];

const annotations = new Set([
  '$schema',
  '$id',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
  'format',
  'strict',
]);

const byType: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength'],
  number: [],
  integer: [],
  boolean: [],
  null: [],
};

const anything: JsonRule = () => anyShapes;
const anyShapes: readonly JsonShape[] = [
  { kind: 'object', properties: new Map(), required: new Set(), rest: anything },
  { kind: 'array', items: anything, least: 0, most: Number.POSITIVE_INFINITY },
  { kind: 'string', least: 0, most: Number.POSITIVE_INFINITY },
  { kind: 'number', integer: false },
  { kind: 'literals', texts: ['true', 'false', 'null'] },
];

/** Any JSON value. */
export const anyJson: JsonRule = anything;

/** Any JSON object. */
export const anyJsonObject: JsonRule = () => anyShapes.slice(0, 1);

function countAt(schema: Readonly<Record<string, unknown>>, key: string, where: string, fallback: number): number {
  const value = schema[key] ?? fallback;
  if (typeof value === 'number' && (value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value >= 0)))
    return value;
  throw new TypeError(`${where}/${key}: expected a whole number but found ${JSON.stringify(value)}`);
}

/**
 * The rule of a JSON Schema: type, properties, required, additionalProperties, items, minItems, maxItems, minLength,
 * maxLength, enum, const, anyOf, oneOf (read as anyOf) and local $ref. Annotations and `format` are passed over. TypeError
 * that names where a keyword stands which is not honoured.
 */
export function jsonRule(root: unknown): JsonRule {
  const known = new Map<unknown, JsonRule>();

  function resolve(ref: unknown, where: string): { readonly schema: unknown; readonly at: string } {
    if (typeof ref !== 'string' || !(ref === '#' || ref.startsWith('#/')))
      throw new TypeError(`${where}/$ref: expected a reference inside the schema but found ${JSON.stringify(ref)}`);
    const path = ref === '#' ? [] : ref.slice(2).split('/');
    let found = root;
    for (const part of path) {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      found = isRecord(found) && Object.hasOwn(found, key) ? found[key] : undefined;
    }
    if (found === undefined)
      throw new TypeError(`${where}/$ref: expected a part of the schema at ${ref} but found none`);
    return { schema: found, at: ref };
  }

  function shapesOfType(type: unknown, schema: Readonly<Record<string, unknown>>, where: string): JsonShape[] {
    if (type === 'boolean') return [{ kind: 'literals', texts: ['true', 'false'] }];
    if (type === 'null') return [{ kind: 'literals', texts: ['null'] }];
    if (type === 'number' || type === 'integer') return [{ kind: 'number', integer: type === 'integer' }];
    if (type === 'string') {
      const most = countAt(schema, 'maxLength', where, Number.POSITIVE_INFINITY);
      return [{ kind: 'string', least: countAt(schema, 'minLength', where, 0), most }];
    }
    if (type === 'array') {
      const most = countAt(schema, 'maxItems', where, Number.POSITIVE_INFINITY);
      const items = rule(schema['items'] ?? true, `${where}/items`);
      return [{ kind: 'array', items, least: countAt(schema, 'minItems', where, 0), most }];
    }
    const properties = schema['properties'] ?? {};
    const required = schema['required'] ?? [];
    if (!isRecord(properties)) throw new TypeError(`${where}/properties: expected an object`);
    if (!Array.isArray(required) || !required.every((name) => typeof name === 'string'))
      throw new TypeError(`${where}/required: expected a list of names`);
    const missing = required.find((name) => !Object.hasOwn(properties, name));
    if (missing !== undefined) throw new TypeError(`${where}/required: expected ${missing} among the properties`);
    const awkward = Object.keys(properties).find((name) => JSON.stringify(name) !== `"${name}"`);
    if (awkward !== undefined)
      throw new TypeError(
        `${where}/properties: expected names that need no escapes but found ${JSON.stringify(awkward)}`,
      );
    // What is not described is only allowed where the schema says so, as structured outputs have it.
    const rest = schema['additionalProperties'] ?? Object.keys(properties).length === 0;
    return [
      {
        kind: 'object',
        properties: new Map(
          Object.entries(properties).map(([name, each]) => [name, rule(each, `${where}/properties/${name}`)]),
        ),
        required: new Set(required),
        rest: rest === false ? undefined : rule(rest, `${where}/additionalProperties`),
      },
    ];
  }

  function shapesOf(schema: Readonly<Record<string, unknown>>, where: string): readonly JsonShape[] {
    const literals = 'const' in schema ? [schema['const']] : schema['enum'];
    const alternatives = schema['anyOf'] ?? schema['oneOf'];
    const types = [schema['type'] ?? []].flat();
    const used = literals !== undefined || schema['$ref'] !== undefined || alternatives !== undefined;
    const honoured = new Set(used ? ['const', 'enum', '$ref', 'anyOf', 'oneOf', 'type'] : ['type']);
    for (const type of types) {
      if (typeof type !== 'string' || !Object.hasOwn(byType, type)) {
        const expected = Object.keys(byType).join(', ');
        throw new TypeError(`${where}/type: expected ${expected} but found ${JSON.stringify(type)}`);
      }
      if (!used) for (const key of byType[type] ?? []) honoured.add(key);
    }
    const implied = types.length === 0 && ('properties' in schema || 'required' in schema) ? ['object'] : types;
    if (implied !== types) for (const key of byType['object'] ?? []) honoured.add(key);
    const other = Object.keys(schema).find((key) => !honoured.has(key) && !annotations.has(key));
    if (other !== undefined) throw new TypeError(`${where}/${other}: this keyword of JSON Schema is not honoured here`);
    if (literals !== undefined) {
      if (!Array.isArray(literals) || literals.length === 0)
        throw new TypeError(`${where}/enum: expected a list of values`);
      return [{ kind: 'literals', texts: literals.map((value) => JSON.stringify(value)) }];
    }
    if (schema['$ref'] !== undefined) {
      const { schema: found, at } = resolve(schema['$ref'], where);
      return rule(found, at)();
    }
    if (alternatives !== undefined) {
      if (!Array.isArray(alternatives)) throw new TypeError(`${where}/anyOf: expected a list of schemas`);
      return alternatives.flatMap((each, i) => rule(each, `${where}/anyOf/${i}`)());
    }
    if (implied.length === 0) return anyShapes;
    return implied.flatMap((type) => shapesOfType(type, schema, where));
  }

  function rule(schema: unknown, where: string): JsonRule {
    if (schema === true) return anything;
    if (!isRecord(schema)) throw new TypeError(`${where}: expected a schema but found ${JSON.stringify(schema)}`);
    const found = known.get(schema);
    if (found) return found;
    let shapes: readonly JsonShape[] | undefined;
    let busy = false;
    const made: JsonRule = () => {
      if (shapes) return shapes;
      if (busy) throw new TypeError(`${where}: the schema is nothing but a reference to itself`);
      busy = true;
      shapes = shapesOf(schema, where);
      busy = false;
      return shapes;
    };
    known.set(schema, made);
    return made;
  }

  /** Looks at every part once, so that a keyword deep inside is refused before anything is generated. */
  const whole = rule(root, '#');
  const seen = new Set<JsonRule>();
  const visit = (each: JsonRule): void => {
    if (seen.has(each)) return;
    seen.add(each);
    for (const shape of each()) {
      if (shape.kind === 'array') visit(shape.items);
      if (shape.kind !== 'object') continue;
      for (const property of shape.properties.values()) visit(property);
      if (shape.rest) visit(shape.rest);
    }
  };
  visit(whole);
  return whole;
}
