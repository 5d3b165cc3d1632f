/** The calculator is given text that a model wrote and a stranger may have chosen: right answers, or an error, nothing else. */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { calculate } from "../../src/runtime/calculator.ts";

describe("it calculates", () => {
  test.each<[string, number]>([
    ["1 + 2", 3],
    ["2 + 3 * 4", 14],
    ["(2 + 3) * 4", 20],
    ["10 / 4", 2.5],
    ["7 % 3", 1],
    ["-7 % 3", -1],
    ["0.1 + 0.2", 0.3],
    ["0.1 * 3", 0.3],
    ["1.1 * 1.1", 1.21],
    [".5 + .5", 1],
    ["1e3 + 1", 1001],
    ["2 ^ 10", 1024],
    ["2 ** 10", 1024],
    ["2 ** 3 ** 2", 512],
    ["2 * -3", -6],
    ["-(2 + 3)", -5],
    ["+1", 1],
    ["(-2) ^ 2", 4],
    ["2 ^ -1", 0.5],
    ["sqrt(16) + abs(-2)", 6],
    ["max(1, 5, 3) - min(4, 2)", 3],
    ["floor(-1.5)", -2],
    ["ceil(1.2)", 2],
    ["round(2.5)", 3],
    ["log(e)", 1],
    ["round(pi * 100) / 100", 3.14],
    ["1\n+\t1", 2],
    ["1" + " + 1".repeat(120), 121],
    ["(".repeat(249) + "1" + ")".repeat(249), 1],
    ["-".repeat(499) + "1", -1],
  ])("%s", (expression, value) => {
    expect(calculate(expression)).toBe(value);
  });

  test("whole numbers to the last digit", () => {
    expect(calculate("999999999999999 * 9")).toBe(8_999_999_999_999_991);
    expect(calculate("2 ^ 53 - 1")).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("a power before its sign, as in mathematics", () => {
    expect(calculate("-2 ^ 2")).toBe(-4);
    expect(calculate("5 - 2 ^ 2")).toBe(1);
  });

  test("sums and products of any numbers as the language does", () => {
    const number = fc.integer({ min: -1_000_000, max: 1_000_000 });
    fc.assert(
      fc.property(number, number, number, (a, b, c) => {
        expect(calculate(`(${a}) + ${b} * (${c})`)).toBe(a + b * c);
        expect(calculate(`(${a} - ${b}) * ${c}`)).toBe((a - b) * c);
      }),
    );
  });
});

describe("it refuses", () => {
  test.each([
    ["", "Only numbers"],
    ["   ", "Only numbers"],
    ["constructor", "'constructor' is not known."],
    ["__proto__", "'__proto__' is not known."],
    ["__proto__(1)", "'__proto__' is not known."],
    ["toString()", "'toString' is not known."],
    ["valueOf(1)", "'valueOf' is not known."],
    ["hasOwnProperty('a')", "'hasOwnProperty' is not known."],
    ["constructor.constructor('return process')()", "Only numbers"],
    ["abs.constructor('return process')()", "Only numbers"],
    ["abs['constructor'](1)", "Only numbers"],
    ["this", "Only numbers"],
    ["process.exit(1)", "Only numbers"],
    ["globalThis", "'globalThis' is not known."],
    ["[1]", "Only numbers"],
    ["'1' + '1'", "Only numbers"],
    ["1 == 1", "'==' is not known."],
    ["1 && 2", "'&&' is not known."],
    ["1 | 2", "'|' is not known."],
    ["1 ? 2 : 3", "Only numbers"],
    ["!1", "Only numbers"],
    ["a = 1", "is not an arithmetic expression."],
    ["x => 1", "is not an arithmetic expression."],
    ["1; 2", "Only numbers"],
    ["1 2", "Only numbers"],
    ["1,000", "Only numbers"],
    ["2(3)", "is not an arithmetic expression."],
    ["(1", "is not an arithmetic expression."],
    ["1)", "is not an arithmetic expression."],
    ["1 +", "is not an arithmetic expression."],
    ["max(1,,2)", "is not an arithmetic expression."],
    ["50%", "is not an arithmetic expression."],
    ["0x10", "is not an arithmetic expression."],
    ["１＋１", "is not known."],
    ["\u0000", "is not an arithmetic expression."],
    ["1 / 0", "has no finite value."],
    ["0 / 0", "has no finite value."],
    ["sqrt(-1)", "has no finite value."],
    ["log(0)", "has no finite value."],
    ["max()", "has no finite value."],
    ["9 ** 9 ** 9", "has no finite value."],
    ["9 ^ 9 ^ 9 ^ 9 ^ 9", "has no finite value."],
    ["1e400", "has no finite value."],
    ["sqrt(1,000)", "sqrt() takes one number"],
    ["abs()", "abs() takes one number"],
    ["abs(1 2)", "abs() takes one number"],
  ])("%j", (expression, words) => {
    expect(() => calculate(expression)).toThrow(words);
  });

  test("or calculates whatever it is given, and never does anything else", () => {
    const word = fc.constantFrom(
      ..."0123456789.+-*/%^(), eE".split(""),
      "pi",
      "abs",
      "constructor",
      "[",
      "]",
      "'",
      "this",
      "=",
      "**",
      "\n",
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (words) => {
        try {
          expect(Number.isFinite(calculate(words.join("")))).toBe(true);
        } catch (thrown) {
          expect((thrown as Error).constructor).toBe(Error);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
