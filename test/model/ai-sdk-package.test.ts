/** Packages of the AI SDK that the user installed: how they are opened, and what becomes of those that are none. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { ProviderConfig } from "../../src/config/config.ts";
import { findPackage } from "../../src/config/installed-package.ts";
import type { ModelCatalog } from "../../src/domain/model.ts";
import { openModelCatalog } from "../../src/model/catalog.ts";
import { startStubUpstream, stubText, type StubUpstream } from "../support/stub-upstream.ts";
import { ask, failureOf, fold, provider, request } from "./conversation.ts";

let stub: StubUpstream;
let folder: string;
const catalogs: ModelCatalog[] = [];
beforeEach(async () => {
  stub = await startStubUpstream();
  folder = await mkdtemp(join(tmpdir(), "clawgate-package-"));
});
afterEach(async () => {
  for (const catalog of catalogs.splice(0)) await catalog.close();
  await stub.close();
  await rm(folder, { recursive: true, force: true });
});

function modelOf(more: Partial<ProviderConfig>) {
  const catalog = openModelCatalog([provider(stub.url, { api: "ai-sdk", package: "mine", ...more })]);
  catalogs.push(catalog);
  return catalog.find("stub/m")!;
}

/** A package with this source. */
async function written(source: string): Promise<{ packageEntry: string }> {
  // A module is loaded once for each path.
  const packageEntry = join(await mkdtemp(join(folder, "package-")), "index.mjs");
  await writeFile(packageEntry, source);
  return { packageEntry };
}

/** One that answers with its settings and the call, as JSON text. */
const telling = `
  export const createUrl = () => "nothing to do with models";
  export function createMine(settings) {
    const doStream = async (call) => ({
      stream: new ReadableStream({
        start(controller) {
          controller.enqueue({ type: "text-start", id: "t" });
          controller.enqueue({ type: "text-delta", id: "t", delta: JSON.stringify({ settings, call }) });
          controller.enqueue({ type: "tool-call", toolCallId: "c1", toolName: "now", input: "{}" });
          controller.enqueue({ type: "tool-call", toolCallId: "own", toolName: "search", input: "{}", providerExecuted: true });
          controller.enqueue({
            type: "finish",
            finishReason: { unified: "stop", raw: "stop" },
            usage: { inputTokens: { total: 3 }, outputTokens: { total: 4 } },
          });
          controller.close();
        },
      }),
    });
    return { languageModel: (modelId) => ({ specificationVersion: "v3", provider: "mine.chat", modelId, doStream }) };
  }
`;

test("a well-known one is asked like any other provider, with its options", async () => {
  const packageEntry = findPackage("@ai-sdk/openai-compatible", folder)!;
  const model = modelOf({ packageEntry, apiKey: "k", headers: { "X-Team": "blue" }, options: { name: "local", includeUsage: true } });
  stub.reply({ text: "Hi.", reasoning: "Hm.", toolCalls: [{ id: "c1", name: "add", arguments: '{"a":1}' }] });
  const tools = [{ name: "add", parameters: { type: "object", properties: {} } }];
  const settings = { reasoningEffort: "low", verbosity: "high", maxTokens: 5 };
  expect(await ask(model, "Hi", { tools, toolChoice: "required", settings })).toMatchObject({
    text: "Hi.",
    reasoning: "Hm.",
    calls: [{ id: "c1", name: "add", arguments: '{"a":1}' }],
    reason: "tool_calls",
    usage: { inputTokens: 9, outputTokens: 5 },
  });
  const { path, headers, text } = stub.requests[0]!;
  expect(path).toBe("/v1/chat/completions");
  expect(headers).toMatchObject({ authorization: "Bearer k", "x-team": "blue" });
  expect(JSON.parse(text)).toMatchObject({
    model: "m",
    tool_choice: "required",
    reasoning_effort: "low",
    verbosity: "high",
    max_tokens: 5,
    stream_options: { include_usage: true },
  });
});

test("its failures are those of every provider", async () => {
  const model = modelOf({ packageEntry: findPackage("@ai-sdk/openai-compatible", folder)!, options: { name: "local" } });
  const busy = { status: 429, message: "Slow down", headers: { "retry-after": "30" } };
  stub.reply(busy, { text: "x", finishReason: null }, "cut", { text: stubText });
  expect(await failureOf(ask(model, "Hi"))).toMatchObject({ code: "upstream_rate_limited", retryAfterMs: 30_000 });
  expect(await failureOf(ask(model, "Hi"))).toMatchObject({ code: "upstream_error" });
  expect((await ask(model, "Hi")).text).toBe(stubText);
});

