/**
 * The wires the stub upstream speaks, one reply each: OpenAI's chat completions (made in `stub-script.ts`), Anthropic's
 * messages and Google's Generative Language. The last two are streamed only, as our adapters ask for them. Pure.
 */
import {
  callsOf,
  finishOf,
  frame,
  piecesOf,
  streamedReply,
  stubUsage,
  wholeReply,
  type StubAnswer,
  type StubReply,
  type StubRequest,
} from "./stub-script.ts";

export type Wire = "openai" | "anthropic" | "google";

export function wireOf(path: string): Wire {
  const [resource = ""] = path.split("?");
  if (resource.endsWith("/messages")) return "anthropic";
  return /:(stream)?generateContent$/i.test(resource) ? "google" : "openai";
}

export function isStreamed(wire: Wire, { path, text }: StubRequest): boolean {
  return wire === "google" ? path.includes(":streamGenerateContent") : /"stream"\s*:\s*true/.test(text);
}

/** Frames by script object, so that a script played many times is serialised once. */
const serialised = new WeakMap<StubReply, Map<string, Buffer[]>>();

/** The frames of a reply; a whole one is a single frame. An endless one repeats its last frame. */
export function framesOf(wire: Wire, reply: StubReply, request: StubRequest, isWhole: boolean): Buffer[] {
  const withUsage = wire !== "openai" || /"include_usage"\s*:\s*true/.test(request.text);
  const kind = `${wire} ${isWhole ? "whole" : withUsage ? "with usage" : "without"}`;
  let known = serialised.get(reply);
  if (!known) serialised.set(reply, (known = new Map<string, Buffer[]>()));
  let frames = known.get(kind);
  if (!frames) known.set(kind, (frames = makeFrames(wire, reply, withUsage, isWhole)));
  return frames;
}

function makeFrames(wire: Wire, reply: StubReply, withUsage: boolean, isWhole: boolean): Buffer[] {
  if (wire === "openai") return isWhole ? [Buffer.from(JSON.stringify(wholeReply(reply)))] : streamedReply(reply, withUsage);
  if (isWhole || reply.refusal !== undefined) throw new Error(`The stub cannot say this on ${wire}'s wire.`);
  return wire === "anthropic" ? anthropicStream(reply) : googleStream(reply);
}

/** Base64, as both providers give them; whoever plays the reply back must have kept it. */
export const stubSignature = "c3R1YiBzaWduYXR1cmU=";

interface Tokens {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number; readonly cache_write_tokens?: number };
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number };
}

