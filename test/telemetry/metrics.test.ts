/**
 * What `GET /metrics` counts: exactly what happened, once each, under names that the configuration or the contract has.
 * Who may read it is test/http/metrics.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Exchange, startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider, providerKey } from "../faces/provider.ts";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { head, sendRaw } from "../support/raw-http.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { type Exposition, scrape, scrapeUntil, seriesOf, total } from "./exposition.ts";

const calculate = { toolCalls: [{ name: "calculator", arguments: '{"expression":"6 * 7"}' }] };
const onStub = { gen_ai_operation_name: "chat", gen_ai_provider_name: "stub", gen_ai_request_model: "test-model" };

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
});

afterAll(() => stub.close());

type Row = readonly [name: string, labels: { readonly [label: string]: string }, by: number];

/** Holds what `happen` adds against these rows, and says that nothing else of the families in them has grown. */
async function expectGrowth(happen: () => Promise<unknown>, rows: readonly Row[], of = gateway): Promise<Exposition> {
  const before = await scrape(of);
  await happen();
  const grown = (after: Exposition, [name, labels]: Row): number => total(after, name, labels) - total(before, name, labels);
  const after = await scrapeUntil(of, (one) => rows.every((row) => grown(one, row) >= row[2]));
  expect(rows.map((row) => [row[0], row[1], grown(after, row)])).toEqual(rows);
  for (const name of new Set(rows.map(([family]) => family))) {
    const wanted = rows.filter(([family]) => family === name).reduce((sum, [, , by]) => sum + by, 0);
    // Besides, there are the questions for the metrics themselves.
    const asked = name.startsWith("clawgate_http_") ? grown(after, [name, { operation: "getMetrics" }, 0]) : 0;
    expect([name, grown(after, [name, {}, 0]) - asked]).toEqual([name, wanted]);
  }
  return after;
}

const requests = "clawgate_http_requests_total";
const runs = "clawgate_runs_total";
const ok = { operation: "createChatCompletion", status: "200", code: "" };
const completed = { agent: "main", status: "completed", code: "" };

