/** The providers' wires as one suite sees them, and a run as it can be compared across them. */
import { decodeChatRequest, type ChatBody } from "../../src/http/chat-request.ts";
import type { RunEvent } from "../../src/domain/run.ts";
import { dataLines, type TestGateway } from "../support/gateway.ts";
import { stubSignature } from "../support/stub-wires.ts";
import type { StubUpstream } from "../support/stub-upstream.ts";
import { providerKey } from "./provider.ts";

export interface WireSubject {
  /** As `models.providers.<id>.api` names it. */
  readonly api: string;
  readonly model: string;
  readonly urlOf: (stub: StubUpstream) => string;
  /** The header that carries the key, and what it must be. */
  readonly credentials: { readonly [header: string]: string };
  /** How the first call of a thought-about reply goes back, what was thought before it included. */
  readonly replay: (reasoning: string, call: object) => readonly object[];
  /** Whether it can be told to make one call at a time. */
  readonly knowsSerial: boolean;
  /** Whether it has a field for JSON without a schema. */
  readonly knowsJson: boolean;
}

export const wireSubjects: readonly WireSubject[] = [
  {
    api: "openai-completions",
    model: "gpt-test",
    urlOf: ({ url }) => url,
    credentials: { authorization: `Bearer ${providerKey}` },
    replay: (_, call) => [{ call }],
    knowsSerial: true,
    knowsJson: true,
  },
  {
    api: "anthropic-messages",
    model: "claude-sonnet-4-5",
    urlOf: ({ anthropicUrl }) => anthropicUrl,
    credentials: { "x-api-key": providerKey, "anthropic-version": "2023-06-01" },
    replay: (reasoning, call) => [{ reasoning, signature: stubSignature }, { call }],
    knowsSerial: true,
    knowsJson: false,
  },
  {
    api: "google-generative-ai",
    model: "gemini-2.5-flash",
    urlOf: ({ googleUrl }) => googleUrl,
    credentials: { "x-goog-api-key": providerKey },
    replay: (reasoning, call) => [{ reasoning }, { call: { ...call, signature: stubSignature } }],
    knowsSerial: false,
    knowsJson: true,
  },
];

/** `models.providers.<id>` for a wire. */
export function providerOf({ api, model, urlOf }: WireSubject, stub: StubUpstream, more: object = {}): object {
  return { baseUrl: urlOf(stub), apiKey: providerKey, api, models: [{ id: model, input: ["text", "image"] }], ...more };
}

/** All events of a run for `body`, as they are compared: pieces joined, what only one provider knows left out. */
export async function eventsOf({ program }: TestGateway, body: object): Promise<object[]> {
  const request = decodeChatRequest(
    { body: body as ChatBody, headers: {}, allHeaders: {}, principal: { name: "test", isMain: true } },
    program.config.gateway.chatCompletions,
  );
  const run = await program.runs.start(request, new AbortController().signal);
  const events: RunEvent[] = [];
  for await (const event of run.events) join(events, event);
  return events.map(comparable);
}

function join(events: RunEvent[], event: RunEvent): void {
  const last = events.at(-1);
  if (last?.type === "text_delta" && event.type === "text_delta") events[events.length - 1] = { ...last, text: last.text + event.text };
  else if (last?.type === "tool_call_delta" && event.type === "tool_call_delta" && last.index === event.index)
    events[events.length - 1] = { ...last, arguments: last.arguments + event.arguments };
  else events.push(event);
}

/** What a provider counts as nothing is the same as what it does not count, and how long a tool took is never the same. */
function comparable(event: RunEvent): object {
  const isLeftOut = (key: string, value: unknown): boolean =>
    key === "replay" || key === "durationMs" || (key.endsWith("Tokens") && value === 0);
  return JSON.parse(JSON.stringify(event, (key, value: unknown) => (isLeftOut(key, value) ? undefined : value))) as object;
}

/** A chunk without what differs from run to run, and without what only one provider counts. */
interface Seen {
  readonly choices?: readonly [{ delta: Delta; finish_reason: string | null }?];
  readonly usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number } | null;
  readonly error?: { message: string; code: string };
}
type Delta = { content?: string; tool_calls?: readonly [{ index: number; function: { arguments: string; name?: string } }] };

/** A stream's frames in order: each chunk's delta, pieces joined; then finish reason, usage or error, and `[DONE]`. */
export function framesOf(stream: string): unknown[] {
  const frames: unknown[] = [];
  for (const line of dataLines(stream)) {
    if (line === "[DONE]") {
      frames.push(line);
      continue;
    }
    const { choices, usage, error } = JSON.parse(line) as Seen;
    const [choice] = choices ?? [];
    if (error) frames.push({ error });
    else if (!choice)
      frames.push({ usage: usage && { input: usage.prompt_tokens, output: usage.completion_tokens, total: usage.total_tokens } });
    else if (choice.finish_reason !== null) frames.push({ ...choice.delta, finish: choice.finish_reason });
    else addDelta(frames, choice.delta);
  }
  return frames;
}

function addDelta(frames: unknown[], delta: Delta): void {
  const last = frames.at(-1) as Delta | undefined;
  const [call] = delta.tool_calls ?? [];
  const [lastCall] = last?.tool_calls ?? [];
  const isText = (one: Delta | undefined): boolean => one?.content !== undefined && Object.keys(one).length === 1;
  if (last && isText(last) && isText(delta)) frames[frames.length - 1] = { content: `${last.content}${delta.content}` };
  else if (call && lastCall?.index === call.index && call.function.name === undefined && lastCall.function.name === undefined)
    frames[frames.length - 1] = {
      tool_calls: [{ index: call.index, function: { arguments: lastCall.function.arguments + call.function.arguments } }],
    };
  else frames.push(delta);
}
