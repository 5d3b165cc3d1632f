/** Sends a run as a caller does, and reads its reply as strictly: what is whole, what broke off, what says that it failed. */
import { authorization, type Gateway } from "./gateway.ts";
import { nothingReceived, type SentRun } from "./sent-runs.ts";

export type Reply = { readonly id?: string; readonly isReplay: boolean; readonly hadToWait: boolean } & (
  | { readonly type: "answered"; readonly text: string }
  /** In the background: it is not over yet. */
  | { readonly type: "accepted" }
  | { readonly type: "failed"; readonly status: number; readonly code: string }
  /** The connection broke. */
  | { readonly type: "cut" }
  /** The stream ended as if it was whole, without saying so. */
  | { readonly type: "unfinished" }
  | { readonly type: "left" }
);

/** A stream, as far as it was received. */
interface Stream {
  readonly text: string;
  readonly lastEvent: number;
  readonly isDone: boolean;
  readonly error: WireError | undefined;
}

interface WireError {
  readonly code: string;
}

interface Wire {
  readonly choices?: readonly { readonly delta?: { readonly content?: string }; readonly message?: { readonly content?: string } }[];
  readonly error?: WireError;
}

/** No reply of the provider's takes so long: whoever waits longer waits for nothing. */
const longestReplyMs = 60_000;

/** `leaving`: when its client gives up. `showsEvents`: the reply tells whether the run had to wait. */
export function sendRun(
  gateway: Gateway,
  run: SentRun,
  { leaving, showsEvents = false }: { leaving?: AbortSignal | undefined; showsEvents?: boolean } = {},
): Promise<Reply> {
  // If it was sent before, this is another run, or the same one from its beginning.
  run.received = nothingReceived;
  const headers: { [name: string]: string } = { "content-type": "application/json", "x-openclaw-session-key": run.session };
  if (run.key !== undefined) headers["idempotency-key"] = run.key;
  if (run.isBackground) headers["x-openclaw-background"] = "true";
  if (showsEvents) headers["x-openclaw-events"] = "true";
  const messages = [{ role: "user", content: run.question }];
  const body = JSON.stringify({ model: "openclaw", messages, stream: run.isStreamed, ...(run.isKept ? { store: true } : {}) });
  return read(run, `${gateway.url}/v1/chat/completions`, { method: "POST", headers, body, ...(leaving ? { signal: leaving } : {}) });
}

/** The rest of a run in the background, from the last event that was received. */
export function followRun(gateway: Gateway, run: SentRun, id: string): Promise<Reply> {
  return read(run, `${gateway.url}/v1/runs/${id}/events?starting_after=${run.received.lastEvent}`, {}, run.received.text);
}

async function read(run: SentRun, url: string, init: RequestInit, textBefore = ""): Promise<Reply> {
  let id: string | undefined;
  let isReplay = false;
  let received = "";
  const about = (): Pick<Reply, "id" | "isReplay" | "hadToWait"> => ({
    ...(id === undefined ? {} : { id }),
    isReplay,
    hadToWait: received.includes('"type":"run_queued"'),
  });
  const signal = AbortSignal.any([AbortSignal.timeout(longestReplyMs), ...(init.signal ? [init.signal] : [])]);
  try {
    const reply = await fetch(url, { ...init, signal, headers: { ...authorization, ...init.headers } });
    id = reply.headers.get("x-openclaw-run-id") ?? undefined;
    if (id !== undefined) run.ids.add(id);
    isReplay = reply.headers.get("idempotency-replayed") === "true";
    const isStream = reply.headers.get("content-type")?.startsWith("text/event-stream") === true;
    const decoder = new TextDecoder();
    if (reply.body) {
      for await (const piece of reply.body as AsyncIterable<Uint8Array>) {
        received += decoder.decode(piece, { stream: true });
        if (isStream && run.isBackground) note(run, textBefore, parseStream(received));
      }
    }
    return {
      ...about(),
      ...(isStream ? judgeStream(parseStream(received), textBefore) : judge(reply.status, JSON.parse(received) as Wire)),
    };
  } catch (error) {
    if (init.signal?.aborted) return { ...about(), type: "left" };
    // Whoever gets half of a JSON body without an error was told that it is whole.
    if (error instanceof SyntaxError) return { ...about(), type: "unfinished" };
    return { ...about(), type: "cut" };
  }
}

function note(run: SentRun, textBefore: string, { text, lastEvent }: Stream): void {
  run.received = { text: textBefore + text, lastEvent: Math.max(lastEvent, run.received.lastEvent) };
}

type Judgement = Reply extends infer Kind ? (Kind extends Reply ? Omit<Kind, "id" | "isReplay" | "hadToWait"> : never) : never;

function judge(status: number, { choices, error }: Wire): Judgement {
  if (status === 202) return { type: "accepted" };
  if (status !== 200) return { type: "failed", status, code: error?.code ?? "" };
  return { type: "answered", text: choices?.[0]?.message?.content ?? "" };
}

function judgeStream({ text, isDone, error }: Stream, textBefore: string): Judgement {
  if (!isDone) return { type: "unfinished" };
  return error ? { type: "failed", status: 200, code: error.code } : { type: "answered", text: textBefore + text };
}

function parseStream(received: string): Stream {
  let text = "";
  let lastEvent = 0;
  let isDone = false;
  let error: WireError | undefined;
  // What follows the last blank line is not whole.
  for (const event of received.split("\n\n").slice(0, -1)) {
    for (const line of event.split("\n")) {
      if (line.startsWith("id: ")) lastEvent = Number(line.slice("id: ".length));
      if (line === "data: [DONE]") isDone = true;
      else if (line.startsWith("data: ")) {
        const data = JSON.parse(line.slice("data: ".length)) as Wire;
        text += data.choices?.[0]?.delta?.content ?? "";
        error ??= data.error;
      }
    }
  }
  return { text, lastEvent, isDone, error };
}
