/** Value of an expression of numbers, + - * / and parentheses; undefined where it is none, or divides by zero. */
export function expressionValue(text: string): number | undefined {
  const tokens = text.match(/\d+|[-+*/()]|\S/g) ?? [];
  const values: number[] = [];
  const operators: string[] = [];
  const rank: Readonly<Record<string, number>> = { '+': 1, '-': 1, '*': 2, '/': 2, sign: 3 };
  const apply = (): boolean => {
    const operator = operators.pop() ?? '';
    const right = values.pop();
    if (operator === 'sign') return right !== undefined && values.push(-right) > 0;
    const left = values.pop();
    if (left === undefined || right === undefined || rank[operator] === undefined) return false;
    if (operator === '/' && right === 0) return false;
    const results = { '+': left + right, '-': left - right, '*': left * right, '/': left / right };
    values.push(results[operator as keyof typeof results]);
    return true;
  };
  const applyFrom = (least: number): boolean => {
    while ((rank[operators.at(-1) ?? ''] ?? 0) >= least) if (!apply()) return false;
    return true;
  };
  // Whether an operand has to come next.
  let open = true;
  for (const token of tokens) {
    const own = rank[token];
    if (/^\d+$/.test(token)) {
      // As in Python, no number begins with a zero that says nothing.
      if (!open || /^0\d/.test(token)) return undefined;
      values.push(Number(token));
      open = false;
    } else if (token === '(') {
      if (!open) return undefined;
      operators.push(token);
    } else if (token === ')') {
      if (open || !applyFrom(1) || operators.pop() !== '(') return undefined;
    } else if (own === undefined) return undefined;
    else if (open) {
      if (own !== 1) return undefined;
      if (token === '-') operators.push('sign');
    } else {
      if (!applyFrom(own)) return undefined;
      operators.push(token);
      open = true;
    }
  }
  if (open || !applyFrom(1) || operators.length > 0) return undefined;
  return values.length === 1 ? values[0] : undefined;
}
