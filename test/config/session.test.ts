/**
 * Where sessions are kept, and the configuration that `npm start` uses.
 * No database is opened here.
 */
import { describe, expect, test } from "@jest/globals";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { loadConfig } from "../../src/config/load.ts";
import { load, makeFolder, problems, writeFileAt } from "./config-file.ts";

describe("session.database", () => {
  const at = (folder: string, database: string | undefined, env: NodeJS.ProcessEnv = {}) => {
    const configPath = writeFileAt(join(folder, "conf", "openclaw.json"), { session: { database } });
    return loadConfig({ configPath }, { HOME: folder, CLAWGATE_OLLAMA: "off", ...env });
  };

  test.each([
    ["data/x.db", "conf/data/x.db"],
    ["../x.db", "x.db"],
    ["~/x.db", "x.db"],
    [undefined, "conf/clawgate.db"],
  ])("%s is %s, seen from the file's folder", async (database, expected) => {
    const folder = makeFolder();
    expect((await at(folder, database)).session.database).toBe(join(folder, expected));
    expect(existsSync(join(folder, expected))).toBe(false);
  });

  test("the default goes into OPENCLAW_STATE_DIR when that is set", async () => {
    const folder = makeFolder();
    const config = await at(folder, undefined, { OPENCLAW_STATE_DIR: join(folder, "state") });
    expect(config.session.database).toBe(join(folder, "state", "clawgate.db"));
  });

  test("absolute paths and :memory: stay as they are", async () => {
    expect((await load({ session: { database: "/var/x.db" } })).session.database).toBe("/var/x.db");
    expect((await load({ session: { database: ":memory:" } })).session.database).toBe(":memory:");
  });

  test.each(["postgres://u:p@h/d", "postgresql://h/d", "libsql://h"])("%s is refused: SQLite files only", async (database) => {
    expect(await problems({ session: { database } })).toEqual([
      "session.database: this version keeps sessions in SQLite only: give a file path or :memory:, not a URL.",
    ]);
  });

  test("the queue's limits arrive", async () => {
    expect((await load({ session: { maxQueued: 0, maxWaitMs: 5 } })).session).toMatchObject({ maxQueued: 0, maxWaitMs: 5 });
  });
});

describe("examples/quickstart.json5", () => {
  const configPath = resolve("examples/quickstart.json5");
  const env = { CLAWGATE_OLLAMA: "off" };

  test("it loads without a warning: endpoint on, a generated token, two agents, state in the checkout", async () => {
    const config = await loadConfig({ configPath }, env);
    expect(config.warnings).toEqual([]);
    expect(config.gateway).toMatchObject({
      port: 18789,
      host: "127.0.0.1",
      chatCompletions: { enabled: true },
      auth: { isGenerated: true },
    });
    expect(config.agents.map(({ id, isDefault }) => [id, isDefault])).toEqual([
      ["main", true],
      ["beta", false],
    ]);
    // http_fetch reaches out into the world: nobody has it who does not ask for it.
    expect(config.agents[0]?.tools.allow).toEqual(["calculator", "current_time", "memory_save", "memory_recall"]);
    expect(config.session.database).toBe(join(dirname(dirname(configPath)), ".clawgate", "clawgate.db"));
    expect(config.defaultModel?.ref).toBe("builtin/offline");
  });

  test("OPENCLAW_GATEWAY_TOKEN is its token", async () => {
    const config = await loadConfig({ configPath }, { ...env, OPENCLAW_GATEWAY_TOKEN: "YOUR_TOKEN" });
    expect(config.gateway.auth).toMatchObject({ mode: "token", secret: "YOUR_TOKEN", isGenerated: false });
  });
});
