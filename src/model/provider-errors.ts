/**
 * Whatever goes wrong between us and a provider → the one error its caller sees: who, which status, the provider's own words.
 *
 * The words are bounded and never hold a key: neither ours nor anything that looks like one.
 */
import { GatewayError, type ErrorCode, type GatewayErrorOptions } from "../domain/errors.ts";
import type { ProviderConfig } from "../config/config.ts";

const maxWordsLength = 500;
const maxRetryAfterMs = 24 * 3600 * 1000;

export type ReplyHeaders = { readonly [name: string]: string | string[] | undefined };

export class ProviderErrors {
  readonly #who: string;
  readonly #secrets: RegExp | undefined;

  constructor({ id, apiKey = "", headers, options = {} }: ProviderConfig) {
    this.#who = `The model provider '${id}'`;
    const named = Object.entries(options).filter(([name]) => /key|token|secret|password|authorization/iu.test(name));
    const texts = [...Object.values(headers), ...named.map(([, value]) => (typeof value === "string" ? value : ""))];
    const secrets = [apiKey, ...texts.flatMap((value) => value.split(/\s+/u))].filter(({ length }) => length >= 6);
    // A secret that begins with another one would leave its rest behind.
    const forms = [...new Set(secrets.flatMap(written))].sort((a, b) => b.length - a.length);
    this.#secrets = forms.length === 0 ? undefined : new RegExp(forms.map(asPattern).join("|"), "g");
  }

  /** The provider answered with a status that is not 200. */
  fromStatus(status: number, headers: ReplyHeaders, body: string): GatewayError {
    const said = readError(body);
    const words = said.message === "" ? "" : `: ${this.#clean(said.message)}`;
    const error = (code: ErrorCode, what: string, about: GatewayErrorOptions = {}) => {
      const ours = `${this.#who} ${what} (status ${status})`;
      return new GatewayError(code, endSentence(`${ours}${words}`), { ...about, logged: endSentence(ours) });
    };
    // Google refuses a wrong key as a wrong argument.
    const isKeyRefused = status === 401 || status === 403 || /API_KEY_INVALID/u.test(said.code ?? "");
    if (isKeyRefused) return error("upstream_error", "did not accept the gateway's credentials");
    if (status === 400 || status === 413 || status === 422) {
      // Only here is it the caller's request that is at fault, and only elsewhere does waiting help.
      const about = said.param === undefined ? {} : { param: said.param };
      return isContextOverflow(said)
        ? error("context_length_exceeded", "found the input too long", about)
        : error("upstream_rejected", "rejected the request", about);
    }
    if (status === 404) return error("upstream_error", "does not know the model or the address it was asked for");
    if (status >= 300 && status < 400) return error("upstream_error", "answered with a redirect, which is not followed");
    const retryAfterMs = readRetryAfter(headers) ?? said.retryAfterMs;
    const later = retryAfterMs === undefined ? {} : { retryAfterMs };
    if (status === 408) return error("upstream_timeout", "took too long", later);
    if (status === 429) return error("upstream_rate_limited", "is limiting requests", later);
    return status >= 500 ? error("upstream_error", "failed", later) : error("upstream_error", "gave an answer that is no completion");
  }

  /** The connection could not be made, broke or timed out. */
  fromThrown(thrown: unknown): GatewayError {
    if (thrown instanceof GatewayError) return thrown;
    const code = codeOf(thrown);
    if (timeoutCodes.has(code)) return new GatewayError("upstream_timeout", `${this.#who} did not answer in time.`, { cause: thrown });
    const isHttp = !(thrown instanceof Error && thrown.name === "HTTPParserError");
    const what = !isHttp ? "sent something that is not HTTP" : isUnreachable(code) ? "could not be reached" : "broke off";
    return new GatewayError("upstream_error", `${this.#who} ${what}${code === "" ? "" : ` (${code})`}.`, { cause: thrown });
  }

  /** An error object inside a reply that began as a good one: what it would have been before it, as far as it says. */
  fromReply(error: unknown): GatewayError {
    const status = statusOf(error);
    if (status !== undefined) return this.fromStatus(status, {}, JSON.stringify(error));
    const { message } = readErrorValue(error);
    const ours = `${this.#who} failed`;
    const words = message === "" ? "" : `: ${this.#clean(message)}`;
    return new GatewayError("upstream_error", endSentence(`${ours}${words}`), { logged: endSentence(ours) });
  }

