/**
 * (o) The same run over a WebSocket and over HTTP: stateless as `agent` and as a completion, in a session as `chat.send`
 * and as a completion that continues it.
 */
import { randomUUID } from "node:crypto";
import { stubText } from "../../test/support/stub-script.ts";
import type { Check } from "./load.ts";
import { worstDelay } from "./loop-delay.ts";
import { ask, type Question } from "./requests.ts";
import type { LoopDelay, Row, ScenarioResult } from "./report.ts";
import { token, type Subjects } from "./subjects.ts";
import { measureThroughput, type Effort } from "./throughput.ts";
import { WebSocketClient } from "./websocket-client.ts";

const concurrency = 8;
/** Of a conversation, before the next one begins. */
const turns = 5;
const check: Check = (text) => (text.includes(stubText) ? undefined : "not the stub's text");

export async function overWebSocket({ gateway }: Subjects, effort: Effort): Promise<ScenarioResult> {
  const rows: Row[] = [];
  const figures: { [name: string]: number } = {};
  const delays: [string, LoopDelay | undefined][] = [];
  const connect = (count: number) => WebSocketClient.open(gateway.url, token, count);
  const over = { server: gateway, isProbed: true };
  const question = ask("openclaw:plain", { token });
  const pairs = [
    ["stateless", { name: "WebSocket agent", ...over, connect, question: askStateless }, { name: "HTTP", ...over, question }],
    [
      "in a session",
      { name: "WebSocket chat.send", ...over, connect, question: createKeys("socket", askInSession) },
      {
        name: "HTTP, in a session",
        ...over,
        question: createKeys("http", (key) => ({ ...question, headers: { ...question.headers, "x-openclaw-session-key": key } })),
      },
    ],
  ] as const;
  for (const [what, socket, http] of pairs) {
    const measured = await measureThroughput([socket, http], concurrency, effort, { check, unit: "runs" });
    rows.push(...measured.rows.map((row) => ({ ...row, what: `${what}, ${row.what}` })));
    figures[`runs/s, ${what}, WebSocket / HTTP`] = measured.ratioTo(http.name);
    delays.push([`${socket.name}, c=${concurrency}`, measured.loopDelay]);
  }
  return { title: "(o) runs over a WebSocket, stub upstream", rows, targets: [], figures, loopDelay: worstDelay(delays) };
}

function askStateless(): Question {
  return { path: "agent", headers: {}, body: JSON.stringify({ message: "hi", agentId: "plain" }) };
}

function askInSession(sessionKey: string): Question {
  const params = { sessionKey: `agent:plain:${sessionKey}`, message: "hi", idempotencyKey: randomUUID() };
  return { path: "chat.send", headers: {}, body: JSON.stringify(params) };
}

/** Asks in as many sessions in turn as there are connections, then in as many new ones. */
function createKeys(prefix: string, askWith: (key: string) => Question): () => Question {
  let asked = 0;
  return () => {
    const generation = Math.floor(asked / (concurrency * turns));
    return askWith(`${prefix}-${generation}-${asked++ % concurrency}`);
  };
}
