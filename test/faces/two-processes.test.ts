/** Two processes on one database file and one session: they take turns, whatever becomes of one of them. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import Database from "libsql";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { configOf, makeFolder } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { startHeldUpstream } from "./held-upstream.ts";
import { onProvider } from "./provider.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const program = fileURLToPath(new URL("run-many.ts", import.meta.url));
const session = "shared";
const timeoutMs = 120_000;

interface RunningProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  /** What it has printed. */
  readonly lines: string[];
  readonly exit: Promise<unknown[]>;
}

let stub: StubUpstream;
const processes: RunningProcess[] = [];

beforeAll(async () => {
  stub = await startStubUpstream();
});

afterAll(async () => {
  for (const { child } of processes) child.kill("SIGKILL");
  await Promise.all(processes.map(({ exit }) => exit));
  await stub.close();
});

async function makeConfig(url: string): Promise<{ configPath: string; database: string }> {
  const folder = await makeFolder();
  const configPath = join(folder, "openclaw.json");
  const limits = { maxQueued: 1_000, maxWaitMs: timeoutMs };
  await writeFile(configPath, JSON.stringify(configOf(onProvider(url, {}, { session: limits }))));
  return { configPath, database: join(folder, "clawgate.db") };
}

/** Resolves when it has its store open and waits to be told to begin. */
async function prepare(configPath: string, label: string, count: number): Promise<RunningProcess> {
  const args = ["--import", "tsx", program, configPath, label, `${count}`, session];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  const lines: string[] = [];
  const started = { child, lines, exit: once(child, "exit") };
  processes.push(started);
  const reader = createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  await Promise.race([once(reader, "line"), started.exit.then(() => Promise.reject(new Error(`${label} did not start.`)))]);
  expect(lines.shift()).toBe(`${label} ready`);
  return started;
}

const begin = ({ child }: RunningProcess): void => void child.stdin.write("go\n");

const ofLabel = (texts: readonly string[], label: string): string[] => texts.filter((text) => text.startsWith(`${label} `));

test(
  "400 runs of two processes on one session never overlap, keep the order of each process, and leave one whole transcript",
  async () => {
    const held = await startHeldUpstream();
    const { configPath, database } = await makeConfig(held.url);
    const perProcess = 200;
    const [one, other] = await Promise.all([prepare(configPath, "one", perProcess), prepare(configPath, "other", perProcess)]);
    begin(one);
    begin(other);
    let overlaps = 0;
    const readCounts: number[] = [];
    for (let n = 1; n <= 2 * perProcess; n++) {
      const exchange = await held.next();
      const { messages } = exchange.body as { messages: object[] };
      readCounts.push(messages.length);
      await sleep(Math.random() * 3);
      // Whoever else works on the session has asked its model by now.
      overlaps += held.count - n;
      exchange.say(`answer ${messages.length}`);
      exchange.finish();
    }
    expect(await Promise.all([one.exit, other.exit])).toEqual([
      [0, null],
      [0, null],
    ]);

    const numbers = Array.from({ length: perProcess }, (_, number) => number);
    for (const [label, { lines }] of Object.entries({ one, other })) expect(lines).toEqual(numbers.map((n) => `${label} ${n} completed`));
    expect([held.count, overlaps]).toEqual([2 * perProcess, 0]);
    // Each run read all that was kept before it.
    expect(readCounts).toEqual(Array.from({ length: 2 * perProcess }, (_, n) => 2 * n + 1));

    const store = await openSessionStore(database);
    const { nodes } = await store.readTree(`agent:main:${session}`);
    const path = await store.readPath(`agent:main:${session}`);
    await store.close();
    expect(path.nodes).toEqual(nodes);
    const texts = nodes.map(({ message: { content } }) =>
      typeof content === "string" ? content : content.map((part) => "text" in part && part.text).join(""),
    );
    expect(texts.filter((_, index) => index % 2 === 1)).toEqual(Array.from({ length: 2 * perProcess }, (_, n) => `answer ${2 * n + 1}`));
    for (const label of ["one", "other"]) expect(ofLabel(texts, label)).toEqual(numbers.map((n) => `${label} ${n}`));
    const file = new Database(database, { readonly: true });
    expect(file.prepare("select * from leases").all([])).toEqual([]);
    file.close();
    const labels = texts.filter((_, index) => index % 2 === 0).map((text) => text.split(" ")[0]);
    const changes = labels.filter((label, index) => index > 0 && label !== labels[index - 1]).length;
    process.stdout.write(
      `two processes: ${held.count} runs, ${overlaps} overlaps, ${nodes.length} messages kept, the session changed hands ${changes} times\n`,
    );
  },
  timeoutMs,
);

test(
  "when one of them is killed in the middle of a run, the other one goes on, and nothing of that run is read",
  async () => {
    const { configPath } = await makeConfig(stub.url);
    stub.always({ text: "fine" });
    const seen = stub.requestCount;
    stub.reply("hang");
    const [doomed, survivor] = await Promise.all([prepare(configPath, "doomed", 1), prepare(configPath, "survivor", 2)]);
    begin(doomed);
    await stub.waitForRequest(seen + 1);
    begin(survivor);
    doomed.child.kill("SIGKILL");
    expect(await doomed.exit).toEqual([null, "SIGKILL"]);
    expect(await survivor.exit).toEqual([0, null]);
    expect(survivor.lines).toEqual(["survivor 0 completed", "survivor 1 completed"]);
    expect(stub.requests.slice(seen + 1).map(({ body }) => body.messages.map(({ content }) => content))).toEqual([
      ["survivor 0"],
      ["survivor 0", "fine", "survivor 1"],
    ]);
  },
  timeoutMs,
);
