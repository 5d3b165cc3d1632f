/**
 * Finds an arithmetic expression in a sentence, for the offline model. It only recognises; the calculator tool computes.
 *
 * Deliberately absent: functions, units, equations, numbers in words.
 */

const maxTokens = 500;
const maxNesting = 20;

interface Token {
  readonly text: string;
  readonly kind: "number" | "operator" | "(" | ")" | "other";
  readonly isSpaced: boolean;
}

/** The first expression with at least one operator between two numbers, in the calculator's spelling. */
export function findExpression(sentence: string): string | undefined {
  const tokens = tokenise(spellOperators(sentence));
  for (let start = 0; start < tokens.length; start++) {
    const { kind } = tokens[start]!;
    if (kind === "other" || kind === ")") continue;
    const end = readSum(tokens, start, 0);
    if (end === undefined) continue;
    const found = tokens.slice(start, end);
    if (found.some((token, n) => n > 0 && token.kind === "operator") && !looksLikeDateOrCode(found, tokens)) return spell(found);
    start = end - 1;
  }
  return undefined;
}

const words: readonly (readonly [RegExp, string])[] = [
  [/(\d)\s*%\s*of\s+(?=\d)/giu, "$1 / 100 * "],
  [/(\d\)?)\s*(?:plus|더하기)\s*(?=[-(\d])/giu, "$1 + "],
  [/(\d\)?)\s*(?:minus|빼기)\s*(?=[-(\d])/giu, "$1 - "],
  [/(\d\)?)\s*(?:times|multiplied by|곱하기|x|×)\s*(?=[-(\d])/giu, "$1 * "],
  [/(\d\)?)\s*(?:divided by|over|나누기|÷)\s*(?=[-(\d])/giu, "$1 / "],
];

function spellOperators(sentence: string): string {
  return words.reduce((text, [pattern, operator]) => text.replace(pattern, operator), sentence);
}

function tokenise(text: string): Token[] {
  const tokens: Token[] = [];
  let isSpaced = false;
  for (const [piece] of text.matchAll(/\s+|\p{L}[\p{L}\p{N}_]*|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?|\*\*|./gu)) {
    if (tokens.length === maxTokens) break;
    if (/^\s/u.test(piece)) {
      isSpaced = true;
      continue;
    }
    const kind = /^\d/u.test(piece) ? "number" : /^[-+*/^%]/u.test(piece) ? "operator" : piece === "(" || piece === ")" ? piece : "other";
    tokens.push({ text: kind === "number" ? piece.replaceAll(",", "") : piece, kind, isSpaced });
    isSpaced = false;
  }
  return tokens;
}

/** Reads `value (operator value)*` and returns where it ends; undefined when there is no value at `at`. */
function readSum(tokens: readonly Token[], at: number, nesting: number): number | undefined {
  let end = readValue(tokens, at, nesting);
  while (end !== undefined && tokens[end]?.kind === "operator") {
    const next = readValue(tokens, end + 1, nesting);
    if (next === undefined) break;
    end = next;
  }
  return end;
}

function readValue(tokens: readonly Token[], start: number, nesting: number): number | undefined {
  let at = start;
  while (tokens[at]?.text === "-") at++;
  if (tokens[at]?.kind === "number") return at + 1;
  if (tokens[at]?.kind !== "(" || nesting === maxNesting) return undefined;
  const end = readSum(tokens, at + 1, nesting + 1);
  return end !== undefined && tokens[end]?.kind === ")" ? end + 1 : undefined;
}

/** `2024-01-05`, `010-1234-5678`, `24/7`: hyphens and slashes without spaces, inside a sentence or more than once. */
function looksLikeDateOrCode(found: readonly Token[], all: readonly Token[]): boolean {
  const operators = found.filter((token, n) => n > 0 && token.kind !== "number");
  const isTight = operators.every((token) => token.text === "-" || token.text === "/") && found.slice(1).every((token) => !token.isSpaced);
  const isAlone = !all.some((token) => token.kind === "other" && !/^[?？=!.,]$/u.test(token.text));
  const isAsked = all.some((token) => /^(?:what|calculate|compute|much|계산\p{L}*|얼마\p{L}*|몇\p{L}*)$/iu.test(token.text));
  return isTight && (operators.length > 1 || !(isAlone || isAsked));
}

function spell(tokens: readonly Token[]): string {
  return tokens
    .map((token, n) => {
      const before = tokens[n - 1];
      const isSign = token.text === "-" && before?.kind !== "number" && before?.kind !== ")";
      return token.kind === "operator" && !isSign ? ` ${token.text} ` : token.text;
    })
    .join("");
}
