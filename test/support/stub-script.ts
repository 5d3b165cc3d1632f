/**
 * What the stub upstream can be told to answer, and how that looks in OpenAI's chat completions; other providers' wires
 * are in `stub-wires.ts`. Pure: no sockets, no clock (that is `stub-upstream.ts`).
 */
import type { IncomingHttpHeaders } from "node:http";

/** A good reply, or the beginning of one. Streamed when the request asks for it, else one completion. */
export interface StubReply {
  readonly text?: string;
  /** Frames the text is cut into: 3 unless told. `Infinity` repeats `text` until the client goes, at the client's pace. */
  readonly chunks?: number;
  /** Pause after each frame. None: all frames leave in one write. */
  readonly gapMs?: number;
  /** Cuts the bytes into pieces of this size, each written by itself: frames and characters get torn. */
  readonly pieceBytes?: number;
  readonly reasoning?: string;
  readonly refusal?: string;
  readonly toolCalls?: readonly { readonly name: string; readonly arguments?: string; readonly id?: string }[];
  /** `null`: the stream ends without one. Unless told: `tool_calls` when there are some, else `stop`. */
  readonly finishReason?: string | null;
  /** In OpenAI's spelling; `null`: the provider reports none. OpenAI's wire streams it only when the request asks for it. */
  readonly usage?: object | null;
  /** `false` leaves out `data: [DONE]`. */
  readonly done?: boolean;
  /** In place of an end: an error inside the stream, in the words of the wire. */
  readonly error?: string;
  /** After the text: keep the connection open in silence, or cut it. */
  readonly ending?: "hang" | "cut";
  /** The reply's end, be it an `error` or an `ending`, waits for it: what was sent before can be read first. */
  readonly endsWhen?: Promise<unknown>;
  /** Answers with `application/json` even though a stream was asked for. */
  readonly whole?: boolean;
}

/** Frames of one's own: an object becomes `data: <json>` and a blank line, a string is written as it is. */
export interface StubFrames {
  readonly frames: readonly (object | string)[];
  readonly gapMs?: number;
  readonly pieceBytes?: number;
  readonly ending?: "hang" | "cut";
}

/** Any HTTP answer. */
export interface StubAnswer {
  readonly status: number;
  readonly headers?: { readonly [name: string]: string };
  /** An object is sent as JSON. Neither this nor `message`: OpenAI's wire sends none, the others an error of theirs. */
  readonly body?: string | object;
  /** An error in the words of the wire that was asked. */
  readonly message?: string;
}

/** `"hang"` never answers, `"cut"` closes the socket without an answer. */
export type StubScript = StubReply | StubFrames | StubAnswer | "hang" | "cut";
export type StubScriptOf = StubScript | ((request: StubRequest) => StubScript);

/** The fields that every request has, and whatever else it says. */
export interface StubRequestBody {
  readonly model: string;
  readonly messages: { readonly role: string; readonly content: unknown; readonly [field: string]: unknown }[];
  readonly [field: string]: unknown;
}

export interface StubRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body, parsed when asked for; throws when it is not JSON. */
  readonly body: StubRequestBody;
}

export const stubUsage = { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 };
export const stubText = "Hello from the stub.";

const head = { id: "chatcmpl-stub", created: 1_700_000_000, model: "stub-model" };

export function frame(data: object | string): Buffer {
  return Buffer.from(typeof data === "string" ? data : `data: ${JSON.stringify(data)}\n\n`);
}

export function streamedReply(reply: StubReply, withUsage: boolean): Buffer[] {
  const { text = "", chunks = 3, reasoning, refusal, usage = stubUsage } = reply;
  const chunk = (delta: object, finish: string | null = null): Buffer =>
    frame({ ...head, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] });
  if (chunks === Infinity) return [chunk({ content: text })];
  const frames = [chunk({ role: "assistant", content: "" })];
  if (reasoning !== undefined) frames.push(chunk({ reasoning_content: reasoning }));
  for (const content of piecesOf(text, chunks)) frames.push(chunk({ content }));
  if (refusal !== undefined) frames.push(chunk({ refusal }));
  wireCalls(reply).forEach((call, index) => {
    frames.push(chunk({ tool_calls: [{ index, ...call, function: { name: call.function.name, arguments: "" } }] }));
    frames.push(chunk({ tool_calls: [{ index, function: { arguments: call.function.arguments } }] }));
  });
  if (reply.error !== undefined) frames.push(frame({ error: { message: reply.error, type: "server_error", param: null, code: null } }));
  if (reply.error !== undefined || reply.ending !== undefined) return frames;
  const finish = finishOf(reply);
  if (finish !== null) frames.push(chunk({}, finish));
  if (withUsage && usage !== null) frames.push(frame({ ...head, object: "chat.completion.chunk", choices: [], usage }));
  if (reply.done !== false) frames.push(frame("data: [DONE]\n\n"));
  return frames;
}

/** `text` in that many pieces, no character torn. */
export function piecesOf(text: string, count: number): string[] {
  const characters = Array.from(text);
  const size = Math.max(1, Math.ceil(characters.length / count));
  return Array.from({ length: Math.ceil(characters.length / size) }, (_, n) => characters.slice(n * size, (n + 1) * size).join(""));
}

export function wholeReply(reply: StubReply): object {
  const { text = "", reasoning, refusal = null, toolCalls = [], usage = stubUsage } = reply;
  const message = {
    role: "assistant",
    content: text === "" && toolCalls.length > 0 ? null : text,
    refusal,
    ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
    ...(toolCalls.length === 0 ? {} : { tool_calls: wireCalls(reply) }),
  };
  const choices = [{ index: 0, message, finish_reason: finishOf(reply) }];
  return { ...head, object: "chat.completion", choices, ...(usage === null ? {} : { usage }) };
}

/** The tool calls of a reply, complete. */
export function callsOf({ toolCalls = [] }: StubReply): { id: string; name: string; arguments: string }[] {
  return toolCalls.map(({ id, name, arguments: args }, n) => ({ id: id ?? `call_stub_${n}`, name, arguments: args ?? "{}" }));
}

function wireCalls(reply: StubReply) {
  return callsOf(reply).map(({ id, ...called }) => ({ id, type: "function", function: called }));
}

export function finishOf({ finishReason, toolCalls = [] }: StubReply): string | null {
  return finishReason === undefined ? (toolCalls.length > 0 ? "tool_calls" : "stop") : finishReason;
}
