/**
 * The smallest value that fits a JSON Schema, for the offline model's calls of tools it knows nothing about and for its
 * replies in a form that was asked for.
 *
 * Best effort by design: `pattern`, `not`, `if`, `contains`, `uniqueItems` and remote references are not looked at. What a schema may cost does not
 * depend on the schema: it comes from the request, and may refer to itself, repeat and multiply as it likes.
 */
import type { JsonObject } from "../domain/model.ts";

const maxDepth = 16;
/** Of one array, one `required` and one `allOf`. */
const maxItems = 100;
const maxMinLength = 10_000;
const maxReferenceLength = 1000;

/** What is left of the work and the output that one reply may take. When either is gone, values are empty. */
export interface SampleBudget {
  /** Schemas that may still be looked at. */
  schemas: number;
  /** Characters that may still be put out, about as many as their JSON has. */
  characters: number;
}

export function sampleBudget(): SampleBudget {
  return { schemas: 1000, characters: 256 * 1024 };
}

/** A value with the required properties only; strings get `text` where the schema lets them. */
export function sampleValue(schema: JsonObject, text: string, left: SampleBudget): unknown {
  return sample(schema, { root: schema, text, depth: 0, left });
}

/** The same for what has to be an object. */
export function sampleArguments(parameters: JsonObject | undefined, text: string, left: SampleBudget): JsonObject {
  const value = sampleValue(parameters ?? {}, text, left);
  return isObject(value) ? value : {};
}

interface Context {
  readonly root: JsonObject;
  readonly text: string;
  readonly depth: number;
  readonly left: SampleBudget;
}

function sample(schema: unknown, context: Context): unknown {
  const { left, depth } = context;
  if (isSpent(left)) return "";
  left.schemas--;
  if (!isObject(schema) || depth > maxDepth) return copied(context.text, left);
  const inner = { ...context, depth: depth + 1 };
  if (Object.hasOwn(schema, "const")) return copied(schema["const"], left);
  if (Array.isArray(schema["enum"]) && schema["enum"].length > 0) return copied(schema["enum"][0], left);
  if (Object.hasOwn(schema, "default")) return copied(schema["default"], left);
  if (typeof schema["$ref"] === "string") return sample(merge(schema, "$ref", [resolve(schema["$ref"], context.root)]), inner);
  for (const key of ["anyOf", "oneOf"]) {
    const choices = schema[key];
    if (Array.isArray(choices) && choices.length > 0) return sample(merge(schema, key, choices.slice(0, 1)), inner);
  }
  if (Array.isArray(schema["allOf"])) return sample(merge(schema, "allOf", schema["allOf"].slice(0, maxItems)), inner);
  const type = Array.isArray(schema["type"]) ? (schema["type"] as unknown[])[0] : schema["type"];
  switch (type ?? likelyType(schema, depth)) {
    case "object":
      return sampleObject(schema, inner);
    case "array":
      return sampleArray(schema, inner);
    case "number":
    case "integer":
      return copied(sampleNumber(schema, type === "integer"), left);
    case "boolean":
      return copied(false, left);
    case "null":
      return copied(null, left);
    default:
      return copied(sampleString(schema, context.text), left);
  }
}

function likelyType(schema: JsonObject, depth: number): string {
  if ("properties" in schema || "required" in schema) return "object";
  if ("items" in schema || "prefixItems" in schema || "minItems" in schema) return "array";
  if ("minimum" in schema || "maximum" in schema || "multipleOf" in schema) return "number";
  return depth === 0 ? "object" : "string";
}

function sampleObject(schema: JsonObject, context: Context): JsonObject {
  const properties = asObject(schema["properties"]);
  const required = Array.isArray(schema["required"]) ? (schema["required"] as unknown[]).slice(0, maxItems) : [];
  const entries: [string, unknown][] = [];
  for (const name of required) {
    if (typeof name !== "string") continue;
    if (!spend(context.left, name.length + 4)) break;
    entries.push([name, sample(properties[name], context)]);
  }
  return Object.fromEntries(entries);
}

function sampleArray(schema: JsonObject, context: Context): unknown[] {
  // Draft 07 spells a list of the first items' schemas `items`, later drafts `prefixItems`.
  const first = [schema["prefixItems"], schema["items"]].find((one): one is unknown[] => Array.isArray(one)) ?? [];
  const length = Math.min(Math.max(numberOf(schema["minItems"], 0), first.length), maxItems, numberOf(schema["maxItems"], Infinity));
  const items: unknown[] = [];
  while (items.length < length && !isSpent(context.left)) items.push(sample(first[items.length] ?? schema["items"], context));
  return items;
}

function isSpent({ schemas, characters }: SampleBudget): boolean {
  return schemas <= 0 || characters <= 0;
}

/** False when it was too much; then nothing is left. */
function spend(left: SampleBudget, characters: number): boolean {
  left.characters -= characters;
  return left.characters >= 0;
}

