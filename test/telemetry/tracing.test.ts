/**
 * Traces of the built gateway with a real SDK, loaded as the guide to operating says (`examples/tracing.mjs`), sent to a
 * collector on the loopback. Without an SDK nothing of OpenTelemetry is loaded.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type CliProcess, startCli } from "../support/cli.ts";
import { configOf, makeFolder, say, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { onProvider } from "../faces/provider.ts";
import { type CollectedSpan, type Collector, startCollector } from "./collector.ts";

const example = pathToFileURL(fileURLToPath(new URL("../../examples/tracing.mjs", import.meta.url))).href;

interface Traced extends CliProcess {
  readonly url: string;
}

let stub: StubUpstream;
beforeAll(async () => void (stub = await startStubUpstream()));
afterAll(() => stub.close());

async function start(env: { readonly [name: string]: string }): Promise<Traced> {
  const folder = await makeFolder();
  await writeFile(join(folder, "openclaw.json"), JSON.stringify(configOf(onProvider(stub.url))));
  const started = await startCli(["gateway", "--config", "openclaw.json", "--port", "0"], { folder, env });
  const banner = await started.waitFor("stdout", "\n");
  return { ...started, url: /listens on (\S+)/.exec(banner)![1]! };
}

async function chat(url: string, body: object, headers: { readonly [name: string]: string } = {}): Promise<Response> {
  const authorization = `Bearer ${testToken}`;
  const init = { method: "POST", headers: { authorization, "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
  const response = await fetch(`${url}/v1/chat/completions`, init);
  await response.clone().text();
  return response;
}

async function stop({ child, result }: CliProcess): Promise<void> {
  child.kill("SIGTERM");
  expect((await result).code).toBe(0);
}

describe("with an SDK", () => {
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const calls = [
    { id: "call_a", name: "calculator", arguments: '{"expression":"6 * 7"}' },
    { id: "call_b", name: "rm_rf", arguments: "{}" },
  ];
  let collector: Collector;
  let replies: Response[];

  /** All spans have been sent when the gateway has ended. */
  beforeAll(async () => {
    collector = await startCollector();
    const gateway = await start({ NODE_OPTIONS: `--import=${example}`, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const usage = { prompt_tokens: 30, completion_tokens: 12, total_tokens: 42 };
    stub.reply({ toolCalls: calls, usage }, { text: "canary-reply", usage });
    const carried = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
    replies = [await chat(gateway.url, say("canary-prompt", { user: "canary-user" }), carried)];
    stub.reply({ status: 404, body: "canary-failure" });
    replies.push(await chat(gateway.url, say("hi", { stream: true })));
    replies.push(await fetch(`${gateway.url}/v1/canary-path?canary-query=1`));
    await stop(gateway);
  }, 60_000);

  const named = (name: string): readonly CollectedSpan[] => collector.spans.filter((span) => span.name === name);
  const first = (name: string): CollectedSpan => {
    const found = named(name).find(({ traceId }) => traceId === trace);
    if (!found) throw new Error(`There is no span '${name}' in the trace, only ${collector.spans.map((span) => span.name).join(", ")}.`);
    return found;
  };

  test("a request, its run, its model calls and its tool calls are spans, each within the one it belongs to", () => {
    const [request, run, tool] = [first("POST /v1/chat/completions"), first("invoke_agent main"), first("execute_tool calculator")];
    expect(collector.services).toEqual(new Set(["clawgate"]));
    expect(request).toMatchObject({ parentSpanId: "00f067aa0ba902b7", kind: 2, isError: false });
    expect(request.attributes).toEqual({
      "http.request.method": "POST",
      "http.route": "/v1/chat/completions",
      "http.response.status_code": 200,
      "clawgate.request.id": replies[0]?.headers.get("x-request-id"),
      "clawgate.run.id": replies[0]?.headers.get("x-openclaw-run-id"),
    });
    expect(run).toMatchObject({ parentSpanId: request.spanId, isError: false });
    expect(run.attributes).toEqual({
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.id": "main",
      "clawgate.run.id": replies[0]?.headers.get("x-openclaw-run-id"),
      "clawgate.run.status": "completed",
      "clawgate.run.turns": 2,
    });
    const chats = named("chat test-model").filter(({ traceId }) => traceId === trace);
    expect(chats.map(({ parentSpanId, kind }) => [parentSpanId, kind])).toEqual([
      [run.spanId, 3],
      [run.spanId, 3],
    ]);
    expect(chats[0]?.attributes).toMatchObject({
      "gen_ai.provider.name": "stub",
      "gen_ai.request.model": "test-model",
      "gen_ai.usage.input_tokens": 30,
      "gen_ai.usage.output_tokens": 12,
    });
    expect(tool).toMatchObject({ parentSpanId: run.spanId, isError: false });
    expect(tool.attributes).toMatchObject({ "gen_ai.tool.name": "calculator", "gen_ai.tool.call.id": "call_a" });
    expect(first("execute_tool other").isError).toBe(true);
  });

  test("a model call is over when its tools begin, and everything within what it belongs to", () => {
    const [run, tool] = [first("invoke_agent main"), first("execute_tool calculator")];
    const [asked] = named("chat test-model").filter(({ traceId }) => traceId === trace);
    expect(asked!.endMs).toBeLessThanOrEqual(tool.startMs + 1);
    for (const span of [asked!, tool]) {
      expect(span.endMs).toBeGreaterThanOrEqual(span.startMs);
      expect(span.startMs).toBeGreaterThanOrEqual(run.startMs);
      expect(span.endMs).toBeLessThanOrEqual(run.endMs + 1);
    }
  });

  test("a failure is one in each of them, by its code", () => {
    const failed = collector.spans.filter(({ attributes }) => attributes["error.type"] === "upstream_error");
    expect(failed.map(({ name, isError }) => [name, isError])).toEqual(
      expect.arrayContaining([
        ["POST /v1/chat/completions", true],
        ["invoke_agent main", true],
        ["chat test-model", true],
      ]),
    );
    expect(new Set(failed.map(({ traceId }) => traceId)).size).toBe(1);
    expect(failed[0]?.traceId).not.toBe(trace);
  });

  test("a path that is none of the contract's is not in its name", () => {
    expect(named("GET").map(({ attributes }) => attributes["http.response.status_code"])).toEqual([404]);
  });

  test("nothing that was said, no user, no session and no secret is in a trace", () => {
    expect(collector.text).not.toMatch(/canary|rm_rf|6 \* 7/);
    expect(collector.text).not.toContain(testToken);
  });
});

describe("without an SDK", () => {
  test("nothing of OpenTelemetry is loaded", async () => {
    const folder = await makeFolder();
    const hook = join(folder, "loaded.mjs");
    await writeFile(
      hook,
      `import Module from "node:module";
       const load = Module._load;
       Module._load = (name, ...rest) => { if (/opentelemetry/.test(name)) console.error("LOADED " + name); return load(name, ...rest); };
       process.on("exit", () => { if (Symbol.for("opentelemetry.js.api.1") in globalThis) console.error("LOADED api"); });`,
    );
    const gateway = await start({ NODE_OPTIONS: `--import=${pathToFileURL(hook).href}` });
    expect((await chat(gateway.url, say("hi"))).status).toBe(200);
    expect((await fetch(`${gateway.url}/metrics`)).status).toBe(200);
    await stop(gateway);
    expect((await gateway.result).stderr).not.toContain("LOADED");
  });
});
