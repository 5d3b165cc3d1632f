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
  readonly schema?: { readonly type?: string };
}

export function queryOf({ parameters = [] }: Operation, search: string): { [name: string]: unknown } {
  if (search === "") return {};
  const sent = new URLSearchParams(search);
  const query: { [name: string]: unknown } = {};
  for (const { name, in: place, schema } of parameters as readonly QueryParameter[]) {
    if (place !== "query" || !sent.has(name)) continue;
    const values = sent.getAll(name).map((word) => valueOf(word, schema?.type));
    query[name] = values.length === 1 ? values[0] : values;
  }
  return query;
}

function valueOf(word: string, type: string | undefined): unknown {
  if (type === "integer" && /^-?\d{1,15}$/.test(word)) return Number(word);
  if (type === "boolean" && /^(?:true|false)$/.test(word)) return word === "true";
  return word;
}
