/**
 * What agents run on when nobody named a model, and where Ollama is looked for.
 * The probe speaks to a server of the test's own, never to an Ollama of the developer's.
 */
import { describe, expect, test } from "@jest/globals";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { chooseDefaultModel } from "../../src/config/default-model.ts";
import { loadConfig } from "../../src/config/load.ts";
import { probeOllama, resolveOllamaOrigin } from "../../src/config/ollama.ts";
import { load, makeFolder, rejection, writeFileAt } from "./config-file.ts";

const refuse = () => Promise.reject(new Error("Nothing was to be probed."));
const nothing = () => Promise.resolve(undefined);

describe("the choice", () => {
  test("OPENAI_API_KEY comes first, with a model that the environment may name", async () => {
    expect(await chooseDefaultModel({ OPENAI_API_KEY: "k" }, refuse)).toEqual({ ref: "openai/gpt-5.4", reason: "OPENAI_API_KEY is set" });
    expect((await chooseDefaultModel({ OPENAI_API_KEY: "k", CLAWGATE_OPENAI_MODEL: "o9" }, refuse)).ref).toBe("openai/o9");
  });

  test("then ANTHROPIC_API_KEY, then Google's, each with a model that the environment may name", async () => {
    const google = { GEMINI_API_KEY: "g", CLAWGATE_GEMINI_MODEL: "gemini-x" };
    const anthropic = { ANTHROPIC_API_KEY: "a", CLAWGATE_ANTHROPIC_MODEL: "claude-x" };
    const choose = (env: NodeJS.ProcessEnv) => chooseDefaultModel(env, refuse);
    expect(await choose({ ...google, ...anthropic, OPENAI_API_KEY: "k" })).toMatchObject({ ref: "openai/gpt-5.4" });
    expect(await choose({ ...google, ...anthropic })).toEqual({ ref: "anthropic/claude-x", reason: "ANTHROPIC_API_KEY is set" });
    expect(await choose(google)).toEqual({ ref: "google/gemini-x", reason: "GEMINI_API_KEY is set" });
    expect((await choose({ ANTHROPIC_API_KEY: "a" })).ref).toBe("anthropic/claude-sonnet-5-5");
    expect(await choose({ GOOGLE_API_KEY: "g" })).toEqual({ ref: "google/gemini-3.8-flash", reason: "GOOGLE_API_KEY is set" });
    expect((await choose({ GOOGLE_GENERATIVE_AI_API_KEY: "g" })).ref).toBe("google/gemini-3.8-flash");
  });

  test("then a running Ollama", async () => {
    const asked: string[] = [];
    const choice = await chooseDefaultModel({ OLLAMA_HOST: "10.0.0.9:1234" }, (origin) => {
      asked.push(origin);
      return Promise.resolve("qwen3:8b");
    });
    expect(choice).toEqual({ ref: "ollama/qwen3:8b", reason: "Ollama answers at http://10.0.0.9:1234" });
    expect(asked).toEqual(["http://10.0.0.9:1234"]);
  });

  test.each([{ CLAWGATE_OLLAMA: "off" }, { OLLAMA_HOST: "" }])("Ollama is not looked for with %p", async (env) => {
    expect((await chooseDefaultModel(env, refuse)).ref).toBe("builtin/offline");
  });

  test("else the embedded model, with a reason that says how to have a better one", async () => {
    expect(await chooseDefaultModel({ OPENAI_API_KEY: " " }, nothing)).toEqual({
      ref: "builtin/offline",
      reason:
        "no model is configured and none was found: set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, start Ollama, " +
        "or name one in agents.defaults.model",
    });
  });

  test("it reaches the agents that have none, and is not made when all have one", async () => {
    const path = writeFileAt(join(makeFolder(), "c.json"), { agents: { entries: { a: {}, b: { model: "builtin/offline" } } } });
    const config = await loadConfig({ configPath: path }, {}, () => Promise.resolve("qwen3"));
    expect(config.agents.map((agent) => agent.model)).toEqual(["ollama/qwen3", "builtin/offline"]);
    expect(config.defaultModel).toEqual({ ref: "ollama/qwen3", reason: "Ollama answers at http://127.0.0.1:11434" });
    const named = writeFileAt(join(makeFolder(), "c.json"), { agents: { defaults: { model: "builtin/offline" } } });
    expect((await loadConfig({ configPath: named }, {}, refuse)).defaultModel).toBeUndefined();
  });

  test("a choice that the file's own provider does not offer is an error, not a silent other model", async () => {
    const file = { models: { providers: { openai: { baseUrl: "http://h/v1", models: [{ id: "mine" }] } } } };
    const { message } = await rejection(load(file, { OPENAI_API_KEY: "k" }));
    expect(message).toContain("agents.defaults.model: not set, and openai/gpt-5.4, chosen because OPENAI_API_KEY is set, will not do");
    expect(message).toContain('provider "openai" has no model "gpt-5.4"; it has: mine. Name a model here.');
  });
});

describe("OLLAMA_HOST", () => {
  test.each([
    [undefined, "http://127.0.0.1:11434"],
    ["", "http://127.0.0.1:11434"],
    ["gpu", "http://gpu:11434"],
    ["gpu:1", "http://gpu:1"],
    [":1", "http://127.0.0.1:1"],
    ["0.0.0.0", "http://127.0.0.1:11434"],
    ["[::1]:5", "http://[::1]:5"],
    ["http://gpu:1/", "http://gpu:1"],
    ["https://gpu", "https://gpu"],
  ])("%p means %s", (value, origin) => {
    expect(resolveOllamaOrigin({ OLLAMA_HOST: value })).toEqual({ origin, isUnderstood: true });
  });

  test("anything else is a warning and the default stands", async () => {
    const config = await load({}, { OLLAMA_HOST: "http://gpu/some/path" });
    expect(config.warnings).toEqual(["OLLAMA_HOST: not understood, so Ollama is expected at http://127.0.0.1:11434."]);
    expect(config.providers[0]?.baseUrl).toBe("http://127.0.0.1:11434/v1");
  });
});

describe("the probe", () => {
  test("it names the first model that can chat", async () => {
    const models = [{ name: "nomic-embed-text" }, { name: "llama3:8b" }, { name: "qwen3" }];
    expect(await probe((_, response) => response.end(JSON.stringify({ models })))).toBe("llama3:8b");
  });

  test.each(['{"models":[]}', '{"models":[{"name":5},null]}', "[]", "null", "<html>"])("it finds nothing in %s", async (body) => {
    expect(await probe((_, response) => response.end(body))).toBeUndefined();
  });

  test("it finds nothing behind an error or a redirect", async () => {
    expect(await probe((_, response) => response.writeHead(500).end('{"models":[{"name":"x"}]}'))).toBeUndefined();
    expect(await probe((_, response) => response.writeHead(302, { location: "/other" }).end())).toBeUndefined();
  });

  test("it gives up on one that does not answer, soon", async () => {
    const start = performance.now();
    expect(await probe(() => undefined)).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(3000);
  });
});

async function probe(listener: RequestListener): Promise<string | undefined> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await probeOllama(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
