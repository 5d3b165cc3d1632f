/**
 * What the stub upstream can be told to answer, and how that looks on the wire. Pure: no sockets, no clock
 * (that is `stub-upstream.ts`).
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
  /** In OpenAI's spelling; `null`: the provider reports none. Streamed only when the request asks for it. */
  readonly usage?: object | null;
  /** `false` leaves out `data: [DONE]`. */
  readonly done?: boolean;
  /** After the text: keep the connection open in silence, or cut it. */
  readonly ending?: "hang" | "cut";
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

/** Any HTTP answer. An object as `body` is sent as JSON. */
export interface StubAnswer {
  readonly status: number;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string | object;
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

/** Frames by script object, so that a script played many times is serialised once: `[streamed with usage, without, whole]`. */
const serialised = new WeakMap<StubReply, [Buffer[]?, Buffer[]?, Buffer[]?]>();

/** The frames of a reply; a whole one is a single frame. Serialised once per script object, so that a script can be played under load. */
export function framesOf(reply: StubReply, requestText: string, isWhole: boolean): Buffer[] {
  const withUsage = /"include_usage"\s*:\s*true/.test(requestText);
  const kind = isWhole ? 2 : withUsage ? 0 : 1;
  let known = serialised.get(reply);
  if (!known) serialised.set(reply, (known = []));
  return (known[kind] ??= isWhole ? [Buffer.from(JSON.stringify(wholeReply(reply)))] : streamedReply(reply, withUsage));
}

const head = { id: "chatcmpl-stub", created: 1_700_000_000, model: "stub-model" };

export function frame(data: object | string): Buffer {
  return Buffer.from(typeof data === "string" ? data : `data: ${JSON.stringify(data)}\n\n`);
}

function streamedReply(reply: StubReply, withUsage: boolean): Buffer[] {
  const { text = "", chunks = 3, reasoning, refusal, toolCalls = [], usage = stubUsage } = reply;
  const chunk = (delta: object, finish: string | null = null): Buffer =>
    frame({ ...head, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] });
  if (chunks === Infinity) return [chunk({ content: text })];
  const characters = Array.from(text);
  const size = Math.max(1, Math.ceil(characters.length / chunks));
  const frames = [chunk({ role: "assistant", content: "" })];
  if (reasoning !== undefined) frames.push(chunk({ reasoning_content: reasoning }));
  for (let at = 0; at < characters.length; at += size) frames.push(chunk({ content: characters.slice(at, at + size).join("") }));
  if (refusal !== undefined) frames.push(chunk({ refusal }));
  wireCalls(toolCalls).forEach((call, index) => {
    frames.push(chunk({ tool_calls: [{ index, ...call, function: { name: call.function.name, arguments: "" } }] }));
    frames.push(chunk({ tool_calls: [{ index, function: { arguments: call.function.arguments } }] }));
  });
  if (reply.ending !== undefined) return frames;
  const finish = finishOf(reply);
  if (finish !== null) frames.push(chunk({}, finish));
  if (withUsage && usage !== null) frames.push(frame({ ...head, object: "chat.completion.chunk", choices: [], usage }));
  if (reply.done !== false) frames.push(frame("data: [DONE]\n\n"));
  return frames;
}

function wholeReply(reply: StubReply): object {
  const { text = "", reasoning, refusal = null, toolCalls = [], usage = stubUsage } = reply;
  const message = {
    role: "assistant",
    content: text === "" && toolCalls.length > 0 ? null : text,
    refusal,
    ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
    ...(toolCalls.length === 0 ? {} : { tool_calls: wireCalls(toolCalls) }),
  };
  const choices = [{ index: 0, message, finish_reason: finishOf(reply) }];
  return { ...head, object: "chat.completion", choices, ...(usage === null ? {} : { usage }) };
}

function wireCalls(calls: NonNullable<StubReply["toolCalls"]>) {
  return calls.map((call, n) => ({
    id: call.id ?? `call_stub_${n}`,
    type: "function",
    function: { name: call.name, arguments: call.arguments ?? "{}" },
  }));
}

function finishOf({ finishReason, toolCalls = [] }: StubReply): string | null {
  return finishReason === undefined ? (toolCalls.length > 0 ? "tool_calls" : "stop") : finishReason;
}