describe("a run is counted once", () => {
  test.each([false, true])("with its tokens and times, when it is answered (streamed: %s)", async (stream) => {
    stub.reply({ text: "Four words it has", chunks: 4, usage: { prompt_tokens: 30, completion_tokens: 12, total_tokens: 42 } });
    await expectGrowth(
      async () => (await gateway.chat(say("hi", { stream }))).text(),
      [
        [requests, ok, 1],
        ["clawgate_http_request_duration_seconds_count", { operation: "createChatCompletion" }, 1],
        [runs, completed, 1],
        ["clawgate_run_duration_seconds_count", { agent: "main" }, 1],
        ["clawgate_run_queue_seconds_count", { agent: "main" }, 1],
        ["gen_ai_client_token_usage_sum", { ...onStub, gen_ai_token_type: "input" }, 30],
        ["gen_ai_client_token_usage_sum", { ...onStub, gen_ai_token_type: "output" }, 12],
        ["gen_ai_client_operation_duration_seconds_count", { ...onStub, error_type: "" }, 1],
        ["gen_ai_server_time_to_first_token_seconds_count", onStub, 1],
        ["gen_ai_server_time_per_output_token_seconds_count", onStub, 1],
        ["clawgate_model_fallbacks_total", {}, 0],
        ["clawgate_tool_calls_total", {}, 0],
      ],
    );
  });

  test("without tokens, when its provider counts none", async () => {
    stub.reply({ text: "hi", usage: null });
    await expectGrowth(
      () => gateway.chat(say("hi")),
      [
        [runs, completed, 1],
        ["gen_ai_client_token_usage_count", {}, 0],
        ["gen_ai_server_time_per_output_token_seconds_count", {}, 0],
        ["gen_ai_server_time_to_first_token_seconds_count", onStub, 1],
      ],
    );
  });

  test("with each of its tools' calls, also those that fail or that a model made up", async () => {
    const calls = [...calculate.toolCalls, { name: "calculator", arguments: "{}" }, { name: "rm_rf", arguments: "{}" }];
    stub.reply({ toolCalls: calls }, { text: "42" });
    await expectGrowth(
      () => gateway.chat(say("6 * 7?")),
      [
        [runs, completed, 1],
        ["clawgate_tool_calls_total", { tool: "calculator", outcome: "ok" }, 1],
        ["clawgate_tool_calls_total", { tool: "calculator", outcome: "error" }, 1],
        ["clawgate_tool_calls_total", { tool: "other", outcome: "error" }, 1],
        ["clawgate_tool_duration_seconds_count", { tool: "calculator" }, 2],
        ["clawgate_tool_duration_seconds_count", { tool: "other" }, 1],
        ["gen_ai_client_operation_duration_seconds_count", { ...onStub, error_type: "" }, 2],
      ],
    );
  });

  test("with the model that gave way and the one that stood in", async () => {
    const second = await startStubUpstream();
    const standby = await startGateway({
      models: { providers: { stub: { baseUrl: stub.url }, second: { baseUrl: second.url } } },
      agents: { defaults: { model: { primary: "stub/test-model", fallbacks: ["second/spare"] } } },
    });
    stub.reply({ status: 404, body: "gone" });
    await expectGrowth(
      () => standby.chat(say("hi")),
      [
        [requests, ok, 1],
        [runs, completed, 1],
        ["clawgate_model_fallbacks_total", { from: "stub/test-model", to: "second/spare", code: "upstream_error" }, 1],
        ["gen_ai_client_operation_duration_seconds_count", { ...onStub, error_type: "upstream_error" }, 1],
        [
          "gen_ai_client_operation_duration_seconds_count",
          { ...onStub, gen_ai_provider_name: "second", gen_ai_request_model: "spare", error_type: "" },
          1,
        ],
      ],
      standby,
    );
    await second.close();
  });

  test("when its model fails, with the error that its caller got", async () => {
    stub.reply({ status: 404, body: "gone" });
    await expectGrowth(
      () => gateway.chat(say("hi")),
      [
        [requests, { operation: "createChatCompletion", status: "502", code: "upstream_error" }, 1],
        [runs, { agent: "main", status: "failed", code: "upstream_error" }, 1],
        ["gen_ai_client_operation_duration_seconds_count", { ...onStub, error_type: "upstream_error" }, 1],
        ["gen_ai_client_token_usage_count", {}, 0],
      ],
    );
  });

  test("when it fails after its caller has heard the beginning: the request was answered 200", async () => {
    stub.reply({ text: "half of it", ending: "cut" });
    await expectGrowth(
      async () => (await gateway.chat(say("hi", { stream: true }))).text(),
      [
        [requests, ok, 1],
        [runs, { agent: "main", status: "failed", code: "upstream_error" }, 1],
      ],
    );
  });

  test.each([false, true])("when its caller leaves (streamed: %s)", async (stream) => {
    const leave = new AbortController();
    stub.reply({ text: "half of it", ending: "hang" });
    const seen = stub.requestCount;
    await expectGrowth(async () => {
      const reply = gateway.chat(say("hi", { stream }), {}, leave.signal);
      await stub.waitForRequest(seen + 1);
      if (stream) await (await reply).body?.getReader().read();
      leave.abort();
      await reply.catch(() => undefined);
    }, [
      [requests, { operation: "createChatCompletion", status: "499" }, 1],
      [runs, { agent: "main", status: "aborted", code: "" }, 1],
      ["gen_ai_client_operation_duration_seconds_count", { ...onStub, error_type: "aborted" }, 1],
    ]);
  });

  test("but not again when its reply is asked for once more", async () => {
    const key = { "idempotency-key": "once" };
    await gateway.chat(say("hi"), key);
    await expectGrowth(
      () => gateway.chat(say("hi"), key),
      [
        [requests, ok, 1],
        [runs, {}, 0],
      ],
    );
  });
});