describe("a package", () => {
  test("is given the address, the key, the headers and the options of its provider", async () => {
    const own = await written(telling);
    const folded = await ask(modelOf({ ...own, apiKey: "k", headers: { a: "b" }, options: { region: "eu" } }), "Hi", {
      settings: { parallelToolCalls: false, serviceTier: "flex", seed: 1 },
    });
    const { settings, call } = JSON.parse(folded.text) as { settings: object; call: object };
    expect(settings).toEqual({ baseURL: stub.url, apiKey: "k", headers: { a: "b" }, region: "eu" });
    expect(call).toMatchObject({ seed: 1, providerOptions: { mine: { serviceTier: "flex" } } });
    expect(call).not.toHaveProperty("tools");
    expect(folded).toMatchObject({
      calls: [{ id: "c1", name: "now", arguments: "{}" }],
      reason: "tool_calls",
      usage: { inputTokens: 3, outputTokens: 4 },
    });
    expect(folded.calls).toHaveLength(1);
  });

  test("is left its own key only where the file names no address", async () => {
    const settingsOf = async (more: Partial<ProviderConfig>) =>
      (JSON.parse((await ask(modelOf({ ...(await written(telling)), ...more }), "Hi")).text) as { settings: object }).settings;
    expect(await settingsOf({ baseUrl: "" })).toEqual({ headers: {} });
    expect(await settingsOf({})).toEqual({ baseURL: stub.url, apiKey: "", headers: {} });
    expect(await settingsOf({ baseUrl: "", options: { baseURL: "http://h" } })).toEqual({ baseURL: "http://h", apiKey: "", headers: {} });
  });

  test.each([
    ["that cannot be loaded", "throw new Error('no such thing');", "cannot be loaded."],
    [
      "without a factory",
      "export const x = 1; export const createNothing = () => 5;",
      "has no create… function that makes a provider, so 'mine' is no AI SDK provider.",
    ],
    ["that does not like its options", "export function createMine() { throw new Error('region?'); }", "did not take its options."],
    [
      "of another age",
      "export const createMine = () => ({ languageModel: () => ({ specificationVersion: 'v2' }) });",
      "speaks version v2 of the AI SDK's provider interface, not v3; install a version for AI SDK 6.",
    ],
  ])("%s is an error that says so", async (_what, source, words) => {
    const error = await failureOf(ask(modelOf(await written(source)), "Hi"));
    expect(error).toMatchObject({
      code: "upstream_error",
      message: `The model provider 'stub' cannot be used: its package 'mine' ${words}`,
    });
  });

  test("that listens to no signal ends by an abort and by return() all the same", async () => {
    const deaf = await written(`
      export const createMine = () => ({
        languageModel: () => ({ specificationVersion: "v3", provider: "mine", doStream: async () => ({ stream: new ReadableStream() }) }),
      });
    `);
    const reason = new Error("enough");
    const controller = new AbortController();
    const reply = fold(modelOf(deaf).stream(request("Hi"), controller.signal));
    setImmediate(() => controller.abort(reason));
    await expect(reply).rejects.toBe(reason);
    const events = modelOf(deaf).stream(request("Hi"), new AbortController().signal)[Symbol.asyncIterator]();
    const waiting = events.next();
    setImmediate(() => void events.return?.());
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  test("whose stream stops without a word, or whose code breaks, is upstream_error", async () => {
    const stream = (parts: string) => `
      export const createMine = () => ({
        languageModel: () => ({
          specificationVersion: "v3",
          provider: "mine",
          doStream: async () => ({ stream: new ReadableStream({ start(controller) { ${parts} } }) }),
        }),
      });
    `;
    const failed = async (parts: string) => failureOf(ask(modelOf(await written(stream(parts))), "Hi"));
    expect((await failed("controller.close();")).message).toBe("The model provider 'stub' ended its reply without a finish reason.");
    expect(await failed("undefined.x;")).toMatchObject({ code: "upstream_error" });
    expect(await failed("controller.enqueue({ type: 'error', error: 'Out of paper' });")).toMatchObject({
      code: "upstream_error",
      message: "The model provider 'stub' failed: Out of paper.",
    });
  });
});
