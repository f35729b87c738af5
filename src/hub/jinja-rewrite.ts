/**
 * Rewrites a template's syntax tree so that what @huggingface/jinja does unlike Python's Jinja goes through functions of our own:
 * output, comparison, joining of text, some filters and string methods, loop scopes, undefined values.
 * Names of the functions contain a space, so no template can name them.
 */
export type Node = { type: string; [field: string]: unknown };

export const ownFilters = [
  'tojson',
  'string',
  'trim',
  'length',
  'count',
  'join',
  'default',
  'd',
  'capitalize',
  'upper',
  'lower',
  'selectattr',
  'rejectattr',
] as const;
export const ownMethods = [
  'strip',
  'lstrip',
  'rstrip',
  'capitalize',
  'removeprefix',
  'removesuffix',
  'splitlines',
  'join',
  'find',
] as const;
export const ownOperators = ['==', '!=', '~', '+', '%', 'in', 'not in'] as const;

const outputless = new Set(['Set', 'If', 'For', 'Macro', 'Break', 'Continue', 'Comment']);

/** The rewritten copy of `program`; throws SyntaxError for a break or continue outside a loop. */
export function rewriteTemplate(program: object): Node {
  // the evaluator tells nodes from other objects by their class
  const prototype = Object.getPrototypeOf(program) as object;
  const make = (node: Node): Node => Object.assign(Object.create(prototype) as Node, node);
  const call = (name: string, args: unknown[]): Node =>
    make({ type: 'CallExpression', callee: make({ type: 'Identifier', value: name }), args });
  const text = (value: string): Node => make({ type: 'StringLiteral', value });

  const visit = (value: unknown, inLoop: boolean): unknown => {
    if (Array.isArray(value)) return value.map((item) => visit(item, inLoop));
    if (value instanceof Map)
      return new Map([...value].map(([key, item]) => [visit(key, inLoop), visit(item, inLoop)]));
    if (value === null || typeof value !== 'object') return value;
    return isNode(value) ? visitNode(value, inLoop) : value;
  };
  const block = (statements: unknown, inLoop: boolean): Node[] =>
    (statements as Node[]).map((statement) => {
      const made = visitNode(statement, inLoop);
      return outputless.has(statement.type) ? made : call('write ', [made]);
    });
  const captured = (statements: unknown): Node[] => [
    call('capture ', []),
    ...block(statements, false),
    call('captured ', []),
  ];

  const visitNode = (node: Node, inLoop: boolean): Node => {
    switch (node.type) {
      case 'Program':
        return make({ ...node, body: block(node['body'], false) });
      case 'If':
        return make({
          ...node,
          test: visit(node['test'], false),
          body: block(node['body'], inLoop),
          alternate: block(node['alternate'], inLoop),
        });
      case 'For': {
        const names = loopNames(node['loopvar'] as Node);
        const iterable = node['iterable'] as Node;
        const wrapped =
          iterable.type === 'SelectExpression'
            ? make({
                ...iterable,
                lhs: call('iterate ', [visit(iterable['lhs'], false)]),
                test: visit(iterable['test'], false),
              })
            : call('iterate ', [visit(iterable, false)]);
        return make({
          ...node,
          iterable: wrapped,
          body: [call('fresh scope ', names.map(text)), ...block(node['body'], true)],
          defaultBlock: block(node['defaultBlock'], inLoop),
        });
      }
      case 'Break':
      case 'Continue':
        if (!inLoop) throw new SyntaxError(`{% ${node.type.toLowerCase()} %} outside of a loop`);
        return node;
      case 'Macro':
        return make({ ...node, args: visit(node['args'], false), body: captured(node['body']) });
      case 'Set':
        if (node['value'] !== null) return make({ ...node, value: visit(node['value'], false) });
        return make({ ...node, body: captured(node['body']) });
      case 'CallStatement':
        return make({
          ...node,
          call: visit(node['call'], false),
          callerArgs: visit(node['callerArgs'], false),
          body: captured(node['body']),
        });
      case 'FilterStatement':
        return make({ ...node, filter: visit(node['filter'], false), body: captured(node['body']) });
      case 'BinaryExpression': {
        const operator = (node['operator'] as { value: string }).value;
        const left = visit(node['left'], false);
        const right = visit(node['right'], false);
        if ((ownOperators as readonly string[]).includes(operator)) return call(`${operator} `, [left, right]);
        return make({ ...node, left, right });
      }
      case 'FilterExpression': {
        const filter = node['filter'] as Node;
        const [name, args] =
          filter.type === 'CallExpression'
            ? [(filter['callee'] as Node)['value'] as string, filter['args'] as Node[]]
            : [filter['value'] as string, []];
        const operand = visit(node['operand'], false);
        if ((ownFilters as readonly string[]).includes(name)) {
          return call(`${name} filter`, [operand, ...(visit(args, false) as Node[])]);
        }
        const visited = filter.type === 'CallExpression' ? make({ ...filter, args: visit(args, false) }) : filter;
        return make({ ...node, operand, filter: visited });
      }
      case 'CallExpression': {
        const callee = node['callee'] as Node;
        const property = callee['property'] as Node | undefined;
        const args = visit(node['args'], false) as Node[];
        if (callee.type === 'MemberExpression' && callee['computed'] === false && property?.type === 'Identifier') {
          const name = property['value'] as string;
          if ((ownMethods as readonly string[]).includes(name)) {
            return call(`${name} method`, [visit(callee['object'], false), ...args]);
          }
        }
        return make({ ...node, callee: visit(callee, false), args });
      }
      case 'MemberExpression': {
        const object = call('defined ', [visit(node['object'], false)]);
        return make({
          ...node,
          object,
          property: node['computed'] === true ? visit(node['property'], false) : node['property'],
        });
      }
      case 'StringLiteral':
      case 'IntegerLiteral':
      case 'FloatLiteral':
      case 'Identifier':
      case 'Comment':
        return node;
      default: {
        const copy: Node = { type: node.type };
        for (const [field, value] of Object.entries(node)) copy[field] = field === 'type' ? value : visit(value, false);
        return make(copy);
      }
    }
  };
  return visitNode(program as Node, false);
}

function isNode(value: object): value is Node {
  // tokens have a type, too, but stand only where an operator is kept
  return 'type' in value && typeof value.type === 'string' && Object.getPrototypeOf(value) !== Object.prototype;
}

function loopNames(loopvar: Node): string[] {
  if (loopvar.type === 'Identifier') return [loopvar['value'] as string];
  return (loopvar['value'] as Node[]).flatMap(loopNames);
}
