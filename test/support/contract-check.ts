/**
 * Holds real replies against the contract, with an Ajv of its own that knows nothing of the gateway's: status, content
 * type, headers and body; every event of a stream. Stricter than the contract in one thing: a reply has no field and
 * no header of ours that the contract does not name.
 *
 * Deliberately absent: requests, which are the gateway's to judge.
 */
import { readFileSync } from "node:fs";
import { expect } from "@jest/globals";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

type Json = null | boolean | number | string | Json[] | JsonObject;
interface JsonObject {
  [key: string]: Json;
}

/** A complete reply, whichever client received it. */
export interface Exchange {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: { readonly [name: string]: string };
  readonly text: string;
}

export interface DeclaredReply {
  readonly operation: string;
  readonly status: number;
}

export interface ErrorBody {
  readonly error: { readonly message: string; readonly type: string; readonly param: string | null; readonly code: string };
}

interface ContractOperation {
  readonly id: string;
  readonly path: string;
  readonly method: string;
}

export const contract = JSON.parse(readFileSync(new URL("../../generated/openapi.json", import.meta.url), "utf8")) as JsonObject;

export const contractOperations: readonly ContractOperation[] = Object.entries(object(contract["paths"])).flatMap(([path, item]) =>
  Object.entries(object(item))
    .filter(([key]) => ["get", "put", "post", "delete", "options", "head", "patch", "trace"].includes(key))
    .map(([method, operation]) => ({ id: object(operation)["operationId"] as string, path, method: method.toUpperCase() })),
);

/** Every (operation, status) the contract promises. */
export const declaredReplies: readonly DeclaredReply[] = contractOperations.flatMap((operation) =>
  Object.keys(responsesOf(operation)).map((status) => ({ operation: operation.id, status: Number(status) })),
);

const ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(closed(contract), "contract");
const validators = new Map<string, ValidateFunction>();

export async function exchangeOf(response: Response): Promise<Exchange> {
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
}

/** What is wrong with a reply to this operation, a line each; nothing, if it keeps the contract. */
export function problemsOf(operationId: string, { status, headers, text }: Exchange): string[] {
  const operation = contractOperations.find(({ id }) => id === operationId);
  if (!operation) return [`The contract has no operation ${operationId}.`];
  const reference = responsesOf(operation)[String(status)];
  if (reference === undefined) return [`${operationId} does not declare the status ${status}.`];
  const place = pointerOf(reference, ["paths", operation.path, operation.method.toLowerCase(), "responses", String(status)]);
  const response = object(at(place));
  return [...headerProblems(object(response["headers"] ?? {}), place, headers), ...bodyProblems(response, place, headers, text)];
}

/** Any error, also one of a path that the contract does not know. Leave out `param` where it is not the point. */
export function expectError(exchange: Exchange, wanted: { status: number; code: string; param?: string | null }): ErrorBody["error"] {
  const { status, headers, text } = exchange;
  expect({ status, type: headers["content-type"], nosniff: headers["x-content-type-options"] }).toEqual({
    status: wanted.status,
    type: "application/json; charset=utf-8",
    nosniff: "nosniff",
  });
  expect(headers["x-request-id"]).toMatch(/^[\w.-]{1,128}$/);
  const body = JSON.parse(text) as ErrorBody;
  expect(Object.keys(body)).toEqual(["error"]);
  expect(Object.keys(body.error).sort()).toEqual(["code", "message", "param", "type"]);
  expect(problemsAgainst(["components", "schemas", "Error"], body as unknown as Json)).toEqual([]);
  const { code, param } = body.error;
  expect({ code, ...(wanted.param === undefined ? {} : { param }) }).toEqual({
    code: wanted.code,
    ...(wanted.param === undefined ? {} : { param: wanted.param }),
  });
  return body.error;
}

