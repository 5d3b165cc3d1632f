/**
 * `llama:<path>`: a model file in this process. With the real node-llama-cpp, fetched from npm into a folder of its own
 * for the time of the test, and a model of random weights that the test writes; where the package cannot be had or does
 * not run, that part is skipped, and says why. What a random model would never do, a package of the test's own does.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "@jest/globals";
import type { ModelRequest } from "../../src/domain/model.ts";
import { openModelCatalog } from "../../src/model/catalog.ts";
import { printSkipped, runProcess } from "../clients/processes.ts";
import { ask, assistant, call, failureOf, fold, provider, request, result, system, user } from "./conversation.ts";
import { writeTinyModel } from "./tiny-gguf.ts";

const version = "3.22.1";
const installTimeoutMs = 60_000;
const prefix = await mkdtemp(join(tmpdir(), "clawgate-llama-"));
afterAll(() => rm(prefix, { recursive: true, force: true }));

const file = join(prefix, "tiny.gguf");
writeTinyModel(file);

function openModel(packageEntry: string, path = file) {
  const catalog = openModelCatalog([
    provider("", { id: "llama", api: "llama", package: "node-llama-cpp", packageEntry, models: [{ id: path, takesImages: false }] }),
  ]);
  return { catalog, model: catalog.find(`llama:${path}`)! };
}

/** A package that records what it is asked and answers with these calls of its callbacks. */
async function packageThat(answers: string): Promise<string> {
  const entry = join(await mkdtemp(join(prefix, "package-")), "index.mjs");
  const source = `
    export const asked = [];
    const sequence = { nextTokenIndex: 30, tokenMeter: { getState: () => ({}), diff: () => ({ usedInputTokens: 10, usedOutputTokens: 5 }) } };
    export const getLlama = async () => ({
      loadModel: async ({ modelPath }) => ({ createContext: async () => ({ getSequence: () => sequence }) }),
      getGrammarFor: async (type) => ({ type }),
      createGrammarForJsonSchema: async (schema) => ({ schema }),
      dispose: async () => {},
    });
    export class LlamaChat {
      async generateResponse(history, options) {
        asked.push({ history, options });
        ${answers}
      }
    }
  `;
  await writeFile(entry, source);
  return entry;
}

const tools = [
  { name: "add", description: "Adds.", parameters: { type: "object", properties: { a: { type: "number" } } } },
  { name: "now", parameters: { type: "object", properties: {} } },
];

