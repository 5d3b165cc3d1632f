/**
 * What clients do in a soak, each kind with its share: what is usual, what goes wrong, and who leaves. Each job knows the
 * right reply and throws `Unexpected` at any other; when and how often it is done is not its business.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Caller, expectReply, textOf, Unexpected } from "./caller.ts";
import { plainText, questionsRead, slowText } from "./place.ts";
import { Visitor } from "./visitor.ts";

export interface Client {
  readonly caller: Caller;
  readonly url: string;
  readonly sessions: Sessions;
  /** What it names begins with it. */
  readonly name: string;
  /** Another one each time. */
  readonly number: () => number;
}

type Job = (client: Client) => Promise<void>;

const pollMs = 50;
const longestPolls = 600;
const turnsOfSession = 10;
const done = "data: [DONE]";

/** Those that nobody is asking at the moment. After so many turns one is deleted and begins anew, so that none grows for ever. */
export class Sessions {
  readonly #free: { readonly key: string; turns: number }[];

  constructor(prefix: string, count: number) {
    this.#free = Array.from({ length: count }, (_, n) => ({ key: `${prefix}-${n}`, turns: 0 }));
  }

  /** Does nothing when all are asked. */
  async take(turn: (key: string, number: number) => Promise<void>, remove: (key: string) => Promise<void>): Promise<void> {
    const session = this.#free.shift();
    if (!session) return;
    try {
      await turn(session.key, ++session.turns);
      if (session.turns < turnsOfSession) return;
      await remove(session.key);
      session.turns = 0;
    } finally {
      this.#free.push(session);
    }
  }
}

const completion: Job = async ({ caller }) => void expectReply(await caller.ask("plain"), 200, plainText);

const stream: Job = async ({ caller }) => {
  const reply = expectReply(await caller.ask("slow", { stream: true }), 200, done);
  if (textOf(reply) !== slowText) throw new Unexpected(`the text of the stream is '${textOf(reply)}'`);
};

const sessionTurn: Job = ({ caller, sessions }) =>
  sessions.take(
    async (key, number) => {
      const reply = await caller.ask("counting", {}, { "x-openclaw-session-key": `agent:counting:${key}` });
      expectReply(reply, 200, questionsRead(number));
    },
    async (key) => void expectReply(await caller.send(`/v1/sessions/agent:counting:${key}`, { method: "DELETE" }), 200),
  );

const abortedStream: Job = async ({ caller }) => void expectReply(await caller.ask("slow", { stream: true }, {}, "word"), 200, "word");

const toolRun: Job = async ({ caller }) => void expectReply(await caller.ask("tools"), 200, "42");

const repeat: Job = async ({ caller, name, number }) => {
  const headers = { "idempotency-key": `${name}-${number()}` };
  const [first, again] = [await caller.ask("plain", {}, headers), await caller.ask("plain", {}, headers)];
  expectReply(first, 200, plainText);
  expectReply(again, 200, plainText);
  const isSame = again.headers["x-openclaw-run-id"] === first.headers["x-openclaw-run-id"];
  if (!isSame || again.headers["idempotency-replayed"] !== "true") throw new Unexpected("what was sent again was done again");
};

const background: Job = async ({ caller }) => {
  const accepted = expectReply(await caller.ask("slow", {}, { "x-openclaw-background": "true" }), 202);
  const { id } = JSON.parse(accepted.text) as { id: string };
  for (let polls = 0; polls < longestPolls; polls++) {
    const reply = expectReply(await caller.send(`/v1/runs/${id}`, { method: "GET" }), 200);
    const { status } = JSON.parse(reply.text) as { status: string };
    if (status === "completed") return void expectReply(reply, 200, slowText.trim());
    if (status !== "running") throw new Unexpected(`the run in the background ended: ${reply.text.slice(0, 300)}`);
    await sleep(pollMs);
  }
  throw new Unexpected("the run in the background does not end");
};

/** Every other one hears the end of its run, the others have it ended in the middle; of each, every other one goes without a word. */
function visit(isAborting: boolean): Job {
  return async ({ url, name, number }) => {
    const visitNumber = number();
    const visitor = await Visitor.come(url);
    let isPolite = false;
    try {
      const sessionKey = `agent:slow:${name}-visit-${visitNumber}`;
      const { runId } = await visitor.request("chat.send", {
        sessionKey,
        message: "What do you say?",
        idempotencyKey: `${name}-${visitNumber}`,
      });
      if (isAborting) {
        await visitor.firstWordOf(runId);
        await visitor.request("chat.abort", { sessionKey, runId });
      }
      const end = await visitor.endOf(runId);
      if (end !== (isAborting ? "aborted" : "final")) throw new Unexpected(`the run ended: ${end}`);
      await visitor.request("sessions.delete", { key: sessionKey });
      isPolite = visitNumber % 2 === 0;
    } finally {
      await visitor.go(isPolite);
    }
  };
}

const wrongToken: Job = async ({ caller }) =>
  void expectReply(await caller.ask("plain", {}, { authorization: "Bearer not-the-token-0123456789" }), 401);

const badBody: Job = async ({ caller }) => {
  expectReply(await caller.send("/v1/chat/completions", { body: '{"model": "openclaw", "messages": [' }), 400);
  expectReply(await caller.ask("plain", { messages: [{ role: "nobody" }] }), 400);
};

const failing: Job = async ({ caller }) => void expectReply(await caller.ask("failing"), 502, "upstream_error");

const cut: Job = async ({ caller }) => void expectReply(await caller.ask("cutting", { stream: true }), 200, "upstream_error", done);

const looks: Job = async ({ caller }) => {
  for (const path of ["/healthz", "/v1/models", "/metrics", "/v1/sessions"]) expectReply(await caller.send(path, { method: "GET" }), 200);
};

/** The one whose times are compared: it does the same each time, and waits for nobody. */
export const timedJob = "completion";

/** `share`: of how many jobs in a hundred. */
export const jobs: readonly { readonly name: string; readonly share: number; readonly run: Job }[] = [
  { name: timedJob, share: 36, run: completion },
  { name: "stream", share: 12, run: stream },
  { name: "turn of a session", share: 14, run: sessionTurn },
  { name: "stream left in the middle", share: 8, run: abortedStream },
  { name: "run with a tool", share: 6, run: toolRun },
  { name: "request sent again with its key", share: 4, run: repeat },
  { name: "run in the background", share: 4, run: background },
  { name: "WebSocket, chat to its end", share: 2, run: visit(false) },
  { name: "WebSocket, chat aborted", share: 2, run: visit(true) },
  { name: "wrong token", share: 3, run: wrongToken },
  { name: "bad bodies", share: 3, run: badBody },
  { name: "provider answers 500", share: 2, run: failing },
  { name: "provider cuts its stream", share: 2, run: cut },
  { name: "health, models, metrics, sessions", share: 2, run: looks },
];
