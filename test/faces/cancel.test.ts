/** Runs that are cancelled from elsewhere, wherever they are: by then the provider's connection is closed and the session free. */
import { beforeAll, describe, expect, test } from "@jest/globals";
import OpenAI from "openai";
import { exchangeOf, expectError, problemsOf } from "../support/contract-check.ts";
import { makeFolder, say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { stdioServer } from "../support/mcp.ts";
import { StreamReader } from "./event-stream.ts";
import { type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";
import { onProvider } from "./provider.ts";
import { begin, cancelRun, framesIn, inBackground, readEvents, sendCancel, showRun } from "./run-requests.ts";

const progress = { "x-openclaw-events": "true" };
const inSession = (key: string) => ({ "x-openclaw-session-key": key });

let held: HeldUpstream;
/** Its sessions take no second request while one is at work: a free one answers, any other says 429. */
let gateway: TestGateway;

beforeAll(async () => {
  held = await startHeldUpstream();
  const tools = ["calculator", "files__hang"];
  gateway = await startGateway({
    ...onProvider(held.url),
    agents: { defaults: { model: "stub/test-model" }, entries: { main: { default: true, tools } } },
    mcp: { servers: { files: stdioServer } },
    session: { maxQueued: 0 },
  });
});

interface Message {
  readonly run_id: string;
  readonly content: string;
  readonly role: string;
  readonly state: string;
}

async function messagesOf(key: string, query = "?branches=true", of = gateway): Promise<readonly Message[]> {
  const response = await of.get(`/v1/sessions/${key}/messages${query}`);
  return response.ok ? ((await response.json()) as { data: Message[] }).data : [];
}

/** The id of the run at work there: the reply that would name it has not come yet. */
async function runIn(key: string): Promise<string> {
  return (await messagesOf(key)).at(-1)?.run_id ?? "";
}

/** Asks in a session and is answered at once, which one that is still taken would not; the cancelled words are not read. */
async function expectFree(key: string, of = gateway): Promise<void> {
  const pending = of.chat(say("after"), inSession(key));
  const upstream = await held.next();
  expect((upstream.body as { messages: { content: string }[] }).messages.map(({ content }) => content)).toEqual(["after"]);
  upstream.say("free");
  upstream.finish();
  expect((await pending).status).toBe(200);
}

async function expectNothingAnswered(key: string, said: readonly string[]): Promise<void> {
  const messages = await messagesOf(key);
  expect(messages.filter(({ role }) => role === "user").map(({ content }) => content)).toEqual(said);
  expect(messages.filter(({ state }) => state !== "unanswered")).toEqual([]);
}

describe("a run that is cancelled", () => {
  test("before its model has said anything answers its caller 409, closes the model's connection and frees the session", async () => {
    const pending = gateway.chat(say("hi"), inSession("silent"));
    const upstream = await held.next();
    const id = await runIn("silent");
    expect(await cancelRun(gateway, id)).toMatchObject({ id, status: "aborted", background: false, completion: null, error: null });
    await upstream.aborted;
    await expectNothingAnswered("silent", ["hi"]);
    await expectFree("silent");
    const exchange = await exchangeOf(await pending);
    expectError(exchange, { status: 409, code: "run_aborted", param: null });
    expect(problemsOf("createChatCompletion", exchange)).toEqual([]);
    expect(exchange.headers).toMatchObject({ "x-should-retry": "false", "x-openclaw-run-id": id });
    expect((await showRun(gateway, id)).status).toBe("aborted");
  });

  test("while it streams ends its stream with the error, by the completion's id too", async () => {
    const pending = gateway.chat(say("hi", { stream: true }), inSession("streaming"));
    const upstream = await held.next();
    upstream.say("I was about to ");
    const response = await pending;
    const reader = new StreamReader(response);
    await reader.until("I was about to ");
    const id = response.headers.get("x-openclaw-run-id") ?? "";
    expect((await cancelRun(gateway, `chatcmpl-${id}`)).status).toBe("aborted");
    await upstream.aborted;
    await expectNothingAnswered("streaming", ["hi"]);
    await expectFree("streaming");
    const frames = framesIn(await reader.rest());
    expect(JSON.parse(frames.at(-2)?.data ?? "")).toMatchObject({ error: { code: "run_aborted" } });
    expect(frames.at(-1)?.data).toBe("[DONE]");
  });

  test("while a tool of the agent's works does not wait for the tool", async () => {
    const response = gateway.chat(say("hi", { stream: true }), { ...progress, ...inSession("working") });
    const upstream = await held.next();
    upstream.call("files__hang", {});
    upstream.finish();
    const reader = new StreamReader(await response);
    await reader.until('"tool_start"');
    expect((await cancelRun(gateway, await runIn("working"))).status).toBe("aborted");
    await expectNothingAnswered("working", ["hi"]);
    await expectFree("working");
    expect(await reader.rest()).toContain('"run_aborted"');
  });

  test("in its second turn leaves none of both on the path", async () => {
    const pending = gateway.chat(say("6*7?"), inSession("second-turn"));
    const upstream = await held.next();
    upstream.say("Let me see.");
    upstream.call("calculator", { expression: "6*7" });
    upstream.finish();
    const second = await held.next();
    expect((await cancelRun(gateway, await runIn("second-turn"))).status).toBe("aborted");
    await second.aborted;
    expect((await pending).status).toBe(409);
    expect(await messagesOf("second-turn", "")).toEqual([]);
    await expectFree("second-turn");
  });

  test("while it waits for its session gives up its place, and the one at work is not touched", async () => {
    const queueing = await startGateway(onProvider(held.url));
    const first = queueing.chat(say("first"), inSession("queued"));
    const upstream = await held.next();
    const waiting = await begin(queueing, say("second"), inSession("queued"));
    const third = queueing.chat(say("third"), inSession("queued"));
    const streamed = await queueing.chat(say("fourth", { stream: true }), { ...progress, ...inSession("queued") });
    const reader = new StreamReader(streamed);
    await reader.until("run_queued");
    for (const id of [waiting.id, streamed.headers.get("x-openclaw-run-id") ?? ""]) {
      expect(await cancelRun(queueing, id)).toMatchObject({ status: "aborted", turns: 0 });
    }
    expect(await reader.rest()).toContain('"run_aborted"');
    upstream.say("Done.");
    upstream.finish();
    expect((await first).status).toBe(200);
    const next = await held.next();
    expect((next.body as { messages: { content: string }[] }).messages.map(({ content }) => content)).toEqual(["first", "Done.", "third"]);
    next.say("Too.");
    next.finish();
    expect((await third).status).toBe(200);
  });

  test("in the background ends for its followers with the error", async () => {
    const { id } = await begin(gateway, say("hi"));
    const upstream = await held.next();
    upstream.say("Long ");
    const reader = new StreamReader(await gateway.get(`/v1/runs/${id}/events`));
    await reader.until("Long ");
    await cancelRun(gateway, id);
    await upstream.aborted;
    const frames = framesIn(await reader.rest());
    expect(JSON.parse(frames.at(-2)?.data ?? "")).toMatchObject({ error: { code: "run_aborted" } });
    expect(await readEvents(gateway, id)).toEqual(frames);
    expect(await showRun(gateway, id)).toMatchObject({ status: "aborted", completion: null, error: null });
  });

  test("several times at once is cancelled once, for all who asked", async () => {
    const { id } = await begin(gateway, say("hi"));
    const upstream = await held.next();
    const runs = await Promise.all(Array.from({ length: 5 }, () => cancelRun(gateway, id)));
    expect(runs.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => "aborted"));
    await upstream.aborted;
  });

  test("when it is over stays as it ended", async () => {
    const pending = gateway.chat(say("hi", { user: "over" }));
    const upstream = await held.next();
    upstream.say("Over.");
    upstream.finish();
    const id = (await pending).headers.get("x-openclaw-run-id") ?? "";
    expect(await cancelRun(gateway, id)).toMatchObject({ status: "completed", finish_reason: "stop" });
  });

  test("is not sent again by the official client", async () => {
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testToken, maxRetries: 2 });
    const before = held.count;
    const asked = client.chat.completions.create(
      { model: "openclaw", messages: [{ role: "user", content: "hi" }] },
      { headers: inSession("official") },
    );
    const refused = expect(asked).rejects.toMatchObject({ status: 409, code: "run_aborted" });
    const upstream = await held.next();
    await cancelRun(gateway, await runIn("official"));
    await upstream.aborted;
    await refused;
    expect(held.count).toBe(before + 1);
  });

  test("from another gateway on the same database ends where it runs", async () => {
    const folder = await makeFolder();
    const [here, there] = [await startGateway(onProvider(held.url), { folder }), await startGateway(onProvider(held.url), { folder })];
    const { id } = await begin(here, say("hi"), inSession("shared"));
    const upstream = await held.next();
    expect((await cancelRun(there, id)).status).toBe("aborted");
    await upstream.aborted;
    expect((await showRun(here, id)).status).toBe("aborted");
    await expectFree("shared", there);
  });
});

