/** Two hundred clients that give up at once: nothing goes on for them, neither at the provider nor in a queue. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { type Exchange, type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";
import { onProvider } from "./provider.ts";

const patienceMs = 500;
const sessions = Array.from({ length: 10 }, (_, n) => `session-${n}`);
/** One run of each session reaches the provider, the others wait behind it. */
const runsPerSession = 10;
const stateless = 100;
const atWork = stateless + sessions.length;
const idle = { running: 0, waiting: 0, sessions: 0 };

const inSession = (key: string) => ({ "x-openclaw-session-key": key });

let held: HeldUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  held = await startHeldUpstream();
  gateway = await startGateway(onProvider(held.url));
});

/** Resolves once the gateway's counts are these. */
async function loaded(wanted: typeof idle): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const { running, waiting, sessions } = gateway.program.runs.load;
    if (running === wanted.running && waiting === wanted.waiting && sessions === wanted.sessions) return;
    if (performance.now() > deadline) throw new Error(`There is ${JSON.stringify({ running, waiting, sessions })} to do.`);
    await nextTurn();
  }
}

/** Asks, for a stream if its number is odd, and leaves when `leaving` says so. */
async function ask(number: number, headers: { [name: string]: string }, leaving: AbortSignal): Promise<string> {
  try {
    const reply = await gateway.chat(say(`impatient ${number}`, { stream: number % 2 === 1 }), headers, leaving);
    return `answered with ${reply.status}: ${await reply.text()}`;
  } catch (error) {
    return error === leaving.reason ? "gave up" : String(error);
  }
}

async function takeExchanges(count: number): Promise<Exchange[]> {
  const taken: Exchange[] = [];
  while (taken.length < count) taken.push(await held.next());
  return taken;
}

async function expectAnswer(headers: { [name: string]: string }): Promise<void> {
  const pending = gateway.chat(say("and now?"), headers);
  const exchange = await held.next();
  // What nobody waited for the answer of is not read by a later model.
  expect(exchange.body).toMatchObject({ messages: [{ role: "user", content: "and now?" }] });
  exchange.say("Here it is.");
  exchange.finish();
  const reply = await pending;
  expect([reply.status, await reply.json()]).toMatchObject([200, { choices: [{ message: { content: "Here it is." } }] }]);
}

test("when 200 clients give up, every provider connection closes, no place stays taken, and the next request is answered", async () => {
  const leaving = new AbortController();
  const clients: Promise<string>[] = [];
  for (let n = 0; n < stateless; n++) clients.push(ask(clients.length, {}, leaving.signal));
  for (let round = 0; round < runsPerSession; round++)
    for (const key of sessions) clients.push(ask(clients.length + round, inSession(key), leaving.signal));
  expect(clients).toHaveLength(200);

  const exchanges = await takeExchanges(atWork);
  // To half of them something was said already.
  for (const exchange of exchanges.filter((_, n) => n % 4 < 2)) exchange.say("Well");
  await loaded({ running: atWork, waiting: clients.length - atWork, sessions: sessions.length });
  await sleep(patienceMs);
  expect(held.count).toBe(atWork);

  leaving.abort(new Error("gave up"));
  expect(await Promise.all(clients)).toEqual(clients.map(() => "gave up"));
  await Promise.all(exchanges.map(({ aborted }) => aborted));
  await loaded(idle);
  // Nobody who waited was let in by those who left before.
  expect(held.count).toBe(atWork);
  for (const headers of [{}, ...sessions.map(inSession)]) await expectAnswer(headers);
  await loaded(idle);
  expect(held.count).toBe(atWork + 1 + sessions.length);
});