function anthropicStream(reply: StubReply): Buffer[] {
  const { text = "", chunks = 3, reasoning, usage = stubUsage } = reply;
  // This wire cannot leave the counts out.
  const { input, output } = anthropicUsage((usage ?? { prompt_tokens: 0, completion_tokens: 0 }) as Tokens);
  const frames: Buffer[] = [];
  const add = (type: string, fields: object = {}): void => {
    frames.push(frame(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`));
  };
  let index = -1;
  const open = (content_block: object): void => add("content_block_start", { index: ++index, content_block });
  const delta = (fields: object): void => add("content_block_delta", { index, delta: fields });
  const close = (): void => add("content_block_stop", { index });

  const message = { id: "msg_stub", type: "message", role: "assistant", model: "stub-model", content: [], stop_reason: null };
  add("message_start", { message: { ...message, stop_sequence: null, usage: { ...input, output_tokens: 1 } } });
  add("ping");
  if (reasoning !== undefined) {
    open({ type: "thinking", thinking: "", signature: "" });
    delta({ type: "thinking_delta", thinking: reasoning });
    delta({ type: "signature_delta", signature: stubSignature });
    close();
  }
  if (text !== "") {
    open({ type: "text", text: "" });
    for (const piece of chunks === Infinity ? [text] : piecesOf(text, chunks)) delta({ type: "text_delta", text: piece });
    if (chunks === Infinity) return frames;
    close();
  }
  for (const { id, name, arguments: args } of callsOf(reply)) {
    open({ type: "tool_use", id, name, input: {} });
    delta({ type: "input_json_delta", partial_json: "" });
    if (args !== "{}") for (const piece of piecesOf(args, 2)) delta({ type: "input_json_delta", partial_json: piece });
    close();
  }
  const finish = finishOf(reply);
  if (reply.error !== undefined) add("error", { error: { type: "overloaded_error", message: reply.error } });
  if (reply.error !== undefined || reply.ending !== undefined || finish === null) return frames;
  add("message_delta", { delta: { stop_reason: stopReasons[finish] ?? finish, stop_sequence: null }, usage: { ...input, ...output } });
  if (reply.done !== false) add("message_stop");
  return frames;
}

const stopReasons: { readonly [finish: string]: string } = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
};

/** What came from the cache or went into it is counted apart from the rest of the input. */
function anthropicUsage({ prompt_tokens, completion_tokens, prompt_tokens_details, completion_tokens_details }: Tokens) {
  const { cached_tokens: cached = 0, cache_write_tokens: written = 0 } = prompt_tokens_details ?? {};
  const thinking = completion_tokens_details?.reasoning_tokens;
  return {
    input: { input_tokens: prompt_tokens - cached - written, cache_read_input_tokens: cached, cache_creation_input_tokens: written },
    output: {
      output_tokens: completion_tokens,
      ...(thinking === undefined ? {} : { output_tokens_details: { thinking_tokens: thinking } }),
    },
  };
}

function googleStream(reply: StubReply): Buffer[] {
  const { text = "", chunks = 3, reasoning, usage = stubUsage } = reply;
  const send = (candidate: object, more: object = {}): Buffer =>
    frame(
      `data: ${JSON.stringify({ candidates: [{ ...candidate, index: 0 }], ...more, modelVersion: "stub-model", responseId: "stub" })}\r\n\r\n`,
    );
  const say = (...parts: object[]): Buffer => send({ content: { parts, role: "model" } });
  if (chunks === Infinity) return [say({ text })];
  const frames: Buffer[] = [];
  if (reasoning !== undefined) frames.push(say({ text: reasoning, thought: true }));
  for (const piece of piecesOf(text, chunks)) frames.push(say({ text: piece }));
  // Calls come whole, arguments as an object; the first one of a reply that was thought about is signed.
  const parts = callsOf(reply).map(({ arguments: args, ...call }, n) => ({
    functionCall: { ...call, args: JSON.parse(args) as unknown },
    ...(n === 0 && reasoning !== undefined ? { thoughtSignature: stubSignature } : {}),
  }));
  if (parts.length > 0) frames.push(say(...parts));
  const finish = finishOf(reply);
  if (reply.error !== undefined) frames.push(frame({ error: { code: 503, message: reply.error, status: "UNAVAILABLE" } }));
  if (reply.error !== undefined || reply.ending !== undefined || finish === null) return frames;
  const counted = usage === null ? {} : { usageMetadata: googleUsage(usage as Tokens) };
  frames.push(send({ content: { parts: [{ text: "" }], role: "model" }, finishReason: finishReasons[finish] ?? finish }, counted));
  return frames;
}

const finishReasons: { readonly [finish: string]: string } = {
  stop: "STOP",
  length: "MAX_TOKENS",
  tool_calls: "STOP",
  content_filter: "SAFETY",
};

function googleUsage({ prompt_tokens, completion_tokens, prompt_tokens_details, completion_tokens_details }: Tokens) {
  const cached = prompt_tokens_details?.cached_tokens;
  const thinking = completion_tokens_details?.reasoning_tokens;
  return {
    promptTokenCount: prompt_tokens,
    ...(cached === undefined ? {} : { cachedContentTokenCount: cached }),
    candidatesTokenCount: completion_tokens - (thinking ?? 0),
    ...(thinking === undefined ? {} : { thoughtsTokenCount: thinking }),
    totalTokenCount: prompt_tokens + completion_tokens,
  };
}

/** The body of an error answer that was given none. */
export function errorBodyOf(wire: Wire, { status, message }: StubAnswer): string | object {
  const text = message ?? `The stub answers ${status}.`;
  if (wire === "anthropic")
    return { type: "error", error: { type: anthropicErrors[status] ?? "api_error", message: text }, request_id: "req_stub" };
  if (wire === "google") return { error: { code: status, message: text, status: googleErrors[status] ?? "UNKNOWN" } };
  return message === undefined ? "" : { error: { message, type: openaiErrors[status] ?? "server_error", param: null, code: null } };
}

const openaiErrors: { readonly [status: number]: string } = {
  400: "invalid_request_error",
  401: "invalid_request_error",
  403: "invalid_request_error",
  404: "invalid_request_error",
  429: "rate_limit_exceeded",
};

const anthropicErrors: { readonly [status: number]: string } = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  529: "overloaded_error",
};

const googleErrors: { readonly [status: number]: string } = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};
