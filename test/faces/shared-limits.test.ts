/** Limits of tokens and of failed logins where several gateways share a Postgres database: there is one count for all of them. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startCli } from "../support/cli.ts";
import { type Exchange, exchangeOf, expectError, problemsOf } from "../support/contract-check.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { configOf, makeFolder, say, startGateway, type TestConfig, type TestGateway, testToken } from "../support/gateway.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { countersOn } from "../../src/store/postgres-counters.ts";
import { type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";
import { onProvider } from "./provider.ts";

const server = (await databaseEngines()).find(({ name }) => name === "Postgres");

const limitsOf = {
  requests: { requestsPerMinute: 3 },
  tokens: { tokensPerMinute: 20 },
  single: { maxConcurrentRuns: 1 },
  crowd: { maxConcurrentRuns: 3 },
  month: { monthlyTokens: 20 },
  orphan: { maxConcurrentRuns: 1 },
  away: { requestsPerMinute: 2, tokensPerMinute: 1_000_000, maxConcurrentRuns: 1, monthlyTokens: 1_000_000 },
} as const;
type Name = keyof typeof limitsOf;
const secretOf = (name: Name): string => `secret-of-${name}-0123456789`;

const refused = (code: string) => ({ status: 429, code, param: null });

(server ? describe : describe.skip)("gateways on one Postgres database", () => {
  let database: TestDatabase;
  let relay: Relay;
  let held: HeldUpstream;
  let one: TestGateway;
  let other: TestGateway;

  function config(url = database.location): TestConfig {
    const tokens = Object.entries(limitsOf).map(([name, limits]) => ({ name, token: secretOf(name as Name), limits }));
    const rateLimit = { maxAttempts: 3, windowMs: 600_000, lockoutMs: 600_000, exemptLoopback: false };
    return onProvider(
      held.url,
      {},
      {
        gateway: {
          auth: { mode: "token", token: testToken, tokens, rateLimit },
          trustedProxies: ["127.0.0.1"],
          http: { endpoints: { chatCompletions: { enabled: true } } },
        },
        session: { database: url, databasePoolSize: 4 },
      },
    );
  }

  beforeAll(async () => {
    database = await server!.create();
    relay = await startRelay(database.location);
    held = await startHeldUpstream();
    [one, other] = await Promise.all([startGateway(config()), startGateway(config())]);
  });

  afterAll(async () => {
    await Promise.all([one.close(), other.close()]);
    await relay.close();
    await database.drop();
  });

  async function ask(gateway: TestGateway, name: Name): Promise<Exchange> {
    const exchange = await exchangeOf(await gateway.chat(say("hi"), { authorization: `Bearer ${secretOf(name)}` }));
    expect(problemsOf("createChatCompletion", exchange)).toEqual([]);
    return exchange;
  }

  /** A run that is answered with so many words. */
  async function answered(gateway: TestGateway, name: Name, words = 1): Promise<Exchange> {
    const reply = ask(gateway, name);
    const exchange = await held.next();
    exchange.say("word ".repeat(words));
    exchange.finish();
    expect((await reply).status).toBe(200);
    return reply;
  }

  test("requests of a minute are counted wherever they come", async () => {
    const left = [];
    for (const gateway of [one, other, one]) left.push((await answered(gateway, "requests")).headers["x-ratelimit-remaining-requests"]);
    expect(left).toEqual(["2", "1", "0"]);
    for (const gateway of [one, other]) expectError(await ask(gateway, "requests"), refused("rate_limit_exceeded"));
  });

  test("tokens of a minute, and of a month, that were used here are used up there", async () => {
    await answered(one, "tokens", 50);
    expectError(await ask(other, "tokens"), refused("rate_limit_exceeded"));
    await answered(one, "month", 50);
    expectError(await ask(other, "month"), refused("insufficient_quota"));
  });

  test("of runs at a time there are not more than may be, however many come at once to all of them", async () => {
    const replies = Array.from({ length: 12 }, (_, n) => ask(n % 2 ? one : other, "crowd"));
    const exchanges = [await held.next(), await held.next(), await held.next()];
    // The others are refused while these are at work.
    const over: Exchange[] = [];
    for (const reply of replies) void reply.then((exchange) => over.push(exchange));
    await until(() => Promise.resolve(over.length === 9));
    for (const exchange of over) expectError(exchange, refused("too_many_runs"));
    for (const exchange of exchanges) {
      exchange.say("done");
      exchange.finish();
    }
    const statuses = (await Promise.all(replies)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 200, 200, ...Array.from({ length: 9 }, () => 429)]);
    expect(await database.query("select * from token_runs")).toEqual([]);
  });

  test("a place is free for the other gateway as soon as the run has ended", async () => {
    const first = ask(one, "single");
    const exchange = await held.next();
    expectError(await ask(other, "single"), refused("too_many_runs"));
    exchange.say("done");
    exchange.finish();
    expect((await first).status).toBe(200);
    await answered(other, "single");
  });

  test("the places of a gateway that was killed are free", async () => {
    const folder = await makeFolder();
    const path = join(folder, "openclaw.json");
    await writeFile(path, JSON.stringify(configOf(config())));
    const process = await startCli(["gateway", "--config", path], { folder });
    const said = await process.waitFor("stdout", "http://").catch(() => process.waitFor("stderr", "http://"));
    const [url = ""] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
    const headers = { authorization: `Bearer ${secretOf("orphan")}`, "content-type": "application/json" };
    const lost = fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body: JSON.stringify(say("hi")) }).catch(() => "lost");
    await held.next();
    expectError(await ask(one, "orphan"), refused("too_many_runs"));
    process.child.kill("SIGKILL");
    expect(await lost).toBe("lost");
    await process.result;
    await answered(one, "orphan");
  });

  test("an address that guessed at one is locked out at the other, and a wrong secret is counted wherever it comes", async () => {
    const list = (gateway: TestGateway, secret: string, address: string) =>
      gateway.get("/v1/models", { authorization: `Bearer ${secret}`, "x-forwarded-for": address }).then(exchangeOf);
    const [guesser, friend] = ["192.0.2.7", "192.0.2.8"];
    for (const gateway of [one, other, one]) expect((await list(gateway, "wrong", guesser)).status).toBe(401);
    const locked = await list(other, "wrong", guesser);
    expectError(locked, refused("too_many_failed_logins"));
    expect(Number(locked.headers["retry-after"])).toBeGreaterThan(300);
    for (const gateway of [one, other]) {
      expectError(await list(gateway, testToken, guesser), refused("too_many_failed_logins"));
      expect((await list(gateway, testToken, friend)).status).toBe(200);
    }
  });

  test("a token with limits is served by what its gateway has counted itself while the database is gone", async () => {
    const gateway = await startGateway(config(relay.url));
    await relay.cut();
    await answered(gateway, "away");
    const running = ask(gateway, "away");
    const exchange = await held.next();
    exchange.say("done");
    exchange.finish();
    expect((await running).status).toBe(200);
    expectError(await ask(gateway, "away"), refused("rate_limit_exceeded"));
    await relay.mend();
    // What was used meanwhile is written with the next run that has used something.
    await until(async () => (await gateway.get("/readyz")).status === 200);
    const next = held.next().then((exchange) => {
      exchange.say("done");
      exchange.finish();
    });
    // Its own counts are in force for a moment still.
    await until(async () => (await ask(gateway, "away")).status === 200);
    await next;
    expect(await database.query("select requests from token_usage where owner = 'away'")).toEqual([{ requests: 3 }]);
    await gateway.close();
  });

  test("counts are asked for by statements without names, which a pooler would not know", async () => {
    const { db, pool } = await openPostgres(database.location, 1);
    try {
      const counters = countersOn(pool);
      expect(await counters.read("nobody")).toBeUndefined();
      await counters.add("somebody", 2, 60_000);
      expect((await counters.add("somebody", 3, 60_000)).count).toBe(5);
      await counters.set("somebody", 1, 1234.5);
      expect((await counters.read("somebody"))?.count).toBe(1);
      expect((await pool.query("select name from pg_prepared_statements")).rows).toEqual([]);
    } finally {
      await db.destroy();
    }
  });

  async function until(isIt: () => Promise<boolean>): Promise<void> {
    while (!(await isIt())) await sleep(50);
  }
});