describe("a request is counted by its operation, status and error", () => {
  const chat = (status: string, code: string): Row => [requests, { operation: "createChatCompletion", status, code }, 1];

  test.each([
    ["a wrong secret", () => gateway.chat(say("hi"), { authorization: "Bearer wrong" }), chat("401", "invalid_api_key")],
    ["a body that is wrong", () => gateway.chat({}), chat("400", "missing_required_parameter")],
    ["an unknown agent", () => gateway.chat({ ...say("hi"), model: "openclaw:gamma" }), chat("404", "model_not_found")],
    ["a probe", () => gateway.get("/healthz"), [requests, { operation: "getHealth", status: "200", code: "" }, 1]],
    ["an unknown path", () => gateway.get("/v2"), [requests, { operation: "none", status: "404", code: "not_found" }, 1]],
    [
      "a method that is not there",
      () => fetch(`${gateway.url}/healthz`, { method: "DELETE" }),
      [requests, { operation: "none", status: "405", code: "method_not_allowed" }, 1],
    ],
    [
      "what is no HTTP",
      () => sendRaw(gateway.url, "GET /healthz HTTP/1.1\r\nhost: x\r\nnonsense\r\n\r\n"),
      [requests, { operation: "none", status: "400", code: "invalid_value" }, 1],
    ],
    [
      "headers that are too large",
      () => sendRaw(gateway.url, head("GET /healthz", { "x-big": "a".repeat(256 * 1024) })),
      [requests, { operation: "none", status: "431", code: "headers_too_large" }, 1],
    ],
  ] as const)("%s", async (_, ask, row) => {
    await expectGrowth(ask, [row as Row, [runs, {}, 0]]);
  });

  test("a lock-out, and a gateway that has enough to do", async () => {
    const auth = { mode: "token", token: testToken, rateLimit: { maxAttempts: 1, exemptLoopback: false } };
    const locked = await startGateway({ gateway: { auth, http: { endpoints: { chatCompletions: { enabled: true } } } } });
    await locked.get("/v1/models", { authorization: "Bearer wrong" });
    await expectGrowth(
      () => locked.get("/v1/models"),
      [[requests, { operation: "listModels", status: "429", code: "too_many_failed_logins" }, 1]],
      locked,
    );
    const held = await startHeldUpstream();
    const narrow = await startGateway(onProvider(held.url, { maxConcurrent: 1, maxQueued: 0 }));
    const first = narrow.chat(say("hi"));
    const upstream = await held.next();
    await expectGrowth(
      () => narrow.chat(say("hi")),
      [
        [requests, { operation: "createChatCompletion", status: "429", code: "too_many_runs" }, 1],
        [runs, {}, 0],
      ],
      narrow,
    );
    upstream.say("done");
    upstream.finish();
    expect((await first).status).toBe(200);
  });

  test("over WebSockets by method and error, with the sockets that are open", async () => {
    const asked = "clawgate_websocket_requests_total";
    const rows: Row[] = [
      [asked, { method: "connect", code: "" }, 1],
      [asked, { method: "health", code: "" }, 1],
      [asked, { method: "agent", code: "missing_required_parameter" }, 1],
      [asked, { method: "none", code: "UNKNOWN_METHOD" }, 1],
    ];
    const after = await expectGrowth(async () => {
      const client = await RpcClient.connect(gateway.url);
      await client.request("health", {});
      await client.refusal("agent", {});
      await client.refusal("no.such.method", {});
    }, rows);
    expect(total(after, "clawgate_websocket_connections")).toBe(1);
  });
});

describe("what goes on", () => {
  test("is there while it goes on, and no longer", async () => {
    const held = await startHeldUpstream();
    const busy = await startGateway(onProvider(held.url, { maxConcurrent: 7, maxQueued: 9 }));
    const load = ({ samples }: Exposition): number[] =>
      ["clawgate_runs_active", "clawgate_runs_queued", "clawgate_sessions_occupied"].map(
        (name) => samples.find((sample) => sample.name === name)?.value ?? NaN,
      );
    const replies = [busy.chat(say("hi", { user: "a" })), busy.chat(say("hi", { user: "a" })), busy.chat(say("hi"))];
    const upstreams = [await held.next(), await held.next()];
    const during = await scrapeUntil(busy, (one) => total(one, "clawgate_runs_queued") === 1);
    expect(load(during)).toEqual([2, 1, 1]);
    expect([total(during, "clawgate_runs_active_limit"), total(during, "clawgate_runs_queued_limit")]).toEqual([7, 9]);
    const answer = (upstream: Exchange): void => {
      upstream.say("hello");
      upstream.finish();
    };
    upstreams.forEach(answer);
    answer(await held.next());
    for (const reply of replies) expect((await reply).status).toBe(200);
    expect(load(await scrape(busy))).toEqual([0, 0, 0]);
  });

  test("in the process is there too", async () => {
    const about = await scrape(gateway);
    for (const name of ["process_cpu_seconds_total", "process_resident_memory_bytes", "nodejs_heap_size_used_bytes"])
      expect([name, total(about, name) > 0]).toEqual([name, true]);
    const startedAt = total(about, "process_start_time_seconds");
    expect(startedAt).toBeLessThan(Date.now() / 1000);
    expect(startedAt).toBeGreaterThan(Date.now() / 1000 - process.uptime() - 60);
    expect(total(about, "clawgate_build_info", { node_version: process.version })).toBe(1);
    await scrapeUntil(gateway, (one) => total(one, "clawgate_event_loop_delay_seconds_count") > 0);
  });

  test("a loop that was held up for long shows", async () => {
    const longer = (one: Exposition): number =>
      total(one, "clawgate_event_loop_delay_seconds_count") - total(one, "clawgate_event_loop_delay_seconds_bucket", { le: "0.25" });
    const before = longer(await scrape(gateway));
    const until = performance.now() + 400;
    while (performance.now() < until);
    await scrapeUntil(gateway, (one) => longer(one) > before);
  });
});

