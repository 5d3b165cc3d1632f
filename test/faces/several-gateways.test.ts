/** Several gateways on one Postgres database: to their callers they are one, also when one of them, or the database, is gone for a while. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { type CliProcess, runCli, startCli } from "../support/cli.ts";
import { exchangeOf, expectError, problemsOf } from "../support/contract-check.ts";
import { configOf, makeFolder, say, startGateway, type TestConfig, type TestGateway, testToken } from "../support/gateway.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { foldStream, StreamReader } from "./event-stream.ts";
import { type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";
import { onProvider } from "./provider.ts";
import { begin, cancelRun, framesIn, inBackground, keyed, readEvents, showRun, textIn } from "./run-requests.ts";

const server = (await databaseEngines()).find(({ name }) => name === "Postgres");
const password = "hunter2";

(server ? describe : describe.skip)("gateways on one Postgres database", () => {
  let database: TestDatabase;
  let relay: Relay;
  let held: HeldUpstream;
  let one: TestGateway;
  let other: TestGateway;

  /** The password is nobody's business, and nobody's who would ask for it here. */
  function configOn(url: string, session: object = {}): TestConfig {
    const withPassword = new URL(url);
    withPassword.password = password;
    return onProvider(held.url, {}, { session: { database: withPassword.href, databasePoolSize: 4, ...session } });
  }

  beforeAll(async () => {
    database = await server!.create();
    relay = await startRelay(database.location);
    held = await startHeldUpstream();
    [one, other] = await Promise.all([startGateway(configOn(database.location)), startGateway(configOn(database.location))]);
  });

  afterAll(async () => {
    await Promise.all([one.close(), other.close(), troubled?.close()]);
    await relay.close();
    await database.drop();
  });

  async function answer(text: string): Promise<{ messages: { content: string }[] }> {
    const exchange = await held.next();
    exchange.say(text);
    exchange.finish();
    return exchange.body as { messages: { content: string }[] };
  }

  const inSession = (key: string) => ({ "x-openclaw-session-key": key });

  /** Repeats the question until `isIt`. */
  async function until<T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
    for (;;) {
      const seen = await ask();
      if (isIt(seen)) return seen;
      await sleep(50);
    }
  }

  test("a session that one of them began goes on in the other, and is listed, read, emptied and deleted there", async () => {
    for (const [gateway, text] of [
      [one, "first"],
      [other, "second"],
    ] as const) {
      const reply = gateway.chat(say(`question ${text}`), inSession("common"));
      await answer(`answer ${text}`);
      expect((await reply).status).toBe(200);
    }
    const path = "/v1/sessions/agent:main:common";
    const shown = expectOk("getSession", await exchangeOf(await other.get(path)));
    expect(shown).toMatchObject({ id: "agent:main:common", message_count: 4 });
    const listed = expectOk("listSessions", await exchangeOf(await one.get("/v1/sessions"))) as { data: { id: string }[] };
    expect(listed.data.map(({ id }) => id)).toContain("agent:main:common");
    const { data } = expectOk("listSessionMessages", await exchangeOf(await one.get(`${path}/messages`))) as {
      data: { content: unknown }[];
    };
    expect(JSON.stringify(data)).toMatch(/question first.*answer first.*question second.*answer second/);
    const authorization = { authorization: `Bearer ${testToken}` };
    expect((await fetch(`${one.url}${path}/reset`, { method: "POST", headers: authorization })).status).toBe(200);
    expect(expectOk("getSession", await exchangeOf(await other.get(path)))).toMatchObject({ message_count: 0 });
    expect((await fetch(`${other.url}${path}`, { method: "DELETE", headers: authorization })).status).toBe(200);
    expect((await one.get(path)).status).toBe(404);
  });

  function expectOk(operation: string, exchange: Awaited<ReturnType<typeof exchangeOf>>): object {
    expect({ status: exchange.status, problems: problemsOf(operation, exchange) }).toEqual({ status: 200, problems: [] });
    return JSON.parse(exchange.text) as object;
  }

  test("runs of both on one session take turns, and each reads all that came before it", async () => {
    const perGateway = 30;
    const asked = held.count;
    const replies = Array.from({ length: 2 * perGateway }, (_, n) => (n % 2 ? one : other).chat(say(`${n}`), inSession("shared")));
    let overlaps = 0;
    const readCounts: number[] = [];
    for (let n = 1; n <= 2 * perGateway; n++) {
      const exchange = await held.next();
      readCounts.push((exchange.body as { messages: object[] }).messages.length);
      await sleep(Math.random() * 3);
      // Whoever else works on the session has asked its model by now.
      overlaps += held.count - asked - n;
      exchange.say("answer");
      exchange.finish();
    }
    expect((await Promise.all(replies)).map(({ status }) => status)).toEqual(replies.map(() => 200));
    expect(overlaps).toBe(0);
    expect(readCounts).toEqual(Array.from({ length: 2 * perGateway }, (_, n) => 2 * n + 1));
  });

  test("a request that is sent to both with one Idempotency-Key is one run, with one reply", async () => {
    const asked = held.count;
    const replies = [one, other, one, other].map((gateway) => gateway.chat(say("once"), keyed("to-both")));
    await answer("only once");
    const exchanges = await Promise.all(replies.map(async (reply) => exchangeOf(await reply)));
    for (const { status, text } of exchanges)
      expect([status, JSON.parse(text)]).toMatchObject([200, { choices: [{ message: { content: "only once" } }] }]);
    expect(new Set(exchanges.map(({ headers }) => headers["x-openclaw-run-id"])).size).toBe(1);
    expect(exchanges.filter(({ headers }) => headers["idempotency-replayed"] === "true")).toHaveLength(3);
    expect(held.count).toBe(asked + 1);
  });

  test("a stream whose reader leaves the one is read on from the other, from where it was left, without a gap", async () => {
    const leave = new AbortController();
    const response = await one.chat(say("tell", { stream: true }), inBackground, leave.signal);
    const id = response.headers.get("x-openclaw-run-id")!;
    const exchange = await held.next();
    exchange.say("one ");
    const reader = new StreamReader(response);
    await reader.until("one ");
    const seen = framesIn(reader.text).at(-1)!.id!;
    leave.abort();
    const rest = readEvents(other, id, `?starting_after=${seen}`);
    exchange.say("two ");
    exchange.say("three");
    exchange.finish();
    expect(textIn(await rest)).toBe("two three");
    const all = await readEvents(other, id);
    expect(textIn(all)).toBe("one two three");
    const numbers = all.flatMap(({ id: number }) => number ?? []);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect((await showRun(other, id)).status).toBe("completed");
  });

  test("a run that one of them works on is cancelled by the other, and its provider's connection is closed", async () => {
    const run = await begin(one, say("for long"), inSession("cancelled"));
    const exchange = await held.next();
    exchange.say("Well, ");
    expect((await showRun(other, run.id)).status).toBe("running");
    expect((await cancelRun(other, run.id)).status).toBe("aborted");
    await exchange.aborted;
    const next = other.chat(say("and now?"), inSession("cancelled"));
    await answer("fine");
    expect((await next).status).toBe(200);
  });

  describe("when one is gone", () => {
    /** A gateway in a process of its own, with a run at work in a session. */
    async function startElsewhere(session: string): Promise<{ process: CliProcess; url: string; reply: Promise<Response>; runId: string }> {
      const folder = await makeFolder();
      const path = join(folder, "openclaw.json");
      await writeFile(path, JSON.stringify(configOf(configOn(database.location))));
      const process = await startCli(["gateway", "--config", path], { folder });
      const said = await process.waitFor("stdout", "http://").catch(() => process.waitFor("stderr", "http://"));
      const [url = ""] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
      const headers = { authorization: `Bearer ${testToken}`, "content-type": "application/json", ...inSession(session) };
      const reply = fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers,
        body: JSON.stringify(say("doomed", { stream: true })),
      });
      const exchange = await held.next();
      exchange.say("I will ");
      const response = await reply;
      return { process, url, reply, runId: response.headers.get("x-openclaw-run-id")! };
    }

    test("because it was killed, its caller's stream breaks, its run is interrupted and its session goes on elsewhere", async () => {
      const { process, reply, runId } = await startElsewhere("orphaned");
      expect((await showRun(other, runId)).status).toBe("running");
      const reader = new StreamReader(await reply);
      await reader.until("I will ");
      process.child.kill("SIGKILL");
      await expect(reader.rest()).rejects.toThrow();
      expect(reader.text).not.toContain("[DONE]");
      const next = other.chat(say("again"), inSession("orphaned"));
      expect((await answer("fine")).messages.map(({ content }) => content)).toEqual(["again"]);
      expect((await next).status).toBe(200);
      await until(
        () => showRun(one, runId),
        ({ status }) => status === "interrupted",
      );
    });

    test("because it does nothing any more, its session goes on elsewhere within 20 s, and what it does later takes nothing away", async () => {
      const { process, reply, runId } = await startElsewhere("frozen");
      const reader = new StreamReader(await reply);
      await reader.until("I will ");
      process.child.kill("SIGSTOP");
      const startedAt = performance.now();
      const next = other.chat(say("again"), inSession("frozen"));
      const exchange = await held.next();
      const waitedMs = performance.now() - startedAt;
      // It was seen alive for the last time when the other one began to look.
      expect(waitedMs).toBeGreaterThan(10_000);
      exchange.say("fine");
      exchange.finish();
      expect((await next).status).toBe(200);
      await until(
        () => showRun(one, runId),
        ({ status }) => status === "interrupted",
      );
      process.child.kill("SIGCONT");
      expect(await reader.rest()).toMatch(/"code":"session_busy"[^]*\[DONE\]/);
      const { data } = (await (await one.get("/v1/sessions/agent:main:frozen/messages")).json()) as { data: { content: unknown }[] };
      expect(JSON.stringify(data)).toMatch(/again.*fine/);
      expect(JSON.stringify(data)).not.toContain("doomed");
      process.child.kill("SIGTERM");
      await process.result;
    });
  });

  describe("when the database is gone", () => {
    const unavailable = { status: 503, code: "store_unavailable" };

    test("a stream that has begun goes on, new runs and readiness answer 503 with Retry-After, and all works again when it is back", async () => {
      troubled = await startGateway(configOn(relay.url));
      const streaming = troubled.chat(say("tell me", { stream: true }));
      const exchange = await held.next();
      exchange.say("Once ");
      const response = await streaming;
      await relay.cut();
      for (const refused of [await troubled.get("/readyz"), await troubled.chat(say("hi"), inSession("troubled"))]) {
        const reply = await exchangeOf(refused);
        expectError(reply, unavailable);
        expect(reply.headers["retry-after"]).toBe("5");
        expect(reply.text).not.toContain(password);
      }
      expect((await troubled.get("/healthz")).status).toBe(200);
      exchange.say("upon a time.");
      exchange.finish();
      expect(await foldStream(response)).toMatchObject({ text: "Once upon a time.", isDone: true });
      await relay.mend();
      await until(
        async () => (await troubled!.get("/readyz")).status,
        (status) => status === 200,
      );
      const next = troubled.chat(say("hi"), inSession("troubled"));
      await answer("fine");
      expect((await next).status).toBe(200);
      expect(troubled.logText()).not.toContain(password);
    });

    test("it does not answer: readiness says so long before a request that needs it is given up", async () => {
      const gateway = await startGateway(configOn(relay.url));
      relay.hold();
      const order: string[] = [];
      const patient = gateway.get("/v1/sessions").then(async (response) => {
        order.push("sessions");
        expectError(await exchangeOf(response), unavailable);
      });
      const probes = Array.from({ length: 20 }, async () => {
        const reply = await exchangeOf(await gateway.get("/readyz"));
        order.push("readyz");
        expectError(reply, unavailable);
        expect(reply.headers["retry-after"]).toBe("5");
      });
      await Promise.all([patient, ...probes]);
      expect(order.indexOf("sessions")).toBe(20);
      await relay.mend();
      await until(
        async () => (await gateway.get("/readyz")).status,
        (status) => status === 200,
      );
      await gateway.close();
    });

    test("a run of a session that outlives the outage is kept, with what was said meanwhile", async () => {
      const gateway = await startGateway(configOn(relay.url));
      const streaming = gateway.chat(say("tell me", { stream: true }), inSession("outlived"));
      const exchange = await held.next();
      exchange.say("Once ");
      const response = await streaming;
      await relay.cut();
      const reader = new StreamReader(response);
      await reader.until("Once ");
      exchange.say("upon a time");
      await reader.until("upon a time");
      await relay.mend();
      await until(
        async () => (await gateway.get("/readyz")).status,
        (status) => status === 200,
      );
      exchange.say(".");
      exchange.finish();
      expect(await reader.rest()).toMatch(/"finish_reason":"stop"[^]*\[DONE\]/);
      const { data } = (await (await one.get("/v1/sessions/agent:main:outlived/messages")).json()) as { data: { content: unknown }[] };
      expect(JSON.stringify(data)).toContain("Once upon a time.");
      await gateway.close();
    });

    test("a gateway does not start: it says why, without the password, and ends with 1", async () => {
      await relay.cut();
      const folder = await makeFolder();
      const path = join(folder, "openclaw.json");
      await writeFile(path, JSON.stringify(configOf(configOn(relay.url))));
      const { code, stdout, stderr } = await runCli(["gateway", "--config", path], { folder });
      await relay.mend();
      expect(code).toBe(1);
      expect(stderr + stdout).toContain("cannot be opened: connect ECONNREFUSED");
      expect(stderr + stdout).not.toContain(password);
    });
  });

  let troubled: TestGateway | undefined;
});
