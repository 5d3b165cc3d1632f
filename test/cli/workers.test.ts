/** `clawgate gateway --workers`: several processes that are one gateway to their callers, from the outside. */
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { StreamReader } from "../faces/event-stream.ts";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider } from "../faces/provider.ts";
import { type CliProcess, runCli, startCli } from "../support/cli.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { makeFolder, say } from "../support/gateway.ts";
import { connectRaw } from "../support/raw-http.ts";

const server = (await databaseEngines()).find(({ name }) => name === "Postgres");

type Line = { readonly [name: string]: unknown };

interface Running extends CliProcess {
  readonly url: string;
  readonly banner: string;
  readonly file: string;
  /** Of the log so far. Throws where a line is none. */
  lines(): Line[];
  /** The processes of the workers that were started so far, the latest last. */
  pids(): number[];
  /** On a connection of its own, so that another worker gets the next one. */
  ask(path: string, init?: RequestInit): Promise<Response>;
}

const settings = (more: object = {}): object => ({
  auth: { mode: "none" },
  http: { endpoints: { chatCompletions: { enabled: true } } },
  ...more,
});

/** Repeats the question until there is an answer. */
async function until<T>(ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const seen = await ask();
    if (seen !== undefined) return seen;
    await sleep(20);
  }
}

/** The test's own time limit is the end of patience. */
function untilGone(pids: readonly number[]): Promise<true> {
  return until(() => (pids.some(isThere) ? undefined : (true as const)));
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that has ended is listed until somebody has looked.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")
      .split(" ")
      .filter((child) => child !== "")
      .map(Number),
  );
}

test("a database file has one gateway process: more workers are refused, with what they need, and exit code 78", async () => {
  const refused = await runCli(["gateway", "--workers", "2", "--port", "0"]);
  expect(refused).toMatchObject({ code: 78, stdout: "" });
  expect(refused.stderr).toMatch(
    /^--workers: sessions are in \S+clawgate\.db, and a database file has one gateway process\. .*session\.database, .*OPENCLAW_DATABASE_URL.*\n$/,
  );
});

test.each(["0", "65", "1.5", "auto"])("--workers %s is no number of workers", async (workers) => {
  const refused = await runCli(["gateway", "--workers", workers]);
  expect(refused).toMatchObject({ code: 64, stdout: "" });
  expect(refused.stderr).toContain("It is a whole number from 1 to 64.");
});

test("a config that is wrong is said once, as without workers", async () => {
  const folder = await makeFolder();
  await writeFile(join(folder, "openclaw.json"), '{ gateway: { auth: { tokn: "x" } } }');
  const [alone, many] = await Promise.all(
    [[], ["--workers", "3"]].map((flags) => runCli(["gateway", "--config", "openclaw.json", ...flags], { folder })),
  );
  expect(alone).toMatchObject({ code: 78, stdout: "" });
  expect(many).toEqual(alone);
});