function headerProblems(declared: JsonObject, place: readonly string[], sent: Exchange["headers"]): string[] {
  const names = Object.entries(declared).map(([name, node]) => ({ name, pointer: pointerOf(node, [...place, "headers", name]) }));
  const known = new Set(names.map(({ name }) => name.toLowerCase()));
  return [
    ...names.flatMap(({ name, pointer }) => {
      const header = object(at(pointer));
      const value = sent[name.toLowerCase()];
      if (value === undefined) return header["required"] === true ? [`The header ${name} is missing.`] : [];
      const schema = object(header["schema"]);
      const typed = schema["type"] === "integer" && /^\d+$/.test(value) ? Number(value) : value;
      return problemsAgainst([...pointer, "schema"], typed).map((problem) => `header ${name}: ${problem}`);
    }),
    ...Object.keys(sent)
      .filter((name) => (/^x-/.test(name) || ["allow", "retry-after", "www-authenticate"].includes(name)) && !known.has(name))
      .map((name) => `The header ${name} is not declared.`),
  ];
}

function bodyProblems(response: JsonObject, place: readonly string[], headers: Exchange["headers"], text: string): string[] {
  const content = object(response["content"] ?? {});
  const type = (headers["content-type"] ?? "").split(";")[0] ?? "";
  if (content[type] === undefined) return [`The content type ${type} is not declared.`];
  const schema = [...place, "content", type, "schema"];
  if (type === "text/event-stream") return streamProblems(schema, text);
  if (type !== "application/json") return problemsAgainst(schema, text);
  try {
    return problemsAgainst(schema, JSON.parse(text) as Json);
  } catch {
    return [`Not JSON: ${text.slice(0, 200)}`];
  }
}

/** Comments, one `data:` line for each event, with its number before it where it has one, an error body as in any other reply, and `[DONE]` at the very end. */
function streamProblems(schema: readonly string[], text: string): string[] {
  if (!text.endsWith("\n\n")) return ["The stream stops within an event."];
  const events = text.slice(0, -2).split("\n\n");
  const problems = events.at(-1) === "data: [DONE]" ? [] : ["The stream does not end with [DONE]."];
  for (const event of events.slice(0, -1)) {
    if (/^: [^\n]*$/.test(event)) continue;
    const data = /^(?:id: [1-9]\d*\n)?data: ([^\n]*)$/.exec(event)?.[1];
    if (data === undefined) problems.push(`Neither a comment nor one data line: ${JSON.stringify(event)}`);
    else {
      const value = JSON.parse(data) as JsonObject;
      problems.push(...problemsAgainst("error" in value ? ["components", "schemas", "Error"] : schema, value));
    }
  }
  return problems;
}

function problemsAgainst(pointer: readonly string[], value: Json): string[] {
  const fragment = pointer.map((step) => encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
  const validate = validators.get(fragment) ?? ajv.compile({ $ref: `contract#/${fragment}` });
  validators.set(fragment, validate);
  return validate(value) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || "/"} ${message ?? ""}`);
}

function responsesOf({ path, method }: ContractOperation): JsonObject {
  return object(at(["paths", path, method.toLowerCase(), "responses"]));
}

/** Where a node really stands: `own`, or what its `$ref` names. */
function pointerOf(node: Json | undefined, own: readonly string[]): readonly string[] {
  const reference = object(node)["$ref"];
  return typeof reference === "string" ? reference.slice(2).split("/") : own;
}

function at(pointer: readonly string[]): Json {
  return pointer.reduce<Json>((node, step) => object(node)[step] ?? null, contract);
}

function object(node: Json | undefined): JsonObject {
  if (typeof node !== "object" || node === null || Array.isArray(node)) throw new Error(`Not an object: ${JSON.stringify(node)}`);
  return node;
}

/** A copy in which objects with listed properties have no others. */
function closed(node: JsonObject): JsonObject {
  return JSON.parse(
    JSON.stringify(node, (_key, value: Json) => {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
      const isPlain = value["type"] === "object" && value["properties"] !== undefined && value["additionalProperties"] === undefined;
      return isPlain ? { ...value, additionalProperties: false } : value;
    }),
  ) as JsonObject;
}
