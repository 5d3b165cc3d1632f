/**
 * Ajv's list of complaints → the one error a caller can act on: what is wrong, and where, as OpenAI spells it
 * (`messages[0].content`). The deepest complaint wins, because it is the most exact one.
 */
import type { ErrorObject } from "ajv";
import { type ErrorCode, GatewayError } from "../domain/errors.ts";

/** Summaries of several complaints: never the cause itself. */
const summaries = new Set(["oneOf", "anyOf", "allOf", "if", "propertyNames"]);

/** A caller may make up keys of megabytes; so much of each is told back. */
const maxShownKey = 128;

/** `whole`: what a complaint is about that has no place. */
export function toValidationError(errors: readonly ErrorObject[], whole = "The request body"): GatewayError {
  const causes = errors.filter((error) => !summaries.has(error.keyword));
  const candidates = causes.length > 0 ? causes : errors;
  const deepest = candidates.reduce((most, error) => Math.max(most, depth(error)), 0);
  const atDeepest = candidates.filter((error) => depth(error) === deepest).sort((a, b) => exactness(b) - exactness(a));
  const first = atDeepest[0];
  if (!first) return new GatewayError("invalid_value", "The request does not fit the contract (see /openapi.json).");
  const siblings = atDeepest.filter((error) => error.instancePath === first.instancePath);
  return describe(first, siblings, whole);
}

function depth({ instancePath, keyword }: ErrorObject): number {
  return instancePath.split("/").length + (keyword === "required" || keyword === "discriminator" ? 1 : 0);
}

/** Among branches of a union, the one whose type fits says more than those whose type does not. */
function exactness({ keyword }: ErrorObject): number {
  if (keyword === "type") return 0;
  return keyword === "enum" || keyword === "const" ? 1 : 2;
}

function describe(error: ErrorObject, siblings: readonly ErrorObject[], whole: string): GatewayError {
  const params = error.params as { [key: string]: unknown };
  const param = paramOf(error.instancePath, keyOf(error.keyword, params));
  const named = param === undefined ? whole : `'${param}'`;
  // What is wrong with a key is not wrong with what it stands in.
  const where = error.propertyName === undefined ? named : `A key in ${named}`;
  const [code, message] = explain(error, params, where, siblings);
  return new GatewayError(code, message, param === undefined ? {} : { param });
}

function keyOf(keyword: string, params: { [key: string]: unknown }): string | undefined {
  if (keyword === "required") return String(params["missingProperty"]);
  if (keyword === "discriminator") return String(params["tag"]);
  if (keyword === "additionalProperties") return String(params["additionalProperty"]);
  return undefined;
}

function explain(
  error: ErrorObject,
  params: { [key: string]: unknown },
  where: string,
  siblings: readonly ErrorObject[],
): [ErrorCode, string] {
  switch (error.keyword) {
    case "required":
      return ["missing_required_parameter", `${where} is required.`];
    case "type": {
      // Branches of a union each name the type they wanted.
      const types = siblings
        .filter((other) => other.keyword === "type")
        .flatMap((other) => (other.params as { type: string | string[] }).type);
      return ["invalid_type", `${where} must be ${list([...new Set(types)])}.`];
    }
    case "additionalProperties":
      return ["unsupported_parameter", `${where} is not supported here.`];
    case "enum":
      return [
        "invalid_value",
        `${where} must be one of: ${(params["allowedValues"] as unknown[]).map((value) => JSON.stringify(value)).join(", ")}.`,
      ];
    case "const":
      return ["invalid_value", `${where} must be ${JSON.stringify(params["allowedValue"])}.`];
    case "minItems":
      return ["empty_array", `${where} must not be empty.`];
    case "maxItems":
      return ["invalid_value", `${where} must not have more than ${String(params["limit"])} items.`];
    case "maximum":
      return ["invalid_value", `${where} must be at most ${String(params["limit"])}.`];
    case "minimum":
      return ["invalid_value", `${where} must be at least ${String(params["limit"])}.`];
    case "minLength":
      return ["invalid_value", `${where} must not be empty.`];
    case "maxLength":
      return ["invalid_value", `${where} must not have more than ${String(params["limit"])} characters.`];
    case "discriminator":
      if (params["error"] !== "tag") return ["invalid_value", `${where} must be one of: ${tagsOf(error).join(", ")}.`];
      return [params["tagValue"] == null ? "missing_required_parameter" : "invalid_type", `${where} is required and must be text.`];
    default:
      return ["invalid_value", `${where} ${error.message ?? "is not valid"}.`];
  }
}

/** What a union is told apart by, as `http/contract.ts` has left it in the schema. */
function tagsOf({ parentSchema }: ErrorObject): string[] {
  const { discriminator } = (parentSchema ?? {}) as { discriminator?: { tags?: readonly string[] } };
  return (discriminator?.tags ?? []).map((tag) => JSON.stringify(tag));
}

function list(types: readonly string[]): string {
  const named = types.map((type) => (type === "null" ? "null" : /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`));
  return named.length < 2 ? named.join("") : `${named.slice(0, -1).join(", ")} or ${named.at(-1)}`;
}

/** `/requestBody/messages/0/content` → `messages[0].content`; `/header/x-thing` → `x-thing`; `/params/key` → `key`. */
function paramOf(instancePath: string, key: string | undefined): string | undefined {
  const steps = instancePath
    .split("/")
    .slice(2)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  if (key !== undefined) steps.push(key);
  if (steps.length === 0) return undefined;
  const shown = steps.map((step) => step.slice(0, maxShownKey));
  return shown.map((step, index) => (/^\d+$/.test(step) ? `[${step}]` : index === 0 ? step : `.${step}`)).join("");
}
