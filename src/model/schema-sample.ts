/**
 * The smallest value that fits a JSON Schema, for the offline model's calls of tools it knows nothing about.
 *
 * Best effort by design: `pattern`, `not`, `if` and remote references are not looked at.
 */
import type { JsonObject } from "../domain/model.ts";

const maxDepth = 16;
const maxItems = 100;
/** Schemas looked at for one sample: a schema may refer to itself many times over. */
const maxSchemas = 1000;

/** An arguments object with the required properties only; strings get `text` where the schema lets them. */
export function sampleArguments(parameters: JsonObject | undefined, text: string): JsonObject {
  const value = sample(parameters ?? {}, { root: parameters ?? {}, text, depth: 0, left: { schemas: maxSchemas } });
  return isObject(value) ? value : {};
}

interface Context {
  readonly root: JsonObject;
  readonly text: string;
  readonly depth: number;
  readonly left: { schemas: number };
}

function sample(schema: unknown, context: Context): unknown {
  if (!isObject(schema) || context.depth > maxDepth || context.left.schemas-- <= 0) return context.text;
  const inner = { ...context, depth: context.depth + 1 };
  if ("const" in schema) return schema["const"];
  if (Array.isArray(schema["enum"]) && schema["enum"].length > 0) return schema["enum"][0];
  if ("default" in schema) return schema["default"];
  if (typeof schema["$ref"] === "string") return sample(resolve(schema["$ref"], context.root), inner);
  for (const key of ["anyOf", "oneOf"]) {
    const choices = schema[key];
    if (Array.isArray(choices) && choices.length > 0) return sample({ ...omit(schema, key), ...asObject(choices[0]) }, inner);
  }
  if (Array.isArray(schema["allOf"])) return sample(Object.assign(omit(schema, "allOf"), ...schema["allOf"].map(asObject)), inner);
  const type = Array.isArray(schema["type"]) ? (schema["type"] as unknown[])[0] : schema["type"];
  switch (type ?? ("properties" in schema || context.depth === 0 ? "object" : "string")) {
    case "object":
      return sampleObject(schema, inner);
    case "array":
      return Array.from({ length: Math.min(numberOf(schema["minItems"], 0), maxItems) }, () => sample(schema["items"], inner));
    case "number":
    case "integer":
      return sampleNumber(schema, type === "integer");
    case "boolean":
      return false;
    case "null":
      return null;
    default:
      return sampleString(schema, context.text);
  }
}

function sampleObject(schema: JsonObject, context: Context): JsonObject {
  const properties = asObject(schema["properties"]);
  const required = Array.isArray(schema["required"]) ? schema["required"].filter((name) => typeof name === "string") : [];
  return Object.fromEntries(required.map((name) => [name, sample(properties[name], context)]));
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
  duration: "PT0S",
  email: "someone@example.com",
  hostname: "example.com",
  ipv4: "127.0.0.1",
  ipv6: "::1",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

function sampleString(schema: JsonObject, text: string): string {
  const known = typeof schema["format"] === "string" ? byFormat[schema["format"]] : undefined;
  if (known !== undefined) return known;
  const characters = Array.from(text).slice(0, numberOf(schema["maxLength"], Infinity));
  return characters.join("").padEnd(Math.min(numberOf(schema["minLength"], 0), 10_000), "-");
}

/** Only references inside the schema itself: `#/$defs/Name`. */
function resolve(reference: string, root: JsonObject): unknown {
  if (!reference.startsWith("#")) return {};
  const steps = reference.slice(1).split("/").filter(Boolean);
  return steps.reduce<unknown>((at, step) => asObject(at)[step.replaceAll("~1", "/").replaceAll("~0", "~")], root);
}

function omit(schema: JsonObject, key: string): { [key: string]: unknown } {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => name !== key));
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
