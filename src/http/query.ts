/**
 * The query of a request, as its operation declares it: the words of the address become the values that the contract speaks of.
 *
 * Unknown parameters are ignored, so they are left out here. What a word cannot become stays a word, and one that is given
 * twice stays a list, for the validation to refuse. Deliberately absent: parameters that take several values.
 */
import type { Operation } from "openapi-backend";

interface QueryParameter {
  readonly name: string;
  readonly in: string;
  readonly style?: string;
  readonly schema?: { readonly type?: string };
}

type Words = { readonly [name: string]: unknown };

export function queryOf({ parameters = [] }: Operation, search: string): Words {
  if (search === "") return {};
  const sent = new URLSearchParams(search);
  const query: { [name: string]: unknown } = {};
  for (const { name, in: place, style, schema } of parameters as readonly QueryParameter[]) {
    if (place !== "query") continue;
    const value = style === "deepObject" ? keyedWords(sent, name) : wordsOf(sent, name, schema?.type);
    if (value !== undefined) query[name] = value;
  }
  return query;
}

function wordsOf(sent: URLSearchParams, name: string, type: string | undefined): unknown {
  const values = sent.getAll(name).map((word) => valueOf(word, type));
  return values.length > 1 ? values : values[0];
}

/** `name[key]=value` for each key. A key is any text, so it may hold brackets, and be called like something every object has. */
function keyedWords(sent: URLSearchParams, name: string): Words | undefined {
  const opening = `${name}[`;
  const words = new Map<string, string | string[]>();
  for (const [word, value] of sent) {
    if (!word.startsWith(opening) || !word.endsWith("]")) continue;
    const key = word.slice(opening.length, -1);
    const known = words.get(key);
    if (known === undefined) words.set(key, value);
    else if (typeof known === "string") words.set(key, [known, value]);
    else known.push(value);
  }
  if (words.size === 0) return undefined;
  // The router writes every value as text once, which an object with a key such as `toString` cannot do by itself.
  return Object.defineProperty(Object.fromEntries(words), Symbol.toPrimitive, { value: () => name });
}

function valueOf(word: string, type: string | undefined): unknown {
  if (type === "integer" && /^-?\d{1,15}$/.test(word)) return Number(word);
  if (type === "boolean" && /^(?:true|false)$/.test(word)) return word === "true";
  return word;
}
