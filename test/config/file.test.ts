/**
 * Which file is read, what is made of its text, and what the configuration is when nothing is said.
 * Which flags and variables fill single keys is told in the other files of this folder.
 */
import { describe, expect, test } from "@jest/globals";
import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../src/config/load.ts";
import { load, makeFolder, problems, rejection, writeFileAt } from "./config-file.ts";

const quiet = { CLAWGATE_OLLAMA: "off" };
const withPort = (port: number) => ({ gateway: { port } });

describe("finding the file", () => {
  test("--config wins over OPENCLAW_CONFIG_PATH, that over the state folder, that over the home folder", async () => {
    const folder = makeFolder();
    const flag = writeFileAt(join(folder, "flag.json"), withPort(1001));
    const variable = writeFileAt(join(folder, "variable.json"), withPort(1002));
    writeFileAt(join(folder, "state", "openclaw.json"), withPort(1003));
    writeFileAt(join(folder, ".openclaw", "openclaw.json"), withPort(1004));
    const home = { ...quiet, HOME: folder };
    const state = { ...home, OPENCLAW_STATE_DIR: join(folder, "state") };
    const all = { ...state, OPENCLAW_CONFIG_PATH: variable };
    const ports = [
      await loadConfig({ configPath: flag }, all),
      await loadConfig({}, all),
      await loadConfig({}, state),
      await loadConfig({}, home),
    ].map((config) => config.gateway.port);
    expect(ports).toEqual([1001, 1002, 1003, 1004]);
  });

  test("a file named by flag or variable that does not exist is an error that says who named it", async () => {
    const path = join(makeFolder(), "absent.json");
    const byFlag = await rejection(loadConfig({ configPath: path }, quiet));
    const byVariable = await rejection(loadConfig({}, { ...quiet, OPENCLAW_CONFIG_PATH: path }));
    expect(byFlag.message).toBe(`${path}: there is no such file; correct --config.`);
    expect(byVariable.message).toBe(`${path}: there is no such file; correct OPENCLAW_CONFIG_PATH.`);
  });

  test("a folder in place of the file is an error", async () => {
    const path = makeFolder();
    expect((await rejection(loadConfig({ configPath: path }, quiet))).message).toBe(
      `${path}: it is a folder, not a file; correct --config.`,
    );
  });

  test("without any file everything is default, and nothing is created", async () => {
    const folder = makeFolder();
    const config = await loadConfig({}, { ...quiet, HOME: folder });
    expect(config).toMatchObject({
      path: undefined,
      gateway: {
        port: 18789,
        host: "127.0.0.1",
        auth: { mode: "token", isGenerated: true, rateLimit: undefined },
        chatCompletions: { enabled: false, maxBodyBytes: 20971520, keepAliveMs: 15000, readerTimeoutMs: 60000, sessionHeader: undefined },
        requestTimeoutMs: 300000,
        maxConnections: 10000,
        trustedProxies: [],
      },
      agents: [{ id: "main", isDefault: true, model: "builtin/offline", tools: { allow: [] }, maxTurns: 16, runTimeoutMs: 600000 }],
      session: { database: join(folder, ".openclaw", "clawgate.db"), maxQueued: 32, maxWaitMs: 120000, server: { poolSize: 10 } },
      log: { level: "info" },
      warnings: [],
    });
    expect(config.gateway.chatCompletions.modelAliases.size).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("reading the file", () => {
  test("JSON5 is understood: comments, unquoted keys, trailing commas", async () => {
    const config = await load("// mine\n{ gateway: { port: 4000, }, $schema: 'x', }");
    expect(config.gateway.port).toBe(4000);
    expect(config.warnings).toEqual([]);
  });

  test("a syntax error is named with line and column", async () => {
    expect(await problems("{\n  gateway: }")).toEqual(["2:12: not valid JSON5: invalid character '}'."]);
    expect(await problems("")).toEqual(["1:1: not valid JSON5: invalid end of input."]);
  });

  test("a file that is no object is an error", async () => {
    expect(await problems("[]")).toEqual(["top level: must be an object: { gateway: { … } }."]);
  });

  test("all problems of a file are reported at once, with file and path", async () => {
    const folder = makeFolder();
    const configPath = writeFileAt(join(folder, "mine.json5"), {
      gateway: { port: "18789", http: { endpoints: { chatCompletions: { keepAliveMs: 0.5 } } }, auth: { mode: "tokn" } },
      agents: { entries: { main: { model: "nowhere/x", maxTurns: 0 }, "B B": {} }, list: [{}] },
      models: { providers: { local: { api: "openai-completions" } } },
      session: { database: "postgres://u:hunter2@db/x?sslmode=prefer" },
      log: { level: "loud", file: "x" },
    });
    const { issues, message } = await rejection(loadConfig({ configPath }, { ...quiet, HOME: folder }));
    expect(issues.map((line) => line.replace(`${configPath}: `, ""))).toEqual([
      "log.file: unknown key: known here: level. Rename or remove it.",
      "gateway.port: must be a number, but is a string.",
      'gateway.auth.mode: must be one of "token", "password", "none": did you mean "token"?',
      "gateway.http.endpoints.chatCompletions.keepAliveMs: must be a whole number, but is a number.",
      "agents.entries.main.maxTurns: must be at least 1.",
      "agents.list[0].id: this key is required: it must be a string.",
      "models.providers.local.baseUrl: this key is required: it must be a string.",
      'log.level: must be one of "fatal", "error", "warn", "info", "debug", "trace", "silent".',
      "session.database: its sslmode must be one of disable, require, verify-ca, verify-full, no-verify.",
    ]);
    expect(message).not.toContain("hunter2");
  });

  test("a section that is broken does not hide what is wrong in another", async () => {
    const found = await problems({ gateway: { port: -1 }, agents: { entries: { main: { model: "nowhere/x" } } } });
    expect(found).toEqual([
      "gateway.port: must be at least 0.",
      'agents.entries.main.model: there is no provider "nowhere": known here: ollama, builtin. Add models.providers.nowhere, or use another one.',
    ]);
  });

  test("a union is described by the kind that was meant", async () => {
    expect(await problems({ agents: { defaults: { model: 5 } } })).toEqual([
      "agents.defaults.model: must be a string or an object, but is a number.",
    ]);
    expect(await problems({ agents: { defaults: { tools: [1], model: {} } } })).toEqual([
      "agents.defaults.model.primary: this key is required: it must be a string.",
      "agents.defaults.tools[0]: must be a string, but is a number.",
    ]);
  });
});

describe("what comes out", () => {
  test("the configuration is frozen through and through, maps included", async () => {
    const config = await load({
      gateway: { http: { endpoints: { chatCompletions: { modelAliases: { "gpt-4o": "main" } } } } },
      agents: { entries: { main: { tools: ["calculator"] } } },
    });
    const aliases = config.gateway.chatCompletions.modelAliases as Map<string, string>;
    expect(() => Object.assign(config.gateway.auth, { mode: "none" })).toThrow(TypeError);
    expect(() => Object.assign(config.agents[0]?.tools ?? {}, { 1: "http_fetch" })).toThrow(TypeError);
    expect(() => aliases.set("gpt-5", "main")).toThrow(TypeError);
    expect([...aliases]).toEqual([["gpt-4o", "main"]]);
  });

  test("a second load is not touched by the first", async () => {
    const first = await load();
    const second = await load();
    expect(second).not.toBe(first);
    expect(second.gateway.auth.secret).not.toBe(first.gateway.auth.secret);
  });

  test("agents are as old as the file that made them", async () => {
    const path = writeFileAt(join(makeFolder(), "openclaw.json"), {});
    utimesSync(path, 1_700_000_000, 1_700_000_000.9);
    const config = await loadConfig({ configPath: path }, quiet);
    expect(config.agents[0]?.createdAt).toBe(1_700_000_000);
  });

  test("without a file agents are as old as the process", async () => {
    const config = await loadConfig({}, { ...quiet, HOME: makeFolder() });
    const age = Date.now() / 1000 - (config.agents[0]?.createdAt ?? 0);
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(3600);
  });
});
