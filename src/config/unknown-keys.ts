/**
 * Keys of the file that the schema does not name. Where a misspelling would weaken the gateway they are errors;
 * elsewhere OpenClaw has many keys we do not serve, so they are warnings and a user's existing file works.
 *
 * Only names are looked at here; values are the schema's business.
 */
import { z } from "zod";
import type { ConfigPath, Findings } from "./config-error.ts";
import { findNearest, suggest } from "./nearest.ts";

/** A path in which `*` is any one key. */
type Section = readonly string[];

const agentSections: readonly Section[] = [
  ["agents", "defaults"],
  ["agents", "entries", "*"],
  ["agents", "list", "*"],
];

/** Sections in which every unknown key is an error, below them too. */
const strictSections: readonly Section[] = [
  ["gateway", "auth"],
  ["gateway", "http"],
  ["log"],
  ["mcp", "servers", "*"],
  ...agentSections.map((section) => [...section, "tools", "httpFetch"]),
];

/** Sections in which OpenClaw has keys of its own, but what is nearly one of ours is an error: `session`, below it too. */
const spellingSections: readonly Section[] = [["agents"], ...agentSections.map((section) => [...section, "tools"])];

/** Without this key an agent has the tools of `agents.defaults`, which may be more. */
const keysThatNarrow: readonly string[] = ["tools"];

/** Two edits from a key of ours is a misspelling; farther away it is a key of OpenClaw's own. */
const misspellingEdits = 2;

/** OpenClaw's keys of an MCP server that narrow nothing, so that a user's file loads without them. Where we have the like, its name. */
const foreignServerKeys: ReadonlyMap<string, string | undefined> = new Map([
  ["workingDirectory", "cwd"],
  ["connectionTimeoutMs", "connectTimeoutMs"],
  ["connectTimeout", "connectTimeoutMs"],
  ["requestTimeoutMs", undefined],
  ["timeout", undefined],
  ["supportsParallelToolCalls", undefined],
  ["auth", undefined],
  ["oauth", undefined],
  ["codex", undefined],
]);

/** What other programs call it: by the name there, what to write here. */
const otherSpellings: ReadonlyMap<string, string> = new Map([
  ["mcpServers", "mcp: { servers: … }"],
  ["mcp.servers.*.disabled", "enabled: false"],
  ["mcp.servers.*.type", "transport"],
  ["mcp.servers.*.serverUrl", "url"],
  ["mcp.servers.*.toolFilter", "the tools of agents: files__read"],
]);

/** A copy of `value` without the unknown keys, each reported in `findings`; whole unknown sections in one warning. */
export function dropUnknownKeys(schema: z.ZodType, value: unknown, findings: Findings): unknown {
  const sections: string[] = [];
  const known = walk(schema, value, [], (path, key, names) => {
    if (path.length > 0) return reportKey(path, key, names, findings);
    const other = otherSpellings.get(key);
    const nearest = other ?? quoted(findNearest(key, names, misspellingEdits));
    sections.push(nearest === undefined ? key : `${key} (did you mean ${nearest}?)`);
  });
  if (sections.length > 0) findings.warn("top level", `these sections are not Clawgate's and are ignored: ${sections.join(", ")}.`);
  return known;
}

/** No `known` names: any name but this one will do here. */
type Report = (path: ConfigPath, key: string, known: readonly string[]) => void;

function reportKey(path: ConfigPath, key: string, known: readonly string[], findings: Findings): void {
  const place = [...path, key];
  if (known.length === 0) {
    findings.error(place, "is not a valid name; rename it.");
    return;
  }
  const isForeign = isAt(["mcp", "servers", "*"], path) && foreignServerKeys.has(key);
  if (!isForeign && mustBeKnown(path, key, known)) {
    const other = isAt(["mcp", "servers", "*"], path) ? otherSpellings.get(`mcp.servers.*.${key}`) : undefined;
    findings.error(place, `unknown key: ${other === undefined ? suggest(key, known) : `did you mean ${other}?`} Rename or remove it.`);
    return;
  }
  const nearest = isForeign ? foreignServerKeys.get(key) : findNearest(key, known);
  findings.warn(place, `unknown key, ignored${nearest === undefined ? "." : `: did you mean "${nearest}"?`}`);
}

/** Whether what `key` may have been meant to say is too much to be ignored. */
function mustBeKnown(path: ConfigPath, key: string, known: readonly string[]): boolean {
  if (strictSections.some((section) => isAt(section, path.slice(0, section.length)))) return true;
  const nearest = findNearest(key, known, misspellingEdits);
  if (nearest === undefined) return false;
  if (path[0] === "session" || spellingSections.some((section) => isAt(section, path))) return true;
  return keysThatNarrow.includes(nearest) && agentSections.some((section) => isAt(section, path));
}

function isAt(section: Section, path: ConfigPath): boolean {
  return path.length === section.length && section.every((name, index) => name === "*" || path[index] === name);
}

function quoted(name: string | undefined): string | undefined {
  return name === undefined ? undefined : `"${name}"`;
}

function walk(schema: z.ZodType, value: unknown, path: ConfigPath, report: Report): unknown {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) {
    const branch = inner.options.find((option) => fits(unwrap(option as z.ZodType), value));
    return branch === undefined ? value : walk(branch as z.ZodType, value, path, report);
  }
  if (!fits(inner, value)) return value;
  if (inner instanceof z.ZodArray) {
    return (value as unknown[]).map((item, index) => walk(inner.element as z.ZodType, item, [...path, index], report));
  }
  if (inner instanceof z.ZodRecord) {
    return mapEntries(value as object, (key, item) => {
      // zod leaves this one name out of a record without a word.
      if (key !== "__proto__") return [[key, walk(inner.valueType as z.ZodType, item, [...path, key], report)]];
      report(path, key, []);
      return [];
    });
  }
  if (!(inner instanceof z.ZodObject)) return value;
  const shape = new Map<string, z.ZodType>(Object.entries(inner.shape));
  return mapEntries(value as object, (key, item) => {
    const child = shape.get(key);
    if (child !== undefined) return [[key, walk(child, item, [...path, key], report)]];
    report(path, key, [...shape.keys()]);
    return [];
  });
}

function fits(schema: z.ZodType, value: unknown): boolean {
  if (schema instanceof z.ZodArray) return Array.isArray(value);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return schema instanceof z.ZodObject || schema instanceof z.ZodRecord ? isObject : !isObject && !Array.isArray(value);
}

function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrap(schema.unwrap() as z.ZodType);
  }
  return schema;
}

function mapEntries(value: object, map: (key: string, item: unknown) => [string, unknown][]): object {
  return Object.fromEntries(Object.entries(value).flatMap(([key, item]) => map(key, item)));
}
