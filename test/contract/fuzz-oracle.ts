/**
 * A second opinion on chat requests and their replies, made from the contract alone: an Ajv that takes `oneOf` at its
 * word (the gateway's own follows `discriminator`), the rules that only the prose states, and the order in which the
 * contract looks for errors.
 */
import { readFileSync } from "node:fs";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { isObject, type Json, type JsonObject, member, object, placesIn, textAt } from "./fuzz-json.ts";
import { agentOf, agentRules, bodyRules } from "./semantic-rules.ts";

export const contract = JSON.parse(readFileSync(new URL("../../generated/openapi.json", import.meta.url), "utf8")) as JsonObject;
export const schemas = object(object(contract["components"])["schemas"]) as { readonly [name: string]: JsonObject };

export interface Verdict {
  readonly status: 200 | 400 | 404;
  /** Of a request that is not accepted: the first thing that is wrong. */
  readonly why?: string;
}

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const ajv = new Ajv2020({ strict: false, validateSchema: false });
addFormats.default(ajv);
ajv.addSchema(contract, "contract");
const compile = (name: string): ValidateFunction => ajv.compile({ $ref: `contract#/components/schemas/${name}` });
const fitsRequest = compile("ChatCompletionRequest");
const fitsCompletion = compile("ChatCompletion");
const fitsChunk = compile("ChatCompletionChunk");
const fitsError = compile("Error");

export function judge(body: Json): Verdict {
  if (placesIn(body).some(({ key }) => key === "__proto__")) return { status: 400, why: "a key is named __proto__" };
  if (!fitsRequest(body)) return { status: 400, why: complaint(fitsRequest) };
  const request = object(body);
  const bodyRule = bodyRules.find((rule) => rule.isBroken(request));
  if (bodyRule) return { status: 400, why: bodyRule.name };
  if (agentOf(request) === undefined) return { status: 404, why: "there is no such agent" };
  const agentRule = agentRules.find((rule) => rule.isBroken(request));
  return agentRule ? { status: 400, why: agentRule.name } : { status: 200 };
}

/** The built-in model cannot satisfy every schema, and a stop sequence cuts its JSON like any text: then the gateway says so. */
export function saysFormIsUnmet(body: JsonObject, { status, text }: Reply): boolean {
  const format = member(body, "response_format");
  const isJson = isObject(format) && (textAt(format, "type") ?? "text") !== "text";
  return status === 502 && isJson && text.includes('"code":"response_format_mismatch"');
}

/** What is wrong with the reply itself, whichever status it should have had. */
export function problemsOf(body: Json, reply: Reply): string[] {
  if (isObject(body) && saysFormIsUnmet(body, reply)) return errorProblems(reply);
  if (reply.status >= 500) return [`it is a ${reply.status}`, ...errorProblems(reply)];
  if (reply.status !== 200) return errorProblems(reply);
  const request = object(body);
  if (request["stream"] === true) return streamProblems(request, reply);
  const problems = isJsonType(reply) ? [] : [`its type is ${reply.type}`];
  const completion = parse(reply.text);
  return [...problems, ...(fitsCompletion(completion) ? modelProblems(request, completion) : [complaint(fitsCompletion)])];
}

function errorProblems(reply: Reply): string[] {
  if (!isJsonType(reply)) return [`its type is ${reply.type}`];
  const body = parse(reply.text);
  if (!fitsError(body)) return [complaint(fitsError)];
  const { error, ...others } = object(body);
  const { param, type } = object(error);
  return [
    ...(Object.keys(others).length > 0 || Object.keys(object(error)).length !== 4 ? ["an error has keys of its own"] : []),
    ...(reply.status < 500 && type !== "invalid_request_error" ? [`its error's type is ${JSON.stringify(type)}`] : []),
    ...(typeof param === "string" && !isParam(param) ? [`'${param}' is no place in a request`] : []),
  ];
}

/** A path that begins with a field of the contract. */
function isParam(param: string): boolean {
  const first = /^\w+/.exec(param)?.[0] ?? "";
  return member(object(schemas["ChatCompletionRequest"]?.["properties"]), first) !== undefined;
}

function streamProblems(request: JsonObject, { type, text }: Reply): string[] {
  if (!type.startsWith("text/event-stream")) return [`its type is ${type}`];
  const events = text.split("\n\n").filter((event) => event !== "" && !event.startsWith(": "));
  if (events.at(-1) !== "data: [DONE]" || !text.endsWith("\n\n")) return ["the stream does not end with [DONE]"];
  const chunks = events.slice(0, -1).map((event) => parse(event.slice("data: ".length)));
  const crooked = chunks.find((chunk) => !fitsChunk(chunk));
  if (crooked !== undefined) return [`${fitsChunk(crooked) ? "" : complaint(fitsChunk)} in ${JSON.stringify(crooked)}`];
  const finished = chunks.filter((chunk) => finishReasonOf(object(chunk)) != null).length;
  const wantsUsage = isObject(request["stream_options"]) && request["stream_options"]["include_usage"] === true;
  return [
    ...chunks.flatMap((chunk) => modelProblems(request, chunk)),
    ...(finished === 1 ? [] : [`${finished} chunks have a finish reason`]),
    ...(chunks.every((chunk) => "usage" in object(chunk) === wantsUsage) ? [] : ["usage is there unasked, or is missing"]),
  ];
}

function finishReasonOf({ choices }: JsonObject): Json | undefined {
  return Array.isArray(choices) && choices[0] !== undefined ? object(choices[0])["finish_reason"] : null;
}

function modelProblems(request: JsonObject, reply: Json): string[] {
  const { model } = object(reply);
  return model === request["model"] ? [] : [`its model is ${JSON.stringify(model)}`];
}

function isJsonType({ type }: Reply): boolean {
  return type === "application/json; charset=utf-8";
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return `Not JSON: ${text.slice(0, 200)}`;
  }
}

/** The complaint about the innermost place: the ones further out only say that something in them is wrong. */
function complaint({ errors }: ValidateFunction): string {
  const depth = ({ instancePath }: ErrorObject): number => instancePath.split("/").length;
  const [innermost] = [...(errors ?? [])].sort((a, b) => depth(b) - depth(a));
  return `${innermost?.instancePath || "the body"} ${innermost?.message ?? "is wrong"}`;
}