/** The value, if there is room for it; an empty one otherwise. */
function copied(value: unknown, left: SampleBudget): unknown {
  return spendOn(value, left, 0) ? value : "";
}

function spendOn(value: unknown, left: SampleBudget, depth: number): boolean {
  if (typeof value === "string") return spend(left, value.length + 3);
  if (typeof value !== "object" || value === null) return spend(left, 8);
  // A value too deep to be worth a look is too deep to be put out as well.
  if (depth > 4 * maxDepth || !spend(left, 3)) return false;
  if (Array.isArray(value)) return value.every((item) => spendOn(item, left, depth + 1));
  return Object.keys(value).every((key) => spend(left, key.length + 4) && spendOn((value as JsonObject)[key], left, depth + 1));
}

/** 0, or the allowed number next to it. */
function sampleNumber(schema: JsonObject, isInteger: boolean): number {
  const step = Math.abs(numberOf(schema["multipleOf"], isInteger ? 1 : 0));
  const nudge = step === 0 ? 1 : step;
  const least = Math.max(numberOf(schema["minimum"], -Infinity), numberOf(schema["exclusiveMinimum"], -Infinity));
  const most = Math.min(numberOf(schema["maximum"], Infinity), numberOf(schema["exclusiveMaximum"], Infinity));
  if (least > 0 || (least === 0 && schema["exclusiveMinimum"] === 0)) {
    const start = step === 0 ? least : Math.ceil(least / step) * step;
    if (start !== schema["exclusiveMinimum"]) return start;
    return start + nudge < most ? start + nudge : (start + most) / 2;
  }
  if (most < 0 || (most === 0 && schema["exclusiveMaximum"] === 0)) {
    const start = step === 0 ? most : Math.floor(most / step) * step;
    if (start !== schema["exclusiveMaximum"]) return start;
    return start - nudge > least ? start - nudge : (start + least) / 2;
  }
  return 0;
}

const byFormat: { readonly [format: string]: string } = {
  date: "1970-01-01",
  time: "00:00:00Z",
  "date-time": "1970-01-01T00:00:00Z",
  "iso-time": "00:00:00Z",
  "iso-date-time": "1970-01-01T00:00:00Z",
  duration: "PT0S",
  email: "someone@example.com",
  hostname: "example.com",
  ipv4: "127.0.0.1",
  ipv6: "::1",
  uri: "https://example.com/",
  url: "https://example.com/",
  iri: "https://example.com/",
  "uri-reference": "/",
  "uri-template": "/",
  "json-pointer": "",
  "relative-json-pointer": "0",
  regex: "",
  byte: "",
  uuid: "00000000-0000-4000-8000-000000000000",
};

function sampleString(schema: JsonObject, text: string): string {
  const known = typeof schema["format"] === "string" ? byFormat[schema["format"]] : undefined;
  if (known !== undefined) return known;
  const characters = Array.from(text).slice(0, numberOf(schema["maxLength"], Infinity));
  return characters.join("").padEnd(Math.min(numberOf(schema["minLength"], 0), maxMinLength), "-");
}

/** Only references inside the schema itself: `#/$defs/Name`. */
function resolve(reference: string, root: JsonObject): unknown {
  if (!reference.startsWith("#") || reference.length > maxReferenceLength) return {};
  const steps = reference.slice(1).split("/").filter(Boolean);
  return steps.reduce<unknown>((at, step) => asObject(at)[step.replaceAll("~1", "/").replaceAll("~0", "~")], root);
}

/** All that is ever read from a schema here. */
const keywords = [
  ...["const", "enum", "default", "$ref", "anyOf", "oneOf", "allOf", "type", "properties", "required"],
  ...["items", "prefixItems", "minItems", "maxItems"],
  ...["multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "format", "minLength", "maxLength"],
];

/**
 * The schema without `key`, and its parts over it; what several require they require together, each property by all of
 * them. Only what is read is copied: the rest may be megabytes.
 */
function merge(schema: JsonObject, key: string, parts: readonly unknown[]): JsonObject {
  const merged: { [keyword: string]: unknown } = {};
  const all = [schema, ...parts.map(asObject)];
  for (const part of all) {
    for (const keyword of keywords) {
      if (Object.hasOwn(part, keyword) && !(part === schema && keyword === key)) merged[keyword] = part[keyword];
    }
  }
  if (all.filter((part) => "required" in part || "properties" in part).length < 2) return merged;
  const names = all.flatMap(({ required }) => (Array.isArray(required) ? (required as unknown[]).slice(0, maxItems) : []));
  const required = [...new Set(names)].slice(0, maxItems).filter((name) => typeof name === "string");
  const properties = required.map((name) => {
    const known = all.map((part) => asObject(part["properties"])).filter((own) => Object.hasOwn(own, name));
    return [name, known.length === 1 ? known[0]![name] : { allOf: known.map((own) => own[name]) }];
  });
  return { ...merged, required, properties: Object.fromEntries(properties) as JsonObject };
}

function numberOf(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
