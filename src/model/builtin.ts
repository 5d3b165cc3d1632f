/**
 * `builtin/offline`, the embedded default: a deterministic model in this process that streams word by word, makes real
 * tool calls and says that no language model is configured. Its reply is a pure function of the request.
 *
 * A token is a word: a run of non-blank characters with the blanks before it. Usage and token limits count those.
 * Deliberately absent: understanding. It follows no instructions, and its JSON has the form that was asked for but no sense.
 */
import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { textOf, type Message } from "../domain/message.ts";
import type { Model, ModelEvent, ModelRequest, ModelSettings, Usage } from "../domain/model.ts";
import { decideReply, type PlannedCall } from "./builtin-reply.ts";

export const builtinRef = "builtin/offline";

/** Words between two looks at the event loop. */
const wordsPerTurn = 64;

export function builtinModel(ref = builtinRef): Model {
  return { ref, takesImages: false, stream };
}

async function* stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelEvent, void, undefined> {
  signal.throwIfAborted();
  const reply = decideReply(request);
  const inputTokens = countInput(request.messages);
  if ("calls" in reply) {
    for (const [index, call] of reply.calls.entries()) {
      yield { type: "tool_call_start", index, id: callId(request, index), name: call.name };
      yield { type: "tool_call_delta", index, arguments: call.arguments };
      signal.throwIfAborted();
    }
    yield { type: "finish", reason: "tool_calls", usage: { inputTokens, outputTokens: countCalls(reply.calls) } };
    return;
  }
  const text = cutAtStop(reply.text, request.settings.stop);
  const most = maxWords(request.settings);
  let outputTokens = 0;
  for (const word of wordsOf(text)) {
    if (outputTokens === most) {
      yield { type: "finish", reason: "length", usage: { inputTokens, outputTokens } };
      return;
    }
    outputTokens++;
    yield { type: "text_delta", text: word };
    if (outputTokens % wordsPerTurn === 0) await nextTurn();
    signal.throwIfAborted();
  }
  const usage: Usage = { inputTokens, outputTokens };
  yield { type: "finish", reason: "stop", usage };
}

/** The words of a text with the blanks before each; blanks at the end go with the last word. */
function* wordsOf(text: string): Generator<string, void, undefined> {
  const word = /\s*\S+(?:\s+$)?/uy;
  let end = 0;
  for (let found = word.exec(text); found; found = word.exec(text)) {
    end = word.lastIndex;
    yield found[0];
  }
  if (end < text.length) yield text.slice(end);
}

function maxWords({ maxTokens = Infinity, maxCompletionTokens = Infinity }: ModelSettings): number {
  return Math.min(maxTokens, maxCompletionTokens);
}

function cutAtStop(text: string, stop: readonly string[] = []): string {
  const ends = stop.filter((sequence) => sequence !== "").flatMap((sequence) => text.indexOf(sequence));
  return text.slice(0, Math.min(text.length, ...ends.filter((end) => end >= 0)));
}

function countInput(messages: readonly Message[]): number {
  let count = 0;
  for (const message of messages) {
    count += countWords(textOf(message));
    if (message.role === "assistant") count += countCalls(message.toolCalls);
  }
  return count;
}

function countCalls(calls: readonly PlannedCall[]): number {
  return calls.reduce((sum, call) => sum + 1 + countWords(call.arguments), 0);
}

function countWords(text: string): number {
  let count = 0;
  let isInWord = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const isBlank = code <= 32 || code === 0xa0 || code === 0x3000;
    if (!isBlank && !isInWord) count++;
    isInWord = !isBlank;
  }
  return count;
}

/** The same for the same request, another one for every place in a conversation. */
function callId({ messages }: ModelRequest, index: number): string {
  const last = messages.at(-1);
  const place = JSON.stringify([messages.length, index, last ? textOf(last) : ""]);
  return `call_${createHash("sha256").update(place).digest("hex").slice(0, 24)}`;
}