describe("what a package is asked, and what it answers", () => {
  async function asked(messages: Parameters<typeof request>[0], more: Partial<ModelRequest> = {}) {
    const entry = await packageThat(`
      options.onResponseChunk({ type: "segment", text: "Hm." });
      options.onResponseChunk({ type: undefined, text: "Hi " });
      options.onResponseChunk({ type: undefined, text: "you." });
      return { metadata: { stopReason: "eogToken" } };
    `);
    const { catalog, model } = openModel(entry);
    const folded = await ask(model, messages, more);
    await catalog.close();
    const { asked: calls } = (await import(entry)) as { asked: { history: unknown; options: { [name: string]: unknown } }[] };
    return { folded, ...calls[0]! };
  }

  test("text and thoughts are streamed, and tokens counted", async () => {
    expect((await asked("Hi")).folded).toMatchObject({
      text: "Hi you.",
      reasoning: "Hm.",
      reason: "stop",
      usage: { inputTokens: 25, outputTokens: 5, cachedInputTokens: 15 },
    });
  });

  test("calls with the same id keep their own results", async () => {
    const { history } = await asked([
      user("Hi"),
      assistant("", call("0", "add", { a: 1 }), call("0", "now")),
      result("0", "1"),
      result("0", "noon"),
      assistant("", call("0", "add", { a: 2 })),
      result("0", "2"),
      result("0", "two"),
    ]);
    expect((history as object[])[1]).toEqual({
      type: "model",
      response: [
        { type: "functionCall", name: "add", params: { a: 1 }, result: "1" },
        { type: "functionCall", name: "now", params: {}, result: "noon" },
        { type: "functionCall", name: "add", params: { a: 2 }, result: "2\ntwo" },
      ],
    });
  });

  test("the conversation arrives with its calls and their results, instructions first", async () => {
    const { history } = await asked([
      system("Be brief."),
      user("1+1?"),
      assistant("Well.", call("c1", "add", { a: 1 }), { id: "c2", name: "now", arguments: "oops" }),
      result("c1", "2"),
      result("c2", "noon"),
      assistant("Two."),
      user("Sure?"),
      system("Be kind."),
    ]);
    expect(history).toEqual([
      { type: "system", text: "Be brief.\n\nBe kind." },
      { type: "user", text: "1+1?" },
      {
        type: "model",
        response: [
          "Well.",
          { type: "functionCall", name: "add", params: { a: 1 }, result: "2" },
          { type: "functionCall", name: "now", params: "oops", result: "noon" },
          "Two.",
        ],
      },
      { type: "user", text: "Sure?" },
      { type: "model", response: [] },
    ]);
  });

  test("settings, formats and tools arrive", async () => {
    const settings = { temperature: 0.5, topP: 0.9, seed: 7, stop: ["X"], maxTokens: 20, maxCompletionTokens: 10, frequencyPenalty: 1 };
    const { options } = await asked("Hi", { settings });
    expect(options).toMatchObject({ temperature: 0.5, topP: 0.9, seed: 7, customStopTriggers: ["X"], maxTokens: 10 });
    expect(options["repeatPenalty"]).toEqual({ frequencyPenalty: 1, presencePenalty: 0 });
    const schema = { type: "object" };
    const format = { type: "json_schema", name: "n", schema } as const;
    expect((await asked("Hi", { settings: { responseFormat: format } })).options["grammar"]).toEqual({ schema });
    expect((await asked("Hi", { settings: { responseFormat: { type: "json_object" } } })).options["grammar"]).toEqual({ type: "json" });
    const offered = await asked("Hi", { tools, settings: { parallelToolCalls: false } });
    expect(offered.options).toMatchObject({
      functions: { add: { description: "Adds.", params: tools[0]!.parameters }, now: {} },
      maxParallelFunctionCalls: 1,
    });
    expect(Object.keys((await asked("Hi", { tools, toolChoice: { name: "now" } })).options["functions"] as object)).toEqual(["now"]);
    expect((await asked("Hi", { tools, toolChoice: "none" })).options).not.toHaveProperty("functions");
  });

  test("calls are handed over, streamed", async () => {
    const entry = await packageThat(`
      const say = (callIndex, functionName, paramsChunk, done) => options.onFunctionCallParamsChunk({ callIndex, functionName, paramsChunk, done });
      say(0, "add", '{"a":', false);
      say(0, "add", "1}", true);
      say(1, "now", "", true);
      return { metadata: { stopReason: "functionCalls" } };
    `);
    const { catalog, model } = openModel(entry);
    const { calls, reason } = await ask(model, "Hi", { tools });
    await catalog.close();
    expect(calls).toMatchObject([
      { name: "add", arguments: '{"a":1}' },
      { name: "now", arguments: "{}" },
    ]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    expect(reason).toBe("tool_calls");
  });

  test("one reply is made after the other, also after one that was given up", async () => {
    const entry = await packageThat(`
      const text = history[0].text;
      options.onResponseChunk({ type: undefined, text: text + " begins. " });
      await new Promise((resolve, reject) => {
        options.signal.addEventListener("abort", () => setImmediate(() => reject(options.signal.reason)));
        if (text !== "One") setImmediate(resolve);
      });
      return { metadata: { stopReason: "eogToken" } };
    `);
    const { catalog, model } = openModel(entry);
    const reason = new Error("enough");
    const controller = new AbortController();
    const first = model.stream(request("One"), controller.signal)[Symbol.asyncIterator]();
    expect(await first.next()).toMatchObject({ value: { text: "One begins. " } });
    const given = new AbortController();
    const second = fold(model.stream(request("Two"), given.signal));
    const third = ask(model, "Three");
    given.abort(reason);
    await expect(second).rejects.toBe(reason);
    const { asked: calls } = (await import(entry)) as { asked: unknown[] };
    expect(calls).toHaveLength(1);
    controller.abort(reason);
    await expect(first.next()).rejects.toBe(reason);
    expect((await third).text).toBe("Three begins. ");
    await catalog.close();
  });

  test("what goes wrong is upstream_error, and the next one may do better", async () => {
    const entry = await packageThat(`
      if (asked.length === 1) throw new Error("Out of memory");
      return { metadata: { stopReason: "eogToken" } };
    `);
    const { catalog, model } = openModel(entry);
    expect(await failureOf(ask(model, "Hi"))).toMatchObject({
      code: "upstream_error",
      message: `The model llama:${file} failed: Out of memory.`,
    });
    expect((await ask(model, "Hi")).reason).toBe("stop");
    await catalog.close();
    const gone = openModel(join(prefix, "gone.mjs"));
    expect((await failureOf(ask(gone.model, "Hi"))).message).toContain("cannot be loaded");
    await gone.catalog.close();
  });
});

test("only files of the config are models", async () => {
  const { catalog } = openModel("/nowhere");
  expect(catalog.refs()).toContain(`llama:${file}`);
  expect(catalog.find("llama:/etc/passwd")).toBeUndefined();
  expect(catalog.find(`llama/${file}`)).toBeUndefined();
  await catalog.close();
});

/** Why node-llama-cpp cannot be had or used here; undefined when it can. */
async function install(): Promise<string | undefined> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(package|lifecycle|command|execpath|config_local|config_ignore_scripts)|NODE_OPTIONS$)/.test(name),
  );
  const env = { ...Object.fromEntries(inherited), npm_config_fetch_retries: "0", npm_config_fetch_timeout: "15000" };
  const platform = `@node-llama-cpp/${process.platform}-${process.arch}@${version}`;
  const flags = ["--prefix", prefix, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional", "--loglevel", "error"];
  const installed = await runProcess("npm", ["install", ...flags, `node-llama-cpp@${version}`, platform], {
    env,
    cwd: prefix,
    timeoutMs: installTimeoutMs,
  });
  if (installed.code === null) return `npm did not install it within ${installTimeoutMs} ms`;
  if (installed.code !== 0) return `npm could not install it: ${installed.stderr.trim().split("\n")[0] ?? ""}`;
  const probe = `import("node-llama-cpp").then(({ getLlama }) => getLlama({ build: "never", skipDownload: true })).then((llama) => llama.dispose())`;
  const { code, stderr } = await runProcess(process.execPath, ["--eval", probe], { env, cwd: prefix, timeoutMs: installTimeoutMs });
  return code === 0 ? undefined : `it does not run on this machine: ${stderr.trim().split("\n")[0] ?? ""}`;
}

