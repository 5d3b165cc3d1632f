/** `clawgate store`: all that is kept goes to a file, from there into another database, and a gateway goes on with it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { type CliResult, runCli, startCli } from "../support/cli.ts";
import { databaseEngines } from "../support/databases.ts";
import { makeFolder, say, startGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream } from "../support/stub-upstream.ts";

const command = fileURLToPath(new URL("../../bin/clawgate.js", import.meta.url));
const engines = await databaseEngines();
let folder: string;

const clawgate = (args: readonly string[], env: { readonly [name: string]: string } = {}, input = ""): Promise<CliResult> =>
  runCli([...args, "--config", "openclaw.json"], { folder, env, input });

const store = (...args: string[]): Promise<CliResult> => clawgate(["store", ...args]);

beforeAll(async () => {
  folder = await makeFolder();
  const agents = { defaults: { model: "builtin/offline", tools: ["memory_save", "memory_recall"] } };
  await writeFile(join(folder, "openclaw.json"), JSON.stringify({ agents }));
  const { code } = await clawgate(["agent", "--session-key", "kitchen", "--message", "Remember that my city is Seoul"]);
  expect(code).toBe(0);
});

const done = (verb: string): RegExp => new RegExp(`^${verb} 1 session, 4 messages, 1 memory, 1 run in \\d+\\.\\d s\\.\\n$`);

describe("export", () => {
  test("writes to standard output and tells on the other what it did", async () => {
    const { code, stdout, stderr } = await store("export");
    expect(code).toBe(0);
    expect(stderr).toMatch(done("Exported"));
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { table?: string });
    expect(lines[0]).toEqual({ format: "clawgate-store", version: 1, schema: expect.any(String), exportedAt: expect.any(String) });
    expect(lines.slice(1, -1).map(({ table }) => table)).toEqual(["sessions", ...Array<string>(4).fill("messages"), "memories", "runs"]);
    expect(lines.at(-1)).toEqual({
      counts: expect.objectContaining({ messages: 4, tokens: 0 }),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test("makes a file of its owner's own, and overwrites none", async () => {
    expect(await store("export", "kept.jsonl")).toEqual({ code: 0, stdout: "", stderr: expect.stringMatching(done("Exported")) });
    const path = join(folder, "kept.jsonl");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const before = await readFile(path, "utf8");
    expect(await store("export", "kept.jsonl")).toEqual({
      code: 64,
      stdout: "",
      stderr: "kept.jsonl is there already, and stays as it is: name another file.\n",
    });
    expect(await readFile(path, "utf8")).toBe(before);
    expect((await readdir(folder)).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  test("says what is wrong with where it is to read or write", async () => {
    expect(await store("export", "--database", "nowhere.db")).toMatchObject({
      code: 64,
      stderr: `There is no database at ${join(folder, "nowhere.db")}.\n`,
    });
    expect((await store("export", "no/folder/here.jsonl")).code).toBe(64);
    expect(await store("export", "--database", "mysql://x")).toMatchObject({
      code: 78,
      stdout: "",
      stderr: expect.stringContaining("--database"),
    });
    const refused = await store("export", "--database", "postgres://me:hunter2@127.0.0.1:1/none");
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("postgres://127.0.0.1:1/none cannot be opened") });
    expect(refused.stderr).not.toContain("hunter2");
  });

  test("ends quietly when nobody reads on", async () => {
    const { child, result } = await startCli(["store", "export", "--config", "openclaw.json"], { folder });
    child.stdout!.destroy();
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(0);
    expect((await result).stderr).not.toMatch(/Error|EPIPE|reads it/);
  });
});

describe("import", () => {
  test.each(engines)("into $name, and a gateway remembers what was said", async ({ create }) => {
    const database = await create();
    try {
      const { stdout: text } = await store("export");
      const env = { OPENCLAW_DATABASE_URL: database.location };
      const into = database.location.startsWith("postgres") ? [] : ["--database", database.location];
      const first = await clawgate(["store", "import", "-", ...into], into.length === 0 ? env : {}, text);
      expect(first).toEqual({ code: 0, stdout: "", stderr: expect.stringMatching(done("Imported")) });
      expect(await clawgate(["store", "import", "-", ...into], into.length === 0 ? env : {}, text)).toMatchObject({
        code: 64,
        stderr: expect.stringMatching(/^The database \S+ is not empty: it has 1 sessions, 4 messages, .*\n$/),
      });
      const stub = await startStubUpstream();
      const gateway = await startGateway({
        agents: { defaults: { model: "stub/model" } },
        models: { providers: { stub: { baseUrl: stub.url, apiKey: "k" } } },
        session: { database: database.location },
      });
      try {
        const headers = { authorization: `Bearer ${testToken}`, "content-type": "application/json", "x-openclaw-session-key": "kitchen" };
        const body = JSON.stringify(say("And now?"));
        expect((await fetch(`${gateway.url}/v1/chat/completions`, { method: "POST", headers, body })).status).toBe(200);
        expect(JSON.stringify(stub.requests[0]?.body)).toMatch(/my city is Seoul.*And now\?/);
      } finally {
        await gateway.close();
        await stub.close();
      }
    } finally {
      await database.drop();
    }
  });

  test("refuses a file that is not there or was cut off", async () => {
    expect((await store("import", "nothing.jsonl", "--database", "other.db")).code).toBe(64);
    const { stdout: text } = await store("export");
    await writeFile(join(folder, "cut.jsonl"), text.slice(0, -200));
    const { code, stderr } = await store("import", "cut.jsonl", "--database", "other.db");
    expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringMatching(/^Line \d+ is damaged, or cut off\.\n$/) });
    expect(await store("export", "--database", "other.db")).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^Exported 0 sessions, 0 messages in/),
    });
  });

  test("leaves nothing when it is stopped", async () => {
    const { stdout: text } = await store("export");
    const args = [command, "store", "import", "-", "--database", "stopped.db", "--config", "openclaw.json"];
    const child = spawn(process.execPath, args, { cwd: folder, env: { HOME: folder, CLAWGATE_OLLAMA: "off" } });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (piece: string) => (said += piece));
    const closed = once(child, "close");
    child.stdin.write(text.slice(0, -200));
    while (!existsSync(join(folder, "stopped.db"))) await sleep(20);
    child.kill("SIGINT");
    expect(await closed).toEqual([130, null]);
    expect(said).toBe("Nothing was imported.\n");
    expect((await store("export", "--database", "stopped.db")).stderr).toMatch(/^Exported 0 sessions, 0 messages in/);
  });
});
