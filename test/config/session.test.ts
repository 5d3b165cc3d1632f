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

  test.each(["postgres://u:p@h:5433/d?sslmode=require", "postgresql://h/d", "postgres:///d?host=/run/postgresql"])(
    "%s is a database on a server, and stays as it is",
    async (database) => {
      const { session } = await load({ session: { database } });
      expect(session).toMatchObject({ database, server: { poolSize: 10, listenUrl: undefined } });
    },
  );

  test("of a server are asked how many connections there are at most, and where the one that listens leads to", async () => {
    const session = { database: "postgres://pooler/d", databasePoolSize: 3, databaseListenUrl: "postgres://h/d" };
    expect((await load({ session })).session.server).toEqual({ poolSize: 3, listenUrl: "postgres://h/d" });
  });

  test.each([
    ["libsql://h", "must be a URL that begins with postgres:// (a SQLite file is given as a path)."],
    ["postgres://u:pass#word@h/d", "is not a valid URL: percent-encode what is special in its user name and password (@ as %40)."],
    ["postgres://h/d?sslmode=prefer", "its sslmode must be one of disable, require, verify-ca, verify-full, no-verify."],
  ])("%s is refused, and not quoted", async (url, problem) => {
    expect(await problems({ session: { database: url } })).toEqual([`session.database: ${problem}`]);
    expect(await problems({ session: { databaseListenUrl: url } })).toEqual([`session.databaseListenUrl: ${problem}`]);
    expect(await problems({}, { OPENCLAW_DATABASE_URL: url })).toEqual([`OPENCLAW_DATABASE_URL: ${problem}`]);
  });

  test("OPENCLAW_DATABASE_URL names a server where the file names no database; a variable in the file does too", async () => {
    const OPENCLAW_DATABASE_URL = "postgres://h/environment";
    expect((await load({}, { OPENCLAW_DATABASE_URL })).session.database).toBe(OPENCLAW_DATABASE_URL);
    const ofTheFile = await load({ session: { database: ":memory:" } }, { OPENCLAW_DATABASE_URL });
    expect(ofTheFile.session.database).toBe(":memory:");
    expect(ofTheFile.warnings).toContain("session.database: is where sessions are kept; OPENCLAW_DATABASE_URL is not used.");
    expect((await load({ session: { database: "${URL_OF_MINE}" } }, { URL_OF_MINE: "postgres://h/mine" })).session.database).toBe(
      "postgres://h/mine",
    );
  });

  test("the queue's limits arrive", async () => {
    expect((await load({ session: { maxQueued: 0, maxWaitMs: 5 } })).session).toMatchObject({ maxQueued: 0, maxWaitMs: 5 });
  });
});

describe("agents.defaults.maxConcurrent", () => {
  test("caps the runs of all agents, and maxQueued those that wait", async () => {
    expect((await load({})).runs).toEqual({ maxConcurrent: 256, maxQueued: 1024 });
    expect((await load({ agents: { defaults: { maxConcurrent: 4, maxQueued: 0 } } })).runs).toEqual({ maxConcurrent: 4, maxQueued: 0 });
    expect(await problems({ agents: { defaults: { maxConcurrent: 0 } } })).toEqual(["agents.defaults.maxConcurrent: must be at least 1."]);
  });
});

describe("session.maintenance", () => {
  const retention = async (maintenance?: object) => (await load({ session: { maintenance } })).session.retention;

  test("sets no limit by itself", async () => {
    const none = { isEnforced: true, pruneAfterMs: undefined, maxEntries: undefined, maxDiskBytes: undefined };
    expect(await retention()).toEqual(none);
    expect(await retention({})).toEqual(none);
    expect(await retention({ maxDiskBytes: false })).toEqual(none);
    expect(await retention({ maxDiskBytes: 0 })).toEqual(none);
  });

  test.each([
    ["30d", 30 * 86_400_000],
    ["12h", 12 * 3_600_000],
    ["1h30m", 5_400_000],
    [" 2 W ", 14 * 86_400_000],
    ["1.5d", 129_600_000],
    ["90s", 90_000],
    ["7", 7 * 86_400_000],
    [7, 7 * 86_400_000],
    [0.5, 43_200_000],
  ])("pruneAfter %j is %d ms", async (pruneAfter, pruneAfterMs) => {
    expect(await retention({ pruneAfter })).toMatchObject({ pruneAfterMs });
  });

  test.each([
    ["500mb", 500 * 1024 ** 2],
    ["2GB", 2 * 1024 ** 3],
    ["1.5 k", 1536],
    ["10MiB", 10 * 1024 ** 2],
    ["1000b", 1000],
    ["1000", 1000],
    [1000, 1000],
  ])("maxDiskBytes %j is %d bytes", async (size, maxDiskBytes) => {
    expect(await retention({ maxDiskBytes: size })).toMatchObject({ maxDiskBytes });
  });

  test("the mode and the number of sessions arrive, without a warning", async () => {
    const config = await load({ session: { maintenance: { mode: "warn", maxEntries: 500 } } });
    expect(config.session.retention).toMatchObject({ isEnforced: false, maxEntries: 500 });
    expect(config.warnings).toEqual([]);
  });

  test.each(["soon", "", "-1d", "0", 0, -3, "0d", "1y", "d", "99999999d"])("pruneAfter %j is refused", async (pruneAfter) => {
    expect(await problems({ session: { maintenance: { pruneAfter } } })).toEqual([
      'session.maintenance.pruneAfter: must be a time above 0, such as "30d", "12h", "1h30m" or a number of days.',
    ]);
  });

  test.each(["much", "", "-1", -1, "1pb", "mb"])("maxDiskBytes %j is refused", async (maxDiskBytes) => {
    expect(await problems({ session: { maintenance: { maxDiskBytes } } })).toEqual([
      'session.maintenance.maxDiskBytes: must be a size, such as "500mb", "2gb" or a number of bytes; false is no limit.',
    ]);
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
