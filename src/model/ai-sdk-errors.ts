/**
 * Whatever an AI SDK package throws or reports → the one error its caller sees.
 *
 * The packages' own errors carry the request, and quote the reply: they never become a cause that is logged.
 */
import { GatewayError } from "../domain/errors.ts";
import { statusOf, type ProviderErrors } from "./provider-errors.ts";

interface SdkError {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly statusCode?: unknown;
  readonly responseBody?: unknown;
  readonly cause?: unknown;
}

/** What `doStream` threw, or reading its stream. */
export function errorOfThrown(thrown: unknown, errors: ProviderErrors): GatewayError {
  const chain = causesOf(thrown);
  // Ours, from under the package's feet.
  const own = chain.find((error) => error instanceof GatewayError);
  if (own) return own;
  const outer = (thrown ?? {}) as SdkError;
  if (typeof outer.statusCode === "number" && outer.statusCode !== 200) return errorOfPart(thrown, errors);
  const isAboutRequest = /^AI_(?:UnsupportedFunctionality|InvalidArgument|InvalidPrompt|TypeValidation)Error$/u.test(String(outer.name));
  if (isAboutRequest) return errors.refused(String(outer.message));
  if (chain.some(isMalformed)) return errors.broken("sent a frame that is not what its protocol promises");
  if (outer.name === "AI_EmptyResponseBodyError") return errors.broken("ended its reply without a finish reason");
  if (/^AI_Load/u.test(String(outer.name))) return errors.broken("has a package that misses a setting, such as its apiKey");
  const socket = chain.find((error) => typeof (error as { code?: unknown }).code === "string");
  if (socket || !String(outer.name).startsWith("AI_")) return errors.fromThrown(socket ?? thrown);
  return errors.broken("could not be asked");
}

/** An error part of a stream: a provider's own error object, or the package's for it. */
export function errorOfPart(error: unknown, errors: ProviderErrors): GatewayError {
  const { name, statusCode, responseBody } = (error ?? {}) as SdkError;
  const said: unknown = typeof responseBody === "string" ? parse(responseBody) : error;
  const chain = [error, said, ...causesOf(error)];
  const own = chain.find((one) => one instanceof GatewayError);
  if (own) return own;
  if (chain.some(isMalformed)) return errors.broken("sent a frame that is not what its protocol promises");
  const status = statusOf(said) ?? (typeof statusCode === "number" && statusCode >= 400 ? statusCode : undefined);
  if (status !== undefined) return errors.fromStatus(status, {}, JSON.stringify(said));
  return typeof name === "string" && name.startsWith("AI_") && responseBody === undefined
    ? errors.broken("broke off its reply")
    : errors.fromReply(said);
}

function isMalformed(error: unknown): boolean {
  const name = (error as SdkError | null | undefined)?.name;
  return name === "AI_JSONParseError" || name === "AI_InvalidResponseDataError" || name === "AI_TypeValidationError";
}

function causesOf(thrown: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let at = thrown; at !== undefined && at !== null && chain.length < 10; at = (at as SdkError).cause) chain.push(at);
  return chain;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