describe("a run whose caller leaves", () => {
  test("is aborted, and says so to whoever looks it up", async () => {
    const leave = new AbortController();
    const response = await gateway.chat(say("hi", { stream: true }), progress, leave.signal);
    const id = response.headers.get("x-openclaw-run-id") ?? "";
    const upstream = await held.next();
    expect((await showRun(gateway, id)).status).toBe("running");
    leave.abort();
    await response.text().catch(() => undefined);
    await upstream.aborted;
    // The cancel of a run that is ending waits for its end, too.
    expect((await cancelRun(gateway, id)).status).toBe("aborted");
    expect((await showRun(gateway, id)).status).toBe("aborted");
  });

  test("by asking for its cancel and leaving at once is cancelled all the same", async () => {
    const { id } = await begin(gateway, say("hi"), inBackground);
    const upstream = await held.next();
    const leave = new AbortController();
    const asked = fetch(`${gateway.url}/v1/runs/${id}/cancel`, {
      method: "POST",
      headers: { authorization: `Bearer ${testToken}` },
      signal: leave.signal,
    }).catch(() => undefined);
    await upstream.aborted;
    leave.abort();
    await asked;
    expect((await showRun(gateway, id)).status).toBe("aborted");
  });
});

describe("a run whose gateway stops", () => {
  test.each([false, true])("answers 503, and is to be sent again only if no tool has acted (one has: %s)", async (hasActed) => {
    const stopping = await startGateway(onProvider(held.url));
    const pending = stopping.chat(say("6*7?"));
    let upstream = await held.next();
    if (hasActed) {
      upstream.call("calculator", { expression: "6*7" });
      upstream.finish();
      upstream = await held.next();
    }
    stopping.program.runs.stop();
    await upstream.aborted;
    const exchange = await exchangeOf(await pending);
    expectError(exchange, { status: 503, code: "draining", param: null });
    expect(problemsOf("createChatCompletion", exchange)).toEqual([]);
    expect(exchange.headers["x-should-retry"]).toBe(hasActed ? "false" : undefined);
  });
});

test("a run that is not there cannot be cancelled", async () => {
  expectError(await exchangeOf(await sendCancel(gateway, "nowhere")), { status: 404, code: "not_found", param: "id" });
});
