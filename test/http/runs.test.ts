/** The operations on runs over HTTP: what is shown of a run, to whom and for how long; how they are asked for. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { begin, cancelRun, inBackground, keyed, readEvents, type RunObject, sendCancel, showRun } from "../faces/run-requests.ts";
import { exchangeOf, expectError } from "../support/contract-check.ts";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { connectRaw, head } from "../support/raw-http.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

const guest = { authorization: "Bearer guest-secret-0123456789" };
const other = { authorization: "Bearer other-secret-0123456789" };
const tokens = [
  { name: "guest", token: "guest-secret-0123456789" },
  { name: "other", token: "other-secret-0123456789" },
];
const usage = { prompt_tokens: 1000, completion_tokens: 200, total_tokens: 1200 };

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  const auth = { mode: "token", token: testToken, tokens };
  const priced = { id: "priced", cost: { input: 2, output: 10 } };
  gateway = await startGateway({
    gateway: { auth, http: { endpoints: { chatCompletions: { enabled: true } }, cors: { origins: ["https://chat.example.org"] } } },
    agents: {
      defaults: { model: { primary: "stub/priced", fallbacks: ["stub/plain"] } },
      entries: { main: { default: true, tools: ["calculator"] }, beta: {} },
    },
    models: { providers: { stub: { baseUrl: stub.url, models: [priced, { id: "plain" }] } } },
  });
});
afterAll(() => stub.close());

type Headers = { readonly [name: string]: string };

async function answeredRun(body: object = say("hi"), headers: Headers = {}): Promise<string> {
  const response = await gateway.chat(body, { ...headers });
  await response.arrayBuffer();
  return response.headers.get("x-openclaw-run-id") ?? "";
}

async function refusedGet(path: string, headers: Headers, wanted: { status: number; code: string; param?: string | null }): Promise<void> {
  expectError(await exchangeOf(await gateway.get(path, { ...headers })), wanted);
}

describe("a run", () => {
  test("that was answered is shown with what it came to, but not with what it said", async () => {
    stub.reply({ text: "Hi.", usage });
    const before = Math.floor(Date.now() / 1000);
    const id = await answeredRun(
      { ...say("hi"), model: "agent:beta" },
      { "x-openclaw-session-key": "민지의 방".split("").map(encodeURIComponent).join("") },
    );
    const run = await showRun(gateway, id);
    expect(run).toEqual({
      id,
      object: "run",
      completion_id: `chatcmpl-${id}`,
      agent: "beta",
      session_key: "agent:beta:민지의 방",
      owner: "main",
      model: "agent:beta",
      language_model: "stub/priced",
      status: "completed",
      background: false,
      created: expect.any(Number),
      ended_at: expect.any(Number),
      turns: 1,
      finish_reason: "stop",
      usage,
      cost: 0.004,
      error: null,
      completion: null,
    });
    expect(run.ended_at).toBeGreaterThanOrEqual(before);
  });

  test("names the language model that was asked last, and leaves out what is not known", async () => {
    stub.reply({ status: 404 }, { text: "Hi.", usage: null });
    const run = await showRun(gateway, await answeredRun());
    expect(run).toMatchObject({ language_model: "stub/plain", status: "completed" });
    expect(Object.keys(run)).not.toContain("usage");
    expect(Object.keys(run)).not.toContain("cost");
  });

  test("that failed says what its caller was told", async () => {
    // The language model's, and its fallback's.
    stub.reply({ text: "Half", ending: "cut" }, { text: "Half", ending: "cut" });
    const response = await gateway.chat(say("hi"));
    const { error } = (await response.json()) as { error: object };
    expect(await showRun(gateway, response.headers.get("x-openclaw-run-id") ?? "")).toMatchObject({
      status: "failed",
      error,
      finish_reason: null,
      turns: 0,
    });
  });

  test("is found by the id of its completion, whether it is kept or only remembered", async () => {
    const kept = await answeredRun(say("hi", { user: "kept" }));
    const remembered = await answeredRun();
    for (const id of [kept, remembered]) expect((await showRun(gateway, `chatcmpl-${id}`)).id).toBe(id);
  });

  test("of a token's is shown to it and to the gateway's own secret, which alone is told whose it is", async () => {
    const body = say("hi", { stream: true });
    const response = await gateway.chat(body, { ...inBackground, ...guest });
    await response.text();
    const id = response.headers.get("x-openclaw-run-id") ?? "";
    expect(await showRun(gateway, id, guest)).not.toHaveProperty("owner");
    expect(await showRun(gateway, id)).toMatchObject({ id, owner: "guest" });
    expect(await readEvents(gateway, id)).toEqual(await readEvents(gateway, id, "", guest));
  });

  test("of somebody else's is 404 in every operation, as one that never was", async () => {
    const ids = [
      await answeredRun(),
      await answeredRun(say("hi", { user: "a" }), guest),
      (await begin(gateway, say("hi"), keyed("whose"))).id,
    ];
    const wanted = { status: 404, code: "not_found", param: "id" };
    for (const id of [...ids, `chatcmpl-${ids[0]}`, "nowhere", "%00", "x".repeat(2000)]) {
      await refusedGet(`/v1/runs/${id}`, other, wanted);
      await refusedGet(`/v1/runs/${id}/events`, other, wanted);
      expectError(await exchangeOf(await sendCancel(gateway, id, other)), wanted);
    }
  });

  test("that somebody else tries to cancel goes on", async () => {
    stub.reply("hang");
    const seen = stub.requestCount;
    const { id } = await begin(gateway, say("hi"));
    await stub.waitForRequest(seen + 1);
    expect((await sendCancel(gateway, id, guest)).status).toBe(404);
    expect((await showRun(gateway, id)).status).toBe("running");
    expect((await cancelRun(gateway, id)).status).toBe("aborted");
  });
});

describe("events", () => {
  test("of a run that is not in the background are not kept", async () => {
    for (const id of [await answeredRun(), await answeredRun(say("hi", { user: "kept" })), await answeredRun(say("hi"), keyed("kept"))]) {
      await refusedGet(`/v1/runs/${id}/events`, {}, { status: 400, code: "invalid_value", param: "id" });
    }
  });

  test("are asked for by a number, or not at all", async () => {
    const { id } = await begin(gateway, say("hi"));
    const events = `/v1/runs/${id}/events`;
    await refusedGet(`${events}?starting_after=-1`, {}, { status: 400, code: "invalid_value", param: "starting_after" });
    await refusedGet(`${events}?starting_after=1.5`, {}, { status: 400, code: "invalid_type", param: "starting_after" });
    await refusedGet(`${events}?starting_after=1&starting_after=2`, {}, { status: 400, code: "invalid_type", param: "starting_after" });
    for (const number of ["-1", "x", "1.5", "9".repeat(16)]) {
      await refusedGet(events, { "last-event-id": number }, { status: 400, code: "invalid_value", param: "last-event-id" });
    }
    const whole = await readEvents(gateway, id);
    expect(await readEvents(gateway, id, "?starting_after=0")).toEqual(whole);
    expect(await readEvents(gateway, id, "", { "last-event-id": "0" })).toEqual(whole);
  });

  test("name their run and its session in the reply's headers", async () => {
    const { id } = await begin(gateway, say("hi"), { "x-openclaw-session-key": "named" });
    const { headers } = await exchangeOf(await gateway.get(`/v1/runs/${id}/events`));
    expect(headers).toMatchObject({
      "x-openclaw-run-id": id,
      "x-openclaw-session-key": "agent:main:named",
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    });
  });

  test("are not waited for by a HEAD request", async () => {
    stub.reply("hang");
    const seen = stub.requestCount;
    const { id } = await begin(gateway, say("hi"));
    await stub.waitForRequest(seen + 1);
    const raw = await connectRaw(gateway.url);
    const bearer = { authorization: `Bearer ${testToken}` };
    // On one connection: the second is answered when the first one's reply is over.
    raw.send(head(`HEAD /v1/runs/${id}/events`, bearer), head(`GET /v1/runs/${id}`, bearer));
    const looked = await raw.reply({ isHead: true });
    expect({ status: looked.status, type: looked.headers["content-type"] }).toEqual({
      status: 200,
      type: "text/event-stream; charset=utf-8",
    });
    expect(JSON.parse((await raw.reply()).text)).toMatchObject({ id, status: "running" });
    raw.destroy();
    await cancelRun(gateway, id);
  });
});

test("a web page may read the headers that name a run and a repeated reply", async () => {
  const response = await gateway.chat(say("hi"), { ...inBackground, origin: "https://chat.example.org" });
  const { id } = (await response.json()) as RunObject;
  expect(response.headers.get("access-control-expose-headers")).toMatch(/\bidempotency-replayed\b.*\blocation\b/);
  await readEvents(gateway, id);
});
