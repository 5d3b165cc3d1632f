/** How many runs a gateway takes on at a time, as its callers notice, and that nothing of a run that is over counts any more. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { foldStream, StreamReader } from "./event-stream.ts";
import { type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";
import { onProvider } from "./provider.ts";

const key = (value: string) => ({ "x-openclaw-session-key": value });
const idle = { running: 0, waiting: 0, sessions: 0 };

/** Resolves once the gateway's counts are these. */
async function loaded({ program }: TestGateway, wanted: Partial<typeof idle>): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const load = program.runs.load;
    if (Object.entries(wanted).every(([name, count]) => load[name as keyof typeof idle] === count)) return;
    if (performance.now() > deadline) throw new Error(`There is ${JSON.stringify(load)} to do, and not ${JSON.stringify(wanted)}.`);
    await nextTurn();
  }
}

describe("four first requests for a new session that come at once", () => {
  let stub: StubUpstream;

  beforeAll(async () => {
    stub = await startStubUpstream();
  });

  afterAll(() => stub.close());

  test.each([false, true])(
    "all succeed, one after the other, and each goes on where the one before it ended (stream: %s)",
    async (stream) => {
      const gateway = await startGateway(onProvider(stub.url));
      stub.always((request) => ({ text: `${request.body.messages.length}` }));
      const seen = stub.requestCount;
      const asked = ["one", "two", "three", "four"].map((text) => gateway.chat(say(text, { stream }), key("new")));
      const texts = await Promise.all(
        asked.map(async (reply) => {
          const response = await reply;
          if (stream) return (await foldStream(response)).text;
          return ((await response.json()) as { choices: { message: { content: string } }[] }).choices[0]!.message.content;
        }),
      );
      // Each read all that was said before it.
      const sent = stub.requests.slice(seen).map(({ body }) => body.messages.map(({ content }) => content));
      expect(sent.map((messages) => messages.length)).toEqual([1, 3, 5, 7]);
      for (const [index, messages] of sent.entries())
        expect(messages.slice(0, -1)).toEqual((sent[index + 1] ?? messages).slice(0, index * 2));
      expect([...texts].sort()).toEqual(["1", "3", "5", "7"]);
      expect(gateway.program.runs.load).toEqual(idle);
    },
  );
});

describe("a gateway that works on two runs at a time", () => {
  let held: HeldUpstream;
  let gateway: TestGateway;

  beforeAll(async () => {
    held = await startHeldUpstream();
    gateway = await startGateway(onProvider(held.url, { maxConcurrent: 2, maxQueued: 2 }));
  });

  const answer = async (text: string): Promise<string> => {
    const exchange = await held.next();
    exchange.say(text);
    exchange.finish();
    const { messages } = exchange.body as { messages: { content: string }[] };
    return messages.at(-1)!.content;
  };

  test("lets others wait, stateless ones too, says so in a stream, and refuses what is more", async () => {
    const first = [gateway.chat(say("a"), key("a")), gateway.chat(say("b"))];
    await loaded(gateway, { running: 2 });
    const third = await gateway.chat(say("c", { stream: true }), { "x-openclaw-events": "true" });
    const reader = new StreamReader(third);
    await reader.until('"openclaw":{"type":"run_queued"}');
    const fourth = gateway.chat(say("d"), key("d"));
    await loaded(gateway, { running: 2, waiting: 2, sessions: 2 });
    const refused = await gateway.chat(say("e"));
    expect({ status: refused.status, retryAfter: refused.headers.get("retry-after"), body: await refused.json() }).toEqual({
      status: 429,
      retryAfter: "5",
      body: {
        error: {
          message: "The gateway has as many runs to do as it takes. Try again later.",
          type: "rate_limit_error",
          param: null,
          code: "too_many_runs",
        },
      },
    });
    expect(reader.text).not.toContain("turn_start");
    const order: string[] = [];
    for (let n = 0; n < 4; n++) order.push(await answer("ok"));
    expect(order.slice(0, 2).sort()).toEqual(["a", "b"]);
    expect(order.slice(2).sort()).toEqual(["c", "d"]);
    for (const reply of [...first, fourth]) expect((await reply).status).toBe(200);
    expect(await reader.rest()).toContain("[DONE]");
    expect(gateway.program.runs.load).toEqual(idle);
  });

  test("has a slot for another session while runs wait for a busy one", async () => {
    const busy = [
      gateway.chat(say("first"), key("busy")),
      gateway.chat(say("second"), key("busy")),
      gateway.chat(say("third"), key("busy")),
    ];
    await loaded(gateway, { running: 1, waiting: 2, sessions: 1 });
    const other = gateway.chat(say("other"), key("free"));
    await loaded(gateway, { running: 2, waiting: 2, sessions: 2 });
    for (let n = 0; n < 4; n++) await answer("ok");
    for (const reply of [...busy, other]) expect((await reply).status).toBe(200);
    expect(gateway.program.runs.load).toEqual(idle);
  });

  test("makes a principal's stateless crowd give way to a session's first run", async () => {
    const crowd = ["1", "2", "3", "4"].map((text) => gateway.chat(say(text)));
    await loaded(gateway, { running: 2, waiting: 2 });
    const session = gateway.chat(say("session"), key("late"));
    await loaded(gateway, { sessions: 1 });
    for (let n = 0; n < 4; n++) await answer("ok");
    const statuses = (await Promise.all(crowd)).map(({ status }) => status).sort();
    expect([...statuses, (await session).status]).toEqual([200, 200, 200, 429, 200]);
    expect(gateway.program.runs.load).toEqual(idle);
  });

  test("is free again at once when everybody leaves, whatever they were waiting for", async () => {
    const leave = new AbortController();
    const chats = [
      gateway.chat(say("a"), key("a"), leave.signal),
      gateway.chat(say("b"), {}, leave.signal),
      gateway.chat(say("c"), key("a"), leave.signal),
      gateway.chat(say("d", { stream: true }), key("d"), leave.signal),
    ].map((reply) => reply.then(({ status }) => status).catch(() => "left"));
    await loaded(gateway, { running: 2, waiting: 2 });
    const exchanges = [await held.next(), await held.next()];
    leave.abort();
    expect(await Promise.all(chats)).toEqual(["left", "left", "left", "left"]);
    for (const { aborted } of exchanges) await aborted;
    await loaded(gateway, idle);
    const next = gateway.chat(say("next"), key("a"));
    expect(await answer("here")).toBe("next");
    expect((await next).status).toBe(200);
  });
});

test("a run that waited too long for its turn is told to come back", async () => {
  const held = await startHeldUpstream();
  const gateway = await startGateway(onProvider(held.url, { maxConcurrent: 1 }, { session: { maxWaitMs: 50 } }));
  const first = gateway.chat(say("first"));
  const exchange = await held.next();
  const late = await gateway.chat(say("second"), key("late"));
  expect({ status: late.status, body: await late.json() }).toMatchObject({ status: 429, body: { error: { code: "too_many_runs" } } });
  expect(gateway.program.runs.load).toEqual({ running: 1, waiting: 0, sessions: 0 });
  exchange.say("done");
  exchange.finish();
  expect((await first).status).toBe(200);
});
