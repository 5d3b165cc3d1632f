/**
 * The contract's request schema in the forms that bodies are made from: with its references inlined, without what the
 * gateway refuses, and as a list of values that stand right on and right beyond each of its bounds.
 */
import { generateSync } from "json-schema-faker";
import { isObject, type Json, type JsonObject, member, object } from "./fuzz-json.ts";
import { schemas } from "./fuzz-oracle.ts";
import { agentRules, bodyRules } from "./semantic-rules.ts";

const leftOut = new Set([...bodyRules, ...agentRules].flatMap(({ refuses = [], avoids = [] }) => [...refuses, ...avoids]));
export const wholeSchema = inlined("ChatCompletionRequest", new Set());
export const acceptedSchema = inlined("ChatCompletionRequest", leftOut);

/** The schema with its references replaced by what they name, for the faker follows them only a few levels; without the places left out. */
function inlined(name: string, without: ReadonlySet<string>): JsonObject {
  const resolve = (node: Json, owner: string): Json => {
    if (Array.isArray(node)) {
      return node.filter((item) => !without.has(referenceOf(item) ?? "")).map((item) => resolve(item, owner));
    }
    if (!isObject(node)) return node;
    const reference = referenceOf(node);
    if (reference !== undefined) return resolve(object(schemas[reference]), reference);
    const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolve(value, "")]));
    delete copy["discriminator"];
    // It stands there for the gateway's validator; the faker would stop at it.
    if (copy["oneOf"] !== undefined) delete copy["type"];
    const { properties } = node;
    if (isObject(properties) && owner !== "") {
      const kept = Object.entries(properties).filter(
        ([key, value]) => !without.has(`${owner}.${key}`) && !without.has(referenceOf(value) ?? ""),
      );
      copy["properties"] = Object.fromEntries(kept.map(([key, value]) => [key, resolve(value, "")]));
    }
    return copy;
  };
  return object(resolve(object(schemas[name]), name));
}

function referenceOf(node: Json): string | undefined {
  const reference = isObject(node) ? member(node, "$ref") : undefined;
  return typeof reference === "string" ? reference.split("/").at(-1) : undefined;
}

const ofEachType: readonly Json[] = [null, true, 7, 0.5, "other", [], {}];

/** For each field of the request, values on both sides of every constraint in it. */
export const boundaryProbes: readonly { readonly field: string; readonly values: readonly Json[] }[] = Object.entries(
  object(wholeSchema["properties"]),
).map(([field, schema]) => ({ field, values: distinct(probesOf(object(schema))) }));

function distinct(values: readonly Json[]): Json[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

/** Values that fit but for one place that is right on a bound, right beyond it, or of another type. */
function probesOf(schema: JsonObject): Json[] {
  const branches = [schema["anyOf"], schema["oneOf"]].flatMap((list) => (Array.isArray(list) ? list.map(object) : []));
  if (branches.length > 0) return [...ofEachType, ...branches.flatMap(probesOf)];
  return [...ofEachType, ...ownProbes(schema), ...itemProbes(schema), ...memberProbes(schema)];
}

function ownProbes({ minimum, maximum, maxLength, pattern, enum: values, const: only }: JsonObject): Json[] {
  const bounds = [minimum, maximum].filter((bound) => typeof bound === "number");
  const lengths = typeof maxLength === "number" ? [maxLength, maxLength + 1] : pattern === undefined ? [] : [0, 1, 64, 65];
  return [
    ...bounds.flatMap((bound) => [bound, bound - 1, bound + 1, bound - 0.1, bound + 0.1]),
    ...lengths.map((length) => "x".repeat(length)),
    ...(pattern === undefined ? [] : ["a b", "ä", "a\n"]),
    ...(Array.isArray(values) ? values : []),
    ...(only === undefined ? [] : [only, `${typeof only === "string" ? only : ""}s`]),
  ];
}

function itemProbes({ items, minItems = 0, maxItems }: JsonObject): Json[] {
  if (!isObject(items)) return [];
  const least = Number(minItems);
  const counts = [least, Math.max(0, least - 1), ...(typeof maxItems === "number" ? [maxItems, maxItems + 1] : [])];
  const sample = sampleOf(items);
  return [...probesOf(items).map((item) => [item]), ...counts.map((length) => Array.from({ length }, () => sample))];
}

function memberProbes(schema: JsonObject): Json[] {
  if (![schema["type"]].flat().includes("object")) return [];
  const { properties = {}, additionalProperties: others, required = [], maxProperties, propertyNames } = schema;
  const base = object(sampleOf({ ...schema, type: "object" }));
  const without = (key: string): JsonObject => Object.fromEntries(Object.entries(base).filter(([name]) => name !== key));
  const longestName = isObject(propertyNames) ? Number(propertyNames["maxLength"]) : 0;
  const counts = typeof maxProperties === "number" ? [maxProperties, maxProperties + 1] : [];
  const sample = isObject(others) ? sampleOf(others) : "x";
  return [
    ...Object.entries(object(properties)).flatMap(([key, value]) => probesOf(object(value)).map((probe) => ({ ...base, [key]: probe }))),
    ...(required as string[]).map(without),
    ...(isObject(others) ? probesOf(others).map((probe) => ({ ...base, "50256": probe })) : []),
    ...(longestName > 0 ? [{ ["x".repeat(longestName)]: sample }, { ["x".repeat(longestName + 1)]: sample }] : []),
    ...counts.map((length) => Object.fromEntries(Array.from({ length }, (_, index) => [`key_${index}`, sample]))),
  ];
}

/** The least that fits. */
function sampleOf(schema: JsonObject): Json {
  return generateSync(schema, { seed: 1, optionalsProbability: 0, maxDepth: 30 }) as Json;
}
