/**
 * Every example in the contract is valid against the schema it illustrates: requests, replies, chunks, errors,
 * parameters, headers, properties. The validator here is a plain Ajv that knows nothing of OpenAPI, so it takes `oneOf`
 * at its word where the gateway's own follows `discriminator`: an example that pleases only one of them fails.
 *
 * Deliberately absent: whether the gateway really answers so; the coverage test sends requests for that.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { errorCodes } from "../../src/domain/errors.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

interface Example {
  /** A JSON pointer to the schema. */
  readonly schema: string;
  readonly name: string;
  readonly value: Json;
}

const contract = JSON.parse(readFileSync(new URL("../../generated/openapi.json", import.meta.url), "utf8")) as JsonObject;
const ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(contract, "contract");

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function follow(value: Json | undefined): Json | undefined {
  if (!isObject(value) || typeof value["$ref"] !== "string") return value;
  return value["$ref"]
    .slice(2)
    .split("/")
    .reduce<Json | undefined>((at, step) => (isObject(at) ? at[step] : undefined), contract);
}

function below(pointer: string, step: string): string {
  return `${pointer}/${encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"))}`;
}

/** What a media type, a parameter or a header shows beside its `schema`. */
function besideSchema(node: JsonObject, pointer: string): Example[] {
  const schema = below(pointer, "schema");
  const named = isObject(node["examples"]) ? Object.entries(node["examples"]) : [];
  const found = named.map(([name, holder]) => {
    const example = follow(holder);
    if (!isObject(example) || !("value" in example)) throw new Error(`The example ${name} at ${pointer} has no value.`);
    return { schema, name, value: example["value"] };
  });
  return "example" in node ? [...found, { schema, name: "example", value: node["example"] }] : found;
}

function examplesIn(node: Json, pointer: string): Example[] {
  if (Array.isArray(node)) return node.flatMap((item, index) => examplesIn(item, below(pointer, String(index))));
  if (!isObject(node)) return [];
  const own = isObject(node["schema"]) ? besideSchema(node, pointer) : [];
  const inSchema = Array.isArray(node["examples"]) ? node["examples"] : [];
  return [
    ...own,
    ...inSchema.map((value, index) => ({ schema: pointer, name: String(index), value })),
    ...Object.entries(node)
      .filter(([key]) => key !== "examples" && key !== "example")
      .flatMap(([key, child]) => examplesIn(child, below(pointer, key))),
  ];
}

function problemsOf(example: Example): string {
  const validate = ajv.compile({ $ref: `contract#${example.schema}` });
  return validate(example.value) ? "" : ajv.errorsText(validate.errors);
}

const examples = examplesIn(contract, "");
const errors = examples
  .filter(({ schema }) => schema.startsWith("/components/responses/"))
  .map(({ value }) => (value as { error: { type: string; code: string } }).error);

describe("examples of the contract", () => {
  test.each(examples)("$schema: $name", (example) => {
    expect(problemsOf(example)).toBe("");
  });

  test("are found in all the places where they stand", () => {
    for (const place of ["/requestBody/", "/responses/200/", "text~1event-stream", "/components/responses/", "/components/headers/"]) {
      expect(examples.some(({ schema }) => decodeURIComponent(schema).includes(place))).toBe(true);
    }
    expect(examples.some(({ schema }) => schema.startsWith("/components/parameters/"))).toBe(true);
    expect(examples.some(({ schema }) => schema.startsWith("/components/schemas/"))).toBe(true);
  });

  test("are really held against their schemas", () => {
    const schema = below(below(below("/paths", "/v1/chat/completions"), "post"), "requestBody") + "/content/application~1json/schema";
    expect(problemsOf({ schema, name: "", value: { model: "openclaw", messages: [{ role: "bot", content: "" }] } })).toContain(
      "messages/0",
    );
  });
});

describe("errors of the contract", () => {
  test("each reply that can fail shows how", () => {
    const responses = Object.entries((contract["components"] as JsonObject)["responses"] as JsonObject);
    const without = responses.filter(([name]) => !examples.some(({ schema }) => schema.startsWith(`/components/responses/${name}/`)));
    expect(without).toEqual([]);
  });

  test("each code has an example", () => {
    const shown = new Set(errors.map(({ code }) => code));
    expect(errorCodes.filter((code) => !shown.has(code))).toEqual([]);
  });

  test("the table in the introduction names each code once", () => {
    const table = ((contract["info"] as JsonObject)["description"] as string).match(/^ *\|.*\|$/gm)?.join("\n") ?? "";
    expect(errorCodes.filter((code) => table.split(`\`${code}\``).length !== 2)).toEqual([]);
  });

  test("a code has the same type wherever it is shown", () => {
    const pairs = new Set(errors.map(({ type, code }) => `${code} ${type}`));
    expect(pairs.size).toBe(new Set(errors.map(({ code }) => code)).size);
  });
});