const reason = await install().catch((thrown: unknown) => (thrown as Error).message);
if (reason !== undefined) printSkipped(`the test of node-llama-cpp ${version}, because ${reason}`);
const withLlama = reason === undefined ? test : test.skip;

withLlama(
  "a model file of random weights answers through node-llama-cpp",
  async () => {
    // A process of its own: Jest's module loader has no place for native code that outlives a test file.
    const script = fileURLToPath(new URL("llama-conversation.ts", import.meta.url));
    const entry = join(prefix, "node_modules", "node-llama-cpp", "dist", "index.js");
    const { code, stdout, stderr } = await runProcess(process.execPath, ["--import", "tsx", script, entry, file], { timeoutMs: 60_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const told = JSON.parse(stdout) as {
      [step: string]: { text: string; reason: string; usage: { outputTokens: number } } & { [key: string]: unknown };
    };
    expect(told["plain"]).toMatchObject({ reason: "length", usage: { outputTokens: 20 } });
    expect(told["again"]).toMatchObject({ text: told["plain"]!.text, usage: { outputTokens: 20 } });
    expect(told["json"]).toMatchObject({ reason: "stop" });
    expect(JSON.parse(told["json"]!.text)).toEqual({ ok: expect.any(Boolean) });
    expect(told["tools"]).toMatchObject({ usage: { outputTokens: 8 } });
    expect(told["abort"]).toEqual({ error: "enough" });
    expect(told["long"]).toMatchObject({ code: "context_length_exceeded" });
  },
  120_000,
);
