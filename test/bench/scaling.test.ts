/** What `npm run bench:scaling` counts with; what it measures is not tested. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { countTurns } from "../../scripts/scaling/databases.ts";
import { treeCpuMs } from "../../scripts/scaling/processes.ts";
import { tapWire } from "../../scripts/scaling/wire.ts";
import { onProvider } from "../faces/provider.ts";
import { createPostgresDatabase, findPostgres, type PostgresDatabase } from "../support/postgres.ts";
import { makeFolder, say, startGateway } from "../support/gateway.ts";
import { startStubUpstream } from "../support/stub-upstream.ts";

const found = await findPostgres();

describe("a tapped wire to Postgres", () => {
  let database: PostgresDatabase;
  beforeAll(async () => {
    if ("url" in found) database = await createPostgresDatabase(found.url);
  });
  afterAll(() => database?.drop());

  ("url" in found ? test : test.skip)("reads along each statement once, however long, and changes none of the answers", async () => {
    const wire = await tapWire(database.url);
    const client = new pg.Client({ connectionString: wire.url });
    await client.connect();
    const long = "x".repeat(300_000);
    expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    expect((await client.query("select length($1::text) as n", [long])).rows).toEqual([{ n: long.length }]);
    expect((await client.query(`select length('${long}') as n`)).rows).toEqual([{ n: long.length }]);
    expect(wire.take()).toEqual(["select 1 as one", "select length($1::text) as n", `select length('${long}') as n`]);
    expect(wire.take()).toEqual([]);
    await client.end();
    await wire.close();
  });
});

(existsSync("/proc/self/stat") ? describe : describe.skip)("CPU time of a process", () => {
  let parent: ChildProcess;
  afterAll(() => void parent.kill("SIGKILL"));

  test("is there with that of children at work and of children that have ended", async () => {
    const burn = "const end = process.cpuUsage().user + 300_000; while (process.cpuUsage().user < end);";
    const script = `
      const { spawn } = require("node:child_process");
      spawn(process.execPath, ["-e", ${JSON.stringify(burn)}]).once("exit", () => {
        const child = spawn(process.execPath, ["-e", ${JSON.stringify(`${burn} console.log("burnt"); process.stdin.resume();`)}]);
        child.stdout.once("data", () => console.log("done"));
        // It ends with its input.
        process.stdin.resume().once("end", () => process.exit());
      });`;
    parent = spawn(process.execPath, ["-e", script], { stdio: ["pipe", "pipe", "inherit"] });
    await once(parent.stdout!, "data");
    expect(treeCpuMs([parent.pid!])).toBeGreaterThanOrEqual(580);
    parent.stdin!.end();
    await once(parent, "exit");
    expect(treeCpuMs([parent.pid!])).toBeNaN();
  });
});

describe("the turns that are counted afterwards", () => {
  test("are whole when each text is there once, and not when one is missing or there twice", async () => {
    const stub = await startStubUpstream({ keepRequests: 0 });
    const folder = await makeFolder();
    const file = join(folder, "sessions.db");
    const gateway = await startGateway(onProvider(stub.url, {}, { session: { database: file } }));
    const ask = async (text: string, session: string): Promise<void> => {
      const reply = await gateway.chat(say(text), { "x-openclaw-session-key": session });
      expect(reply.status).toBe(200);
    };
    await ask("one", "a");
    await ask("two", "a");
    expect(await countTurns(file, 2)).toEqual({ kept: 2, isWhole: true });
    expect(await countTurns(file, 3)).toEqual({ kept: 2, isWhole: false });
    await ask("one", "b");
    expect(await countTurns(file, 3)).toEqual({ kept: 3, isWhole: false });
    await gateway.close();
    await stub.close();
  });
});