  /** The request cannot be put into the provider's words; it was not sent. */
  refused(why: string): GatewayError {
    return new GatewayError("unsupported_parameter", endSentence(`${this.#who} cannot be asked this: ${this.#clean(why)}`));
  }

  /** The reply is not what the protocol promises. `what` follows the provider's name. */
  broken(what: string): GatewayError {
    return new GatewayError("upstream_error", `${this.#who} ${what}.`);
  }

  /** The reply began as a good one, and its content is of a type that none has. */
  wrongType(type: string): GatewayError {
    return this.broken(`answered with '${this.#clean(type).slice(0, 100)}' instead of a completion`);
  }

  #clean(words: string): string {
    let text = this.#secrets === undefined ? words : words.replaceAll(this.#secrets, "[key]");
    // An error may be as long as a frame, and some of what follows costs the square of its length.
    text = text
      .slice(0, 2 * maxWordsLength)
      .replaceAll(/\b(?:sk|pk|rk|gsk|xai|hf|AIza)[-_][\w*.-]{4,}|\bAIza[\w-]{20,}|\S*\*{3,}\S*/gu, "[key]")
      .replaceAll(/\b(Bearer|Basic)\s+[^\s'",;]{6,}/giu, "$1 [key]")
      .replaceAll(/[\s\p{Cc}]+/gu, " ");
    return text.length > maxWordsLength ? `${text.slice(0, maxWordsLength - 1)}…` : text;
  }
}

/** Whether asking again may help, when nothing of a reply has come yet. A timeout is not asked again: it took long enough. */
export function isConnectionFailure(thrown: unknown): boolean {
  return retryCodes.has(codeOf(thrown));
}

/** No connection was made, whoever's fault that is: the provider's, the network's, or this process's that has too many open. */
function isUnreachable(code: string): boolean {
  return unreachableCodes.has(code) || /^(?:ERR_SSL|ERR_TLS|CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)_/u.test(code);
}

const unreachableCodes = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "EMFILE",
  "ENFILE",
]);
// A kept-alive connection that the provider just closed fails with one of the last three.
const retryCodes = new Set(["ECONNREFUSED", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);
const timeoutCodes = new Set(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT"]);

function codeOf(thrown: unknown): string {
  const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" ? code : "";
}

/** Errors inside a reply have no status; these are the ones that they would have had before it. */
const statuses: ReadonlyMap<string, number> = new Map([
  ["invalid_request_error", 400],
  ["context_length_exceeded", 400],
  ["authentication_error", 401],
  ["invalid_api_key", 401],
  ["permission_error", 403],
  ["not_found_error", 404],
  ["model_not_found", 404],
  ["request_too_large", 413],
  ["rate_limit_error", 429],
  ["rate_limit_exceeded", 429],
  ["insufficient_quota", 429],
  ["api_error", 500],
  ["timeout_error", 504],
  ["overloaded_error", 529],
  ["INVALID_ARGUMENT", 400],
  ["UNAUTHENTICATED", 401],
  ["PERMISSION_DENIED", 403],
  ["RESOURCE_EXHAUSTED", 429],
  ["UNAVAILABLE", 503],
]);

/** The status that an error inside a reply names, by number or by name. Undefined where it names none that means something here. */
export function statusOf(value: unknown): number | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof first !== "object" || first === null) return undefined;
  const { error, code, status, type } = first as { readonly [key: string]: unknown };
  if (error !== undefined && error !== null) return statusOf(error);
  const said = [code, status, type].filter((one) => typeof one === "number" || typeof one === "string");
  const numbers = said.map(Number).filter((number) => meaningful.has(number) || (number >= 500 && number < 600));
  return numbers[0] ?? said.map((name) => statuses.get(String(name))).find((number) => number !== undefined);
}

const meaningful = new Set([400, 401, 403, 404, 408, 413, 422, 429]);

/** All that it looks like: plain, in an address, in hexadecimal, in Base64. */
function written(secret: string): string[] {
  const inAddress = encodeURIComponent(secret.toWellFormed());
  const inSmall = inAddress.replaceAll(/%[\dA-F]{2}/gu, (escape) => escape.toLowerCase());
  const inHex = Buffer.from(secret).toString("hex");
  return [secret, inAddress, inSmall, inHex, inHex.toUpperCase(), ...inBase64(secret)];
}

