/** 200 clients that give up after half a second: how long until nothing goes on for them any more. Measured, not judged. */
import { setTimeout as sleep } from "node:timers/promises";
import { authorization, type Gateway } from "./gateway.ts";
import { heldQuestion, type Provider } from "./provider.ts";

const clients = 200;
const patienceMs = 500;
const sessions = Array.from({ length: 10 }, (_, n) => `impatient-${n}`);
const longestMs = 20_000;

export async function giveUp(gateway: Gateway, { stub }: Provider): Promise<string> {
  const before = { requests: stub.requestCount, aborted: stub.aborted };
  const underWay = (): number => stub.requestCount - before.requests - (stub.aborted - before.aborted);
  await Promise.all(Array.from({ length: clients }, (_, n) => ask(gateway, n)));
  const leftAt = performance.now();
  while (underWay() > 0 && performance.now() - leftAt < longestMs) await sleep(1);
  const closedMs = performance.now() - leftAt;
  const nextAt = performance.now();
  // Nobody asks the provider that it holds: the next question is none of the held ones.
  const statuses = await Promise.all([undefined, ...sessions].map((session) => post(gateway, "And now?", false, session)));
  const nextMs = performance.now() - nextAt;
  const reached = stub.requestCount - before.requests - statuses.length;
  const unlike = statuses.filter((status) => status !== 200).length;
  return (
    `${clients} clients gave up after ${patienceMs} ms, ${reached} of them with a provider at work: upstream closed after ${Math.round(closedMs)} ms` +
    `${underWay() - statuses.length > 0 ? " (not all)" : ""}, the next requests of ${sessions.length} sessions answered in ${Math.round(nextMs)} ms` +
    `${unlike > 0 ? `, ${unlike} of them with an error` : ""}`
  );
}

/** Half of them in sessions, where one is at work and the others wait; of each kind every other one streamed. */
async function ask(gateway: Gateway, n: number): Promise<void> {
  const session = n % 4 < 2 ? sessions[n % sessions.length] : undefined;
  const leaving = AbortSignal.timeout(patienceMs);
  await post(gateway, `${heldQuestion} ${n}`, n % 2 === 1, session, leaving).catch((error: unknown) => {
    if (!leaving.aborted) throw error;
  });
}

async function post(gateway: Gateway, content: string, stream: boolean, session?: string, signal?: AbortSignal): Promise<number> {
  const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      ...authorization,
      "content-type": "application/json",
      ...(session === undefined ? {} : { "x-openclaw-session-key": session }),
    },
    body: JSON.stringify({ model: "openclaw", stream, messages: [{ role: "user", content }] }),
    ...(signal ? { signal } : {}),
  });
  await reply.text();
  return reply.status;
}
