/**
 * What a caller of the gateway sees of one misbehaving provider, asked for JSON and for a stream at once, and what must hold
 * after it whatever it did: its connections are closed, the next request is served, and nobody was shown its key.
 */
import { expect } from "@jest/globals";
import { fold, StreamReader } from "../faces/event-stream.ts";
import { gatewayWith, providerKey } from "../faces/provider.ts";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import type { Wire } from "../support/stub-wires.ts";
import { healthy, type Play, type RawUpstream, startRawUpstream } from "./upstream-raw.ts";

/** As in the contract's table. */
export const typeOfStatus: { readonly [status: number]: string } = {
  400: "invalid_request_error",
  429: "rate_limit_error",
  502: "server_error",
  503: "server_error",
  504: "server_error",
};

/** A reply that failed, or one that worked. `text`: what a stream has said before it, and all that a good reply says. */
export type Expected = (
  | { readonly status: 400 | 429 | 502 | 503 | 504; readonly code: string; readonly says: string | RegExp; readonly retryAfter?: string }
  | { readonly status: 200; readonly finish?: string }
) & { readonly text?: string };

export interface Seen {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  readonly text: string;
  readonly finish: string | undefined;
  readonly usage: unknown;
  readonly toolCalls: readonly { id: string; name: string; arguments: string }[];
  readonly reasoning: string;
  readonly error: { readonly message: string; readonly type: string; readonly code: string; readonly param: string | null } | undefined;
}

export interface Subject {
  readonly gateway: TestGateway;
  readonly upstream: RawUpstream;
  /** How much of the gateway's log has been searched for the key. */
  logRead: number;
}

/** Agents `openai` and `anthropic`; more providers, and agents of their names on them, by `others`. */
export async function startSubject(settings: object = {}, defaults: object = {}, others: { [id: string]: object } = {}): Promise<Subject> {
  const upstream = await startRawUpstream();
  const provider = (api: string) => ({ api, baseUrl: `${upstream.origin}/v1`, apiKey: providerKey, models: [{ id: "m" }], ...settings });
  const providers: { [id: string]: object } = {
    openai: provider("openai-completions"),
    anthropic: provider("anthropic-messages"),
    ...others,
  };
  const entries = Object.fromEntries(Object.keys(providers).map((id) => [id, { model: `${id}/m`, tools: [] }]));
  const gateway = await startGateway({
    gateway: gatewayWith({}),
    models: { providers },
    agents: { defaults: { model: "openai/m", ...defaults }, entries: { main: { default: true, tools: [] }, ...entries } },
  });
  return { gateway, upstream, logRead: 0 };
}

/** `onBegun`: the first bytes of a good stream are there, or all of another reply. */
export async function see(
  { gateway }: Subject,
  agent: string,
  isStreamed: boolean,
  more: object = {},
  onBegun: () => void = () => undefined,
): Promise<Seen> {
  const stream = isStreamed ? { stream: true, stream_options: { include_usage: true } } : {};
  const response = await gateway.chat(say("Hello?", { model: `openclaw:${agent}`, ...stream, ...more }));
  const reader = new StreamReader(response);
  if (response.status === 200 && isStreamed) await reader.until("\n\n");
  else await reader.rest();
  onBegun();
  const body = await reader.rest();
  const { status, headers } = response;
  const whole = { status, headers, body };
  if (status === 200 && isStreamed) {
    const { text, finishReason: finish, usage, toolCalls, reasoning, error, isDone } = fold(body);
    expect(isDone).toBe(true);
    return { ...whole, text, finish, usage, toolCalls, reasoning, error };
  }
  const { error, choices, usage } = JSON.parse(body) as Whole;
  const { message, finish_reason: finish } = choices?.[0] ?? {};
  const toolCalls = (message?.tool_calls ?? []).map(({ id, function: called }) => ({ id, ...called }));
  return { ...whole, text: message?.content ?? "", finish, usage, toolCalls, reasoning: message?.reasoning_content ?? "", error };
}

/** A completion, or an error. */
interface Whole {
  readonly error?: Seen["error"];
  readonly usage?: unknown;
  readonly choices?: readonly {
    readonly finish_reason: string;
    readonly message: {
      readonly content: string | null;
      readonly reasoning_content?: string;
      readonly tool_calls?: readonly { readonly id: string; readonly function: { readonly name: string; readonly arguments: string } }[];
    };
  }[];
}

/** What a provider does: `then` only when the caller of the stream has got something of what `play` said. */
export interface Behaviour {
  readonly play: Play;
  readonly then?: Play;
}

/** Both faces at once, each against what it must show. */
export async function expectBoth(
  subject: Subject,
  agent: string,
  { play, then }: Behaviour,
  expected: Expected,
  more: object = {},
): Promise<Seen[]> {
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  subject.upstream.always(async (socket, request) => {
    await play(socket, request);
    if (!then) return;
    await begun;
    await then(socket, request);
  });
  const views = await Promise.all([see(subject, agent, false, more), see(subject, agent, true, more, begin)]);
  for (const [index, seen] of views.entries()) expectView(seen, expected, index === 1);
  return views;
}

function expectView(seen: Seen, expected: Expected, isStreamed: boolean): void {
  const { text = "" } = expected;
  if (expected.status === 200) {
    expect({ status: seen.status, error: seen.error, text: seen.text, finish: seen.finish }).toEqual({
      status: 200,
      error: undefined,
      text,
      finish: expected.finish ?? "stop",
    });
    return;
  }
  const { status, code, says, retryAfter } = expected;
  const hasBegun = isStreamed && text !== "";
  expect({ status: seen.status, error: seen.error, text: seen.text }).toMatchObject({
    status: hasBegun ? 200 : status,
    error: { code, type: typeOfStatus[status], param: null },
    text: hasBegun ? text : "",
  });
  if (typeof says === "string") expect(seen.error?.message).toBe(says);
  else expect(seen.error?.message).toMatch(says);
  expect(seen.headers.get("x-should-retry")).toBeNull();
  expect(seen.headers.get("retry-after")).toBe(hasBegun ? null : (retryAfter ?? null));
}

/** After a provider has done its worst. */
export async function expectUnharmed(subject: Subject, agent: string, views: readonly Seen[], closes: boolean): Promise<void> {
  const { upstream, gateway } = subject;
  if (closes) await upstream.untilClosed();
  upstream.always(healthy());
  expect(await see(subject, agent, false)).toMatchObject({ status: 200, text: "Fine.", finish: "stop" });
  const shown = [...views.map(({ body, headers }) => body + JSON.stringify([...headers])), gateway.logText().slice(subject.logRead)];
  subject.logRead = gateway.logText().length;
  expect(shown.flatMap(leaksIn)).toEqual([]);
}

/** Where the key shows, in whatever letters, with what stands around it. */
export function leaksIn(text: string): string[] {
  return [...text.matchAll(new RegExp(providerKey, "giu"))].map(({ index }) => text.slice(Math.max(0, index - 120), index + 40));
}

export const wires: readonly Wire[] = ["openai", "anthropic"];
