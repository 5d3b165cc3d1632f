/**
 * What zod says about a file, as sentences for the one who wrote it: what the key must be and what kind of thing it is.
 *
 * The value itself is never quoted: it may be a secret.
 */
import type { z } from "zod";
import type { ConfigPath, Findings } from "./config-error.ts";
import { findNearest } from "./nearest.ts";

type Issue = z.core.$ZodIssue;

/** Reports every issue in `findings`, except at paths that `isReported` says are reported already. */
export function reportIssues(
  issues: readonly Issue[],
  value: unknown,
  findings: Findings,
  isReported: (path: ConfigPath) => boolean,
): void {
  for (const issue of issues) report(issue, [], value, findings, isReported);
}

function report(issue: Issue, base: ConfigPath, root: unknown, findings: Findings, isReported: (path: ConfigPath) => boolean): void {
  const path = [...base, ...issue.path];
  if (isReported(path)) return;
  if (issue.code === "invalid_union") {
    // The branch of the right kind, if there is one, has the better words.
    const branch = issue.errors.find((nested) => !nested.some((one) => one.code === "invalid_type" && one.path.length === 0));
    if (branch !== undefined) {
      for (const nested of branch) report(nested, path, root, findings, isReported);
      return;
    }
  }
  findings.error(path.length === 0 ? "top level" : path, describe(issue, valueAt(root, path)));
}

function describe(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case "invalid_type":
      return value === undefined
        ? `this key is required: it must be ${kindNames.get(issue.expected) ?? issue.expected}.`
        : `must be ${kindNames.get(issue.expected) ?? issue.expected}, but is ${kindOf(value)}.`;
    case "invalid_union":
      return `must be ${unionKinds(issue.errors).join(" or ")}, but is ${kindOf(value)}.`;
    case "invalid_value":
      return `must be one of ${issue.values.map((one) => JSON.stringify(one)).join(", ")}${nearestOf(issue.values, value)}`;
    case "too_small":
      if (issue.origin === "array") return `must have at least ${issue.minimum}, or be left out.`;
      return issue.inclusive === false ? `must be more than ${issue.minimum}.` : `must be at least ${issue.minimum}.`;
    case "too_big":
      return `must be at most ${issue.maximum}.`;
    case "invalid_key":
      return "is not a valid name; rename it.";
    default:
      return `${issue.message}.`;
  }
}

/** The known value is quoted, the one that was given is not. */
function nearestOf(known: readonly unknown[], value: unknown): string {
  const nearest = typeof value === "string" ? findNearest(value, known.map(String)) : undefined;
  return nearest === undefined ? "." : `: did you mean ${JSON.stringify(nearest)}?`;
}

const kindNames: ReadonlyMap<string, string> = new Map([
  ["string", "a string"],
  ["number", "a number"],
  ["int", "a whole number"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["object", "an object"],
  ["record", "an object"],
]);

function unionKinds(branches: readonly (readonly Issue[])[]): string[] {
  return branches.flatMap((issues) =>
    issues.flatMap((one) => (one.code === "invalid_type" ? [kindNames.get(one.expected) ?? one.expected] : [])),
  );
}

function kindOf(value: unknown): string {
  if (value === undefined) return "not there";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return kindNames.get(typeof value) ?? typeof value;
}

function valueAt(root: unknown, path: ConfigPath): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], root);
}