describe("labels", () => {
  test("take no name that a caller made up, however many it makes up", async () => {
    stub.always({ text: "hi" });
    const many = Array.from({ length: 1000 }, (_, index) => `made-up-${index}`);
    const some = many.slice(0, 100);
    const ask = async (name: string): Promise<void> => {
      await (await gateway.chat({ ...say("hi"), model: `openclaw:${name}` })).text();
      await (await gateway.get(`/v1/${name}`)).text();
      await (await fetch(`${gateway.url}/healthz`, { method: name.toUpperCase() })).text();
    };
    // Each of the other kinds once, for the series that they do have.
    const client = await RpcClient.connect(gateway.url);
    const askMore = async (name: string): Promise<void> => {
      stub.reply({ toolCalls: [{ name, arguments: "{}" }] });
      const headers = { "x-openclaw-model": `stub/${name}`, "x-openclaw-session-key": name, "x-request-id": name };
      expect((await gateway.chat(say(name, { user: name }), headers)).status).toBe(200);
      await client.refusal(name, {});
    };
    await ask("first");
    await askMore("first");
    const before = seriesOf(await scrape(gateway));
    for (let at = 0; at < many.length; at += 20) await Promise.all(many.slice(at, at + 20).map(ask));
    for (const name of some) await askMore(name);
    const after = await scrape(gateway);
    expect(seriesOf(after)).toEqual(before);
    expect(after.text).not.toContain("made-up");
    expect(
      total(after, "gen_ai_client_token_usage_count", { gen_ai_request_model: "other", gen_ai_provider_name: "stub" }),
    ).toBeGreaterThan(100);
    client.socket.terminate();
  }, 120_000);

  test("and all the rest say nothing of secrets, of what was said, of sessions and of users", async () => {
    stub.reply({ text: "canary-reply" });
    const headers = { "x-openclaw-session-key": "canary-session", "x-request-id": "canary-request" };
    await gateway.chat(say("canary-prompt", { metadata: { note: "canary-note" } }), headers);
    await gateway.chat(say("canary-prompt", { user: "canary-user" }));
    await gateway.get("/v1/canary-path?canary-query=1", { authorization: "Bearer canary-secret" });
    const { text } = await scrape(gateway);
    expect(text).not.toMatch(/canary/);
    expect(text).not.toContain(testToken);
    expect(text).not.toContain(providerKey);
    expect(text).not.toMatch(/agent:main/);
  });
});

describe("counts", () => {
  test("go on when the config changes, and know its new names from then on", async () => {
    const config = onProvider(stub.url);
    const changing = await startGateway(config);
    await changing.chat(say("hi"));
    const before = await scrape(changing);
    await changing.reload({ ...config, agents: { defaults: { model: "stub/newer", maxConcurrent: 3 }, entries: { gamma: {} } } });
    await expectGrowth(
      () => changing.chat({ ...say("hi"), model: "openclaw:gamma" }),
      [
        [runs, { ...completed, agent: "gamma" }, 1],
        ["gen_ai_client_operation_duration_seconds_count", { ...onStub, gen_ai_request_model: "newer", error_type: "" }, 1],
      ],
      changing,
    );
    const after = await scrape(changing);
    expect(total(after, runs, completed)).toBe(total(before, runs, completed));
    expect(total(after, "clawgate_runs_active_limit")).toBe(3);
  });

  test("of two gateways in one process are their own", async () => {
    const [one, two] = [await startGateway(onProvider(stub.url)), await startGateway(onProvider(stub.url))];
    await one.chat(say("hi"));
    expect([total(await scrape(one), runs), total(await scrape(two), runs)]).toEqual([1, 0]);
  });
});