(server ? describe : describe.skip)("a gateway with two workers on Postgres", () => {
  let database: TestDatabase;

  beforeAll(async () => void (database = await server!.create()));
  afterAll(() => database.drop());

  async function begin(config: object, args: readonly string[] = ["--port", "0"]): Promise<CliProcess & { file: string }> {
    const folder = await makeFolder();
    const file = join(folder, "openclaw.json");
    await writeFile(file, JSON.stringify({ ...config, session: { database: database.location, databasePoolSize: 2 } }));
    const started = await startCli(["gateway", "--config", "openclaw.json", "--workers", "2", ...args], { folder });
    return { ...started, file };
  }

  async function start(config: object): Promise<Running> {
    const started = await begin(config);
    const banner = await started.waitFor("stdout", "Try it");
    const url = /listens on (\S+)/.exec(banner)?.[1] as string;
    let log = "";
    started.child.stderr!.on("data", (text: string) => (log += text));
    log = await started.waitFor("stderr", "worker listens");
    const lines = (): Line[] =>
      log
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Line);
    return {
      ...started,
      url,
      banner,
      lines,
      pids: () => lines().flatMap(({ msg, pid }) => (msg === "worker listens" ? [pid as number] : [])),
      ask: (path, init = {}) => fetch(`${url}${path}`, { ...init, headers: { ...init.headers, connection: "close" } }),
    };
  }

  const post = (body: object, headers: { [name: string]: string } = {}): RequestInit => ({
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

  const chat = (gateway: Running, ...request: Parameters<typeof post>): Promise<Response> =>
    gateway.ask("/v1/chat/completions", post(...request));

  /** Of a connection that its client has called the last one `fetch` takes a break for its end. */
  const stream = (gateway: Running, text: string): Promise<Response> =>
    fetch(`${gateway.url}/v1/chat/completions`, post(say(text, { stream: true })));

  async function stop(gateway: Running): Promise<void> {
    const pids = [...childrenOf(gateway.child.pid!)];
    gateway.child.kill("SIGTERM");
    expect((await gateway.result).code).toBe(0);
    await untilGone(pids);
    expect(gateway.lines().at(-1)).toMatchObject({ msg: "stopped" });
  }

  test("a worker that is killed before it listens is named in the log, and nothing is served", async () => {
    const started = await begin({ gateway: settings() });
    const [pid] = await until(() => (childrenOf(started.child.pid!).length > 0 ? childrenOf(started.child.pid!) : undefined));
    process.kill(pid!, "SIGKILL");
    const { code, stdout, stderr } = await started.result;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("a worker was killed before it listened");
    expect(stderr).toContain(`"pid":${pid}`);
    expect(stderr).not.toContain("has not stopped as it should");
  });

  test("is one gateway: one greeting, one made-up token, one session, one set of metrics of both", async () => {
    const gateway = await start({ gateway: { http: settings()["http" as never] } });
    const token = /token {3}(\S+) /.exec(gateway.banner)?.[1] as string;
    expect(gateway.banner).toContain("  workers 2 processes\n");
    const bearer = { authorization: `Bearer ${token}` };
    const inSession = { ...bearer, "x-openclaw-session-key": "common" };
    for (let n = 0; n < 6; n++) expect((await chat(gateway, say("What is 6 * 7?"), inSession)).status).toBe(200);
    const session = (await (await gateway.ask("/v1/sessions/agent:main:common", { headers: bearer })).json()) as object;
    expect(session).toMatchObject({ message_count: 12 });
    expect((await gateway.ask("/v1/models", { headers: { authorization: "Bearer wrong" } })).status).toBe(401);

    // Whichever of them is asked, it answers for both.
    for (let n = 0; n < 4; n++) {
      const metrics = await (await gateway.ask("/metrics", { headers: bearer })).text();
      const runs = [...metrics.matchAll(/^clawgate_runs_total\{agent="main",status="completed",code="",worker="(\d)"\} (\d+)$/gm)];
      expect(runs.map(([, worker]) => worker)).toEqual(["1", "2"]);
      expect(runs.reduce((sum, [, , count]) => sum + Number(count), 0)).toBe(6);
      expect(metrics).toMatch(/^clawgate_event_loop_delay_seconds_bucket\{le="\+Inf",worker="2"\} \d+$/m);
      expect(metrics).toMatch(/^clawgate_workers 2$/m);
      expect(metrics).toMatch(/^clawgate_workers_answering 2$/m);
      expect(metrics).toMatch(/^clawgate_worker_restarts_total 0$/m);
      expect(metrics.match(/^# TYPE clawgate_runs_total counter$/gm)).toHaveLength(1);
    }

    // A new config holds in both, and leaves them the token.
    await writeFile(
      gateway.file,
      JSON.stringify({
        gateway: { http: settings()["http" as never] },
        agents: { entries: { main: {}, late: {} } },
        session: { database: database.location, databasePoolSize: 2 },
      }),
    );
    await until(() => (gateway.lines().filter(({ msg }) => msg === "config applied").length === 2 ? true : undefined));
    for (let n = 0; n < 4; n++) expect(await (await gateway.ask("/v1/models", { headers: bearer })).text()).toContain("openclaw/late");
    await stop(gateway);
    const requests = gateway.lines().filter(({ msg }) => msg === "request");
    expect(new Set(requests.map(({ worker }) => worker))).toEqual(new Set([1, 2]));
    expect(gateway.lines().filter(({ msg }) => msg === "this change of the config needs a restart")).toEqual([]);
    const { stdout } = await gateway.result;
    expect(stdout.match(/listens on/g)).toHaveLength(1);
    expect(stdout.match(/made for this start/g)).toHaveLength(1);
  });

  test("starts another worker where one was killed, whose callers see a broken transfer while others see nothing", async () => {
    const held = await startHeldUpstream();
    const gateway = await start({ ...onProvider(held.url), gateway: settings() });
    const streams = [];
    for (let n = 0; n < 2; n++) {
      const pending = stream(gateway, "tell");
      const exchange = await held.next();
      exchange.say("so far");
      const response = await pending;
      const reader = new StreamReader(response);
      await reader.until("so far");
      streams.push({ exchange, reader, runId: response.headers.get("x-openclaw-run-id") });
    }
    const [victim = 0, other = 0] = gateway.pids();
    expect(new Set([victim, other, gateway.child.pid]).size).toBe(3);
    process.kill(victim, "SIGSTOP");
    // One of them may be the last connection that the victim is given.
    const leave = new AbortController();
    const asked = [1, 2].map(() => gateway.ask("/metrics", { signal: leave.signal }));
    const answered = await Promise.any(asked);
    expect(await answered.text()).toMatch(/^clawgate_workers 2\n[^]*^clawgate_workers_answering 1$/m);
    leave.abort();
    await Promise.allSettled(asked);
    // What is in the file by then is of no matter to whoever takes its place.
    await writeFile(gateway.file, "no config");
    process.kill(victim, "SIGKILL");
    const ended = await until(() => gateway.lines().find(({ msg }) => (msg as string).startsWith("a worker has ended")));
    expect(ended).toMatchObject({ level: 50, pid: victim, exitCode: null, signal: "SIGKILL", restartInMs: 1000 });
    // It is not known which of the two streams was in which worker.
    const ends = streams.map(async ({ exchange, reader }) => {
      exchange.say(" and on");
      exchange.finish();
      return reader.rest().then(
        (text) => (text.includes("[DONE]") ? "whole" : "cut short"),
        () => "broken",
      );
    });
    expect((await Promise.all(ends)).sort()).toEqual(["broken", "whole"]);
    for (let n = 0; n < 4; n++) expect((await gateway.ask("/readyz")).status).toBe(200);
    const next = await until(() => gateway.pids()[2]);
    expect([victim, other]).not.toContain(next);
    expect(gateway.lines().findLast(({ msg }) => msg === "worker listens")).toMatchObject({ worker: ended["worker"], url: gateway.url });
    const metrics = await (await gateway.ask("/metrics")).text();
    expect(metrics).toMatch(/^clawgate_worker_restarts_total 1$/m);
    expect(metrics).toMatch(/^clawgate_workers_answering 2$/m);
    await stop(gateway);
  });

  test("lets runs in both come to their end when it is told to stop, also by a Ctrl-C that all of its processes hear, and exits 0", async () => {
    const held = await startHeldUpstream();
    const gateway = await start({ ...onProvider(held.url), gateway: settings({ shutdownGraceMs: 60_000 }) });
    const replies = [chat(gateway, say("one")), chat(gateway, say("two"))];
    const exchanges = [await held.next(), await held.next()];
    const pids = gateway.pids();
    for (const pid of [gateway.child.pid!, ...pids]) process.kill(pid, "SIGINT");
    await until(() => (gateway.lines().filter(({ msg }) => /^stopping: no new runs/.test(msg as string)).length === 2 ? true : undefined));
    expect((await chat(gateway, say("too late"))).status).toBe(503);
    for (const exchange of exchanges) {
      exchange.say("the answer");
      exchange.finish();
    }
    for (const reply of await Promise.all(replies)) {
      expect(await reply.json()).toMatchObject({ choices: [{ message: { content: "the answer" } }] });
    }
    expect((await gateway.result).code).toBe(0);
    await untilGone(pids);
    expect(gateway.lines().slice(-1)).toMatchObject([{ msg: "stopped" }]);
    expect(gateway.lines().filter(({ level }) => (level as number) > 40)).toEqual([]);
  });

  test("ends at once at the second signal, and leaves no process behind", async () => {
    const held = await startHeldUpstream();
    const gateway = await start({ ...onProvider(held.url), gateway: settings({ shutdownGraceMs: 60_000 }) });
    const pending = stream(gateway, "tell");
    const exchange = await held.next();
    exchange.say("so far");
    const response = await pending;
    const pids = gateway.pids();
    const again = setInterval(() => gateway.child.kill("SIGTERM"), 50);
    const rest = response.text().then(
      () => "whole",
      () => "broken",
    );
    const { code } = await gateway.result;
    clearInterval(again);
    expect([code, await rest]).toEqual([143, "broken"]);
    await untilGone(pids);
  });

  test("leaves no worker behind when it is killed, and lets their runs come to their end", async () => {
    const held = await startHeldUpstream();
    const gateway = await start({ ...onProvider(held.url), gateway: settings({ shutdownGraceMs: 60_000 }) });
    const reply = chat(gateway, say("one"));
    const exchange = await held.next();
    const pids = gateway.pids();
    gateway.child.kill("SIGKILL");
    await until(() => (gateway.lines().filter(({ msg }) => /^stopping: no new runs/.test(msg as string)).length === 2 ? true : undefined));
    exchange.say("the answer");
    exchange.finish();
    expect(await (await reply).json()).toMatchObject({ choices: [{ message: { content: "the answer" } }] });
    await untilGone(pids);
  });

  test("that cannot start says why once, and ends with the exit code of one process", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    const port = await until(() => (holder.address() as { port: number } | null)?.port);
    const gateway = await begin({ gateway: settings() }, ["--port", String(port)]);
    const { code, stdout, stderr } = await gateway.result;
    holder.close();
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr.match(/listens on 127\.0\.0\.1:\d+ already/g)).toHaveLength(1);
  });

  test("closes connections over gateway.http.maxConnections of both at once, and serves on when others have gone", async () => {
    const config = settings({ http: { maxConnections: 1, endpoints: { chatCompletions: { enabled: true } } } });
    const gateway = await start({ gateway: config });
    const open = [];
    for (let n = 0; n < 2; n++) {
      const raw = await connectRaw(gateway.url);
      raw.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
      expect((await raw.reply()).status).toBe(200);
      open.push(raw);
    }
    const refused = await connectRaw(gateway.url);
    expect(await refused.closed()).toBe("");
    for (const raw of open) raw.destroy();
    await until(async () => (await gateway.ask("/healthz").catch(() => undefined))?.status);
    expect(gateway.lines().some(({ msg }) => (msg as string).includes("gateway.http.maxConnections"))).toBe(true);
    await stop(gateway);
  });
});
