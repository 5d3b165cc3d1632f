/**
 * The calculator tool: arithmetic on one expression, parsed by jsep and evaluated here over a closed list of node kinds.
 *
 * Deliberately absent: names that are looked up anywhere, member access, assignment: nothing but numbers goes in or comes out.
 */
import jsep from "jsep";
import type { Tool } from "../domain/tool.ts";

const maxLength = 500;

const operators: { readonly [operator: string]: (a: number, b: number) => number } = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
  "**": (a, b) => a ** b,
};

const functions: { readonly [name: string]: (...numbers: number[]) => number } = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  log: Math.log,
  max: Math.max,
  min: Math.min,
  round: Math.round,
  sqrt: Math.sqrt,
};

const group = (inner: number): number => inner;

const constants: { readonly [name: string]: number } = { pi: Math.PI, e: Math.E };

export const calculator: Tool = {
  definition: {
    name: "calculator",
    description: `Evaluates one arithmetic expression: + - * / % ** or ^ for powers, parentheses, ${Object.keys(functions).join(", ")}, pi, e.`,
    parameters: {
      type: "object",
      properties: { expression: { type: "string", description: "For example: (2 + 3) * 4", maxLength } },
      required: ["expression"],
      additionalProperties: false,
    },
  },
  execute: ({ expression }) => Promise.resolve(String(calculate(expression as string))),
};

/** Throws an Error with a sentence fit for the model when the expression is not arithmetic or has no finite value. */
export function calculate(expression: string): number {
  const value = evaluate(parse(expression.replaceAll("^", "**")));
  if (!Number.isFinite(value)) throw new Error(`'${expression}' has no finite value.`);
  // 15 digits hide the noise of binary fractions; whole numbers have none.
  return Number.isSafeInteger(value) ? value : Number(value.toPrecision(15));
}

/**
 * jsep binds a sign tighter than a power and forgets parentheses, so `-2 ** 2` and `(-2) ** 2` would look alike.
 * Parentheses that group are therefore turned into calls of `group`, which only hands its number on.
 */
function parse(expression: string): jsep.Expression {
  try {
    return jsep(expression.replace(/([A-Za-z_]\w*\s*)?\(/g, (found, name) => (name === undefined ? "group(" : found)));
  } catch {
    throw new Error(`'${expression}' is not an arithmetic expression.`);
  }
}

function evaluate(node: jsep.Expression): number {
  switch (node.type) {
    case "Literal": {
      const { value } = node as jsep.Literal;
      if (typeof value === "number") return value;
      break;
    }
    case "Identifier":
      return lookUp(constants, (node as jsep.Identifier).name);
    case "UnaryExpression": {
      const { operator, argument } = node as jsep.UnaryExpression;
      if (operator === "-") return -evaluate(argument);
      if (operator === "+") return evaluate(argument);
      break;
    }
    case "BinaryExpression": {
      const { operator, left, right } = node as jsep.BinaryExpression;
      if (operator === "**" && left.type === "UnaryExpression") return negatedPower(left as jsep.UnaryExpression, right);
      return lookUp(operators, operator)(evaluate(left), evaluate(right));
    }
    case "CallExpression": {
      const { callee, arguments: parameters } = node as jsep.CallExpression;
      if (callee.type !== "Identifier") break;
      const { name } = callee as jsep.Identifier;
      const compute = name === "group" ? group : lookUp(functions, name);
      // `sqrt(1,000)` must not be the square root of 1.
      if (compute.length === 1 && parameters.length !== 1) throw new Error(`${name}() takes one number, written without separators.`);
      return compute(...parameters.map(evaluate));
    }
  }
  throw new Error("Only numbers, arithmetic operators and the listed functions are understood.");
}

/** `-2 ** 2` is -(2 ** 2), as in mathematics. */
function negatedPower({ operator, argument }: jsep.UnaryExpression, right: jsep.Expression): number {
  const power = evaluate({ type: "BinaryExpression", operator: "**", left: argument, right });
  return operator === "-" ? -power : power;
}

function lookUp<T>(table: { readonly [name: string]: T }, name: string): T {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (found === undefined) throw new Error(`'${name}' is not known. Known: ${Object.keys(table).join(" ")}.`);
  return found;
}