/** Finds it also in JSON, and in JSON within JSON: there are backslashes before some characters, more of them each time. */
function asPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|"/]/g, (special) => (/["\\/]/.test(special) ? `\\\\{0,15}\\${special}` : `\\${special}`));
}

/** What it looks like inside the Base64 of a longer text, wherever it stands there; both alphabets. */
function inBase64(secret: string): string[] {
  const forms = [0, 1, 2].map((shift) => {
    const bytes = Buffer.from(" ".repeat(shift) + secret);
    // Without the characters at the ends that also say something about what stands beside it.
    return bytes.toString("base64").slice(Math.ceil((shift * 4) / 3), Math.floor((bytes.length * 4) / 3));
  });
  return [...forms, ...forms.map((form) => form.replaceAll("+", "-").replaceAll("/", "_"))];
}

export interface ProviderWords {
  readonly message: string;
  readonly code?: string;
  readonly param?: string;
  readonly retryAfterMs?: number;
}

function readError(body: string): ProviderWords {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    const text = body.trim();
    return { message: text.startsWith("<") ? "" : text };
  }
  return readErrorValue(Array.isArray(value) ? value[0] : value);
}

/** `{error: {message}}`, `{error: "…"}`, `{message}`, `{detail: "…"}`, `{detail: [{msg}]}` and plain strings. */
export function readErrorValue(value: unknown): ProviderWords {
  if (typeof value === "string") return { message: value };
  if (typeof value !== "object" || value === null) return { message: "" };
  const { error, message, detail, details: more, code, type, status, param } = value as { readonly [key: string]: unknown };
  if (error !== undefined && error !== null) return readErrorValue(error);
  const details = Array.isArray(detail)
    ? detail.map((item: { msg?: unknown } | null) => item?.msg).filter((msg) => typeof msg === "string")
    : [];
  const words = [message, detail, details.join("; ")].find((candidate) => typeof candidate === "string" && candidate !== "");
  return {
    message: typeof words === "string" ? words : "",
    code: [code, type, status, ...reasonsIn(more)].filter((item) => typeof item === "string").join(" "),
    // A path into the messages would count those that the gateway added.
    ...(typeof param === "string" && /^[a-z_]{1,64}$/u.test(param) && param !== "model" ? { param } : {}),
    ...readRetryDelay(more),
  };
}

/** Google's: `details: [{ "@type": "…ErrorInfo", reason: "API_KEY_INVALID" }]`. */
function reasonsIn(details: unknown): unknown[] {
  return Array.isArray(details) ? details.map((item: { reason?: unknown } | null) => item?.reason) : [];
}

/** Google says how long to wait in the body: `details: [{ "@type": "…RetryInfo", retryDelay: "34.5s" }]`. */
function readRetryDelay(details: unknown): Pick<ProviderWords, "retryAfterMs"> {
  const delays = Array.isArray(details) ? details.map((item: { retryDelay?: unknown } | null) => item?.retryDelay) : [];
  const seconds = delays.flatMap((delay) => (typeof delay === "string" ? (/^(\d+(?:\.\d+)?)s$/u.exec(delay)?.[1] ?? []) : []))[0];
  return seconds === undefined ? {} : { retryAfterMs: bound(Number(seconds) * 1000) };
}

function isContextOverflow({ message, code = "" }: ProviderWords): boolean {
  return (
    /context_length_exceeded|exceed_context_size/u.test(code) ||
    /context.{0,12}(?:length|window|size|limit)|prompt is too long|too many (?:input )?tokens|reduce the length|input.{0,20}too long|input token count.{0,40}exceeds/iu.test(
      message,
    )
  );
}

function readRetryAfter(headers: ReplyHeaders): number | undefined {
  const inMs = Number.parseFloat(String(headers["retry-after-ms"]));
  if (Number.isFinite(inMs)) return bound(inMs);
  const value = headers["retry-after"];
  if (typeof value !== "string") return undefined;
  const waitMs = /^\s*\d+(?:\.\d+)?\s*$/u.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(waitMs) ? bound(waitMs) : undefined;
}

function bound(waitMs: number): number {
  return Math.min(Math.max(Math.ceil(waitMs), 0), maxRetryAfterMs);
}

function endSentence(text: string): string {
  return /[.!?…]$/u.test(text) ? text : `${text}.`;
}
