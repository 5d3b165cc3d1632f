/**
 * Headers of a request that look like the gateway's own and mean nothing to it, such as misspelt ones: nothing is done with them,
 * and the log names them. Never their values.
 */
import type { IncomingHttpHeaders } from "node:http";
import { distance } from "fastest-levenshtein";

const prefix = "x-openclaw-";
/** A caller decides what is sent, and not how much of it is in the log. */
const maxNames = 5;
const maxNameLength = 64;
/** That many letters of a name may differ before it is another one: a third of what follows the prefix, or two. */
const misspelling = { share: 3, least: 2 };

/** The headers that operations of the contract take, in lower case. */
export function headerNamesOf(contractDocument: object): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { in: place, name } = value as { in?: unknown; name?: unknown };
    if (place === "header" && typeof name === "string") names.add(name.toLowerCase());
    for (const inner of Object.values(value)) visit(inner);
  };
  visit(contractDocument);
  return names;
}

/** As the log shows them: each with the known name that it most likely stands for, where there is one. */
export function unknownHeaders(headers: IncomingHttpHeaders, known: ReadonlySet<string>): readonly string[] {
  const unknown = Object.keys(headers).filter((name) => name.startsWith(prefix) && !known.has(name));
  return unknown.slice(0, maxNames).map((name) => describe(name.slice(0, maxNameLength), known));
}

function describe(name: string, known: ReadonlySet<string>): string {
  const shown = name.replaceAll(/[^a-z0-9-]/g, "?");
  const limit = Math.max(misspelling.least, Math.floor((name.length - prefix.length) / misspelling.share));
  const [nearest] = [...known]
    .filter((other) => other.startsWith(prefix))
    .map((other) => ({ other, edits: distance(name, other) }))
    .filter(({ edits }) => edits <= limit)
    .sort((a, b) => a.edits - b.edits);
  return nearest ? `${shown}: did you mean ${nearest.other}?` : shown;
}
