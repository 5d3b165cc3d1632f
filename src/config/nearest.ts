/**
 * The known name that a misspelt one most likely stands for.
 *
 * It only suggests: nothing is ever corrected.
 */
import { distance } from "fastest-levenshtein";

/** The nearest of `known`, or undefined when none is near. `within` is the number of edits that still counts as near. */
export function findNearest(name: string, known: readonly string[], within = Math.max(2, Math.floor(name.length / 3))): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, edits: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    // A name all of whose letters changed is no misspelling.
    .filter(({ candidate, edits }) => edits <= within && edits < Math.max(name.length, candidate.length))
    .sort((a, b) => a.edits - b.edits);
  return ranked[0]?.candidate;
}

/** `did you mean "x"?` when one is near, else all that is known. */
export function suggest(name: string, known: readonly string[]): string {
  const nearest = findNearest(name, known);
  if (nearest !== undefined) return `did you mean "${nearest}"?`;
  return known.length === 0 ? "nothing is known here." : `known here: ${known.join(", ")}.`;
}
