/** Named tokens that a command makes, changes and takes back while gateways run: each of them knows at once, on every open connection. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runCli } from "../support/cli.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { say, startGateway, type TestConfig, type TestGateway } from "../support/gateway.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";
import { onProvider } from "./provider.ts";
import { begin, showRun } from "./run-requests.ts";

const engines = await databaseEngines();
const patienceMs = 60_000;

describe.each(engines)("stored tokens on $name", ({ name: engine, create }) => {
  let database: TestDatabase;
  let held: HeldUpstream;
  let one: TestGateway;
  /** Another process would have a store of its own as well. On a file there is one gateway, which is both. */
  let other: TestGateway;
  /** All that was ever told by commands other than the two that make secrets. */
  const told: string[] = [];
  const secrets: string[] = [];

  const configOf = (more: TestConfig = {}): TestConfig => onProvider(held.url, {}, { session: { database: database.location }, ...more });

  beforeAll(async () => {
    database = await create();
    held = await startHeldUpstream();
    one = await startGateway(configOf());
    other = engine === "Postgres" ? await startGateway(configOf()) : one;
  });

  afterAll(async () => {
    await Promise.all([one.close(), other.close()]);
    await database.drop();
  });

  async function tokens(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const result = await runCli(["tokens", ...args, "--config", join(one.folder, "openclaw.json")]);
    if (!/^(?:add|rotate)$/.test(args[0]!)) told.push(result.stdout);
    told.push(result.stderr);
    return result;
  }

  /** The secret of a new token, or a new one of an old token. */
  async function secretFrom(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await tokens(...args, "--json");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { token } = JSON.parse(stdout) as { token: string };
    secrets.push(token);
    return token;
  }

  const as = (secret: string) => ({ authorization: `Bearer ${secret}` });

  const statuses = async (secret: string): Promise<number[]> =>
    Promise.all([one, other].map(async (gateway) => (await gateway.get("/v1/models", as(secret))).status));

  /** Nobody is told when a gateway has noticed. */
  async function untilStatus(secret: string, status: number): Promise<void> {
    for (const deadline = performance.now() + patienceMs; ;) {
      const seen = await statuses(secret);
      if (seen.every((each) => each === status)) return;
      if (performance.now() > deadline) throw new Error(`The gateways go on answering ${seen.join(" and ")}.`);
      await sleep(20);
    }
  }

  /** The status of a run once it has ended. */
  async function ended(id: string): Promise<string> {
    for (const deadline = performance.now() + patienceMs; ; await sleep(20)) {
      const { status } = await showRun(one, id);
      if (status !== "running" && status !== "queued") return status;
      if (performance.now() > deadline) throw new Error("The run does not end.");
    }
  }

  test("a new token is let in by every gateway, with the rights it was given", async () => {
    const secret = await secretFrom("add", "laptop", "--agents", "main");
    await untilStatus(secret, 200);
    const { status } = await one.chat({ ...say("hi"), model: "openclaw/plain" }, as(secret));
    expect(status).toBe(403);
  });

  test(
    "a revoked token ends its stream, its run in the background and its WebSocket, and nobody else's",
    async () => {
      const secret = await secretFrom("add", "kiosk");
      const neighbour = await secretFrom("add", "neighbour");
      await untilStatus(neighbour, 200);
      const streaming = other.chat(say("streamed", { stream: true }), as(secret));
      const streamed = await held.next();
      streamed.say("a beginning");
      const stream = await streaming;
      const { id } = await begin(one, say("background"), as(secret));
      const inTheBackground = await held.next();
      const unhurt = other.chat(say("unhurt"), as(neighbour));
      const unhurtAsked = await held.next();
      const socket = await RpcClient.connect(other.url, { auth: { token: secret } });
      expect(await tokens("revoke", "KIOSK")).toEqual({
        code: 0,
        stdout: "Revoked the token kiosk. Its sessions stay, for whoever gets a token of that name.\n",
        stderr: "",
      });
      await untilStatus(secret, 401);
      expect(await socket.closed).toEqual({ code: 1008, reason: "the token is no longer valid" });
      await expect(stream.text()).rejects.toThrow();
      await streamed.aborted;
      await inTheBackground.aborted;
      expect(await ended(id)).toBe("aborted");
      unhurtAsked.say("still here");
      unhurtAsked.finish();
      expect((await unhurt).status).toBe(200);
    },
    2 * patienceMs,
  );

  test(
    "a rotated token cuts off whoever has the old secret, and its runs in the background go on",
    async () => {
      const secret = await secretFrom("add", "phone");
      await untilStatus(secret, 200);
      const { id } = await begin(one, say("background"), as(secret));
      const exchange = await held.next();
      const streaming = other.chat(say("streamed", { stream: true }), as(secret));
      const streamed = await held.next();
      streamed.say("a beginning");
      const stream = await streaming;
      const next = await secretFrom("rotate", "phone");
      await untilStatus(secret, 401);
      await untilStatus(next, 200);
      await expect(stream.text()).rejects.toThrow();
      await streamed.aborted;
      exchange.say("done");
      exchange.finish();
      expect(await ended(id)).toBe("completed");
    },
    2 * patienceMs,
  );

  test(
    "a name that was revoked may be had again, with runs, and its holder is told of the sessions there are",
    async () => {
      const first = await secretFrom("add", "again");
      await untilStatus(first, 200);
      const answer = one.chat(say("hi"), { ...as(first), "x-openclaw-session-key": "kept" });
      const asked = await held.next();
      asked.say("hello");
      asked.finish();
      expect((await answer).status).toBe(200);
      await tokens("revoke", "again");
      await untilStatus(first, 401);
      const { stdout } = await tokens("add", "again");
      expect(stdout).toContain("There are sessions of the name again already: whoever has the token has them.\n");
      const secret = /^ {2}(\S+)$/m.exec(stdout)![1]!;
      secrets.push(secret);
      await untilStatus(secret, 200);
      const second = one.chat(say("hi"), as(secret));
      const askedAgain = await held.next();
      askedAgain.say("hello again");
      askedAgain.finish();
      expect((await second).status).toBe(200);
    },
    2 * patienceMs,
  );

  test.each([
    [["add", "Laptop"], 1, 'There is a token of the name "Laptop" already'],
    [["add", "main"], 64, "main stands for the gateway's own secret"],
    [["add", "a b"], 64, "the name: must be 1 to 64 letters, digits, - and _"],
    [["add", "x", "--agents", "main,nobody"], 64, '--agents: there is no agent "nobody"'],
    [["add", "x", "--models", "nowhere/model"], 64, '--models: there is no provider "nowhere"'],
    [["add", "x", "--expires", "soon"], 64, "--expires: must be a date"],
    [["add", "x", "--expires", "2001-01-01"], 64, "--expires: 2001-01-01 is over."],
    [["add", "x", "--monthly-tokens", "1.5"], 64, "It is a whole number above 0."],
    [["revoke", "nobody"], 1, "There is no token of that name in "],
    [["rotate", "nobody"], 1, "There is no token of that name in "],
  ])("tokens %j is refused", async (args, code, sentence) => {
    const result = await tokens(...args);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: "" });
    expect(result.stderr).toContain(sentence);
  });

  test("a list says what each may, and neither it nor a log has a secret or its hash", async () => {
    secrets.push(await secretFrom("add", "limited", "--models", "stub/test-model", "--monthly-budget", "2.5", "--expires", "2999-01-31"));
    const { tokens: listed } = JSON.parse((await tokens("list", "--json")).stdout) as { tokens: { name: string; createdAt: string }[] };
    const limited = listed.find(({ name }) => name === "limited")!;
    expect(limited).toEqual({
      name: "limited",
      source: "store",
      models: ["stub/test-model"],
      limits: { monthlyBudget: 2.5 },
      expiresAt: "2999-01-31T00:00:00.000Z",
      createdAt: limited.createdAt,
    });
    expect((await tokens("list")).stdout).toContain("laptop  (store)  agents main; models all; added ");
    const hashes = secrets.map((secret) => createHash("sha256").update(secret).digest("hex"));
    const said = [...told, one.logText(), other.logText()].join("\n");
    expect([...secrets, ...hashes].filter((secret) => said.includes(secret))).toEqual([]);
    const kept = JSON.stringify(await database.query("select * from tokens"));
    expect(secrets.filter((secret) => kept.includes(secret))).toEqual([]);
  });

  test("a name that the config takes belongs to the config, and the log says so once", async () => {
    const secret = await secretFrom("add", "shared");
    await untilStatus(secret, 200);
    const auth = { mode: "token", token: "test-token-0123456789", tokens: [{ name: "Shared", token: "of-the-config-shared" }] };
    const http = { endpoints: { chatCompletions: { enabled: true } } };
    await one.reload(configOf({ gateway: { auth, http } }));
    expect((await one.get("/v1/models", as(secret))).status).toBe(401);
    expect((await one.get("/v1/models", as("of-the-config-shared"))).status).toBe(200);
    const warned = () => one.log().filter(({ token }) => token === "shared").length;
    expect(warned()).toBe(1);
    expect((await tokens("list")).stdout).toMatch(/^shared {2}\(store\) .*not used: the config has one of that name$/m);
    expect((await tokens("add", "SHARED")).code).toBe(64);
    await one.reload(configOf());
    expect((await one.get("/v1/models", as(secret))).status).toBe(200);
    expect(warned()).toBe(1);
  });

  test.each([
    ["rights", '{"agents":5}'],
    ["rights", "nothing that is JSON"],
    ["sha256", "abc"],
  ])("a row whose %s are %j is refused by name, and keeps nobody from being let in or revoked", async (column, damage) => {
    const [revoked, damaged, unhurt] = [
      await secretFrom("add", "first"),
      await secretFrom("add", "second"),
      await secretFrom("add", "third"),
    ];
    await untilStatus(unhurt, 200);
    const [row] = await database.query("select * from tokens where folded_name = 'second'");
    await database.query(`update tokens set ${column} = '${damage}' where folded_name = 'second'`);
    expect((await tokens("revoke", "first")).code).toBe(0);
    await untilStatus(revoked, 401);
    expect(await statuses(damaged)).toEqual([401, 401]);
    expect(await statuses(unhurt)).toEqual([200, 200]);
    for (const gateway of new Set([one, other])) expect(gateway.logText()).toContain("a stored token is damaged and refused");
    expect(one.log().filter(({ msg, token }) => msg === "a stored token was revoked" && token === "first").length).toBeGreaterThan(0);
    expect((await tokens("list")).stderr).toBe("The token second is damaged in the store and refused: revoke it, and add it again.\n");
    if (column === "rights") {
      expect(await tokens("rotate", "second")).toMatchObject({ code: 1, stdout: "" });
      const [after] = await database.query("select sha256 from tokens where folded_name = 'second'");
      expect(after!["sha256"]).toBe(row!["sha256"]);
    }
    for (const name of ["second", "third"]) expect((await tokens("revoke", name)).code).toBe(0);
  });

  test("the command line may act for one, and only while it is there", async () => {
    const config = ["--config", join(one.folder, "openclaw.json")];
    const hi = ["agent", "--message", "hi", "--agent", "plain", "--as", "laptop", ...config];
    const refused = await runCli(hi);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("plain");
    await tokens("revoke", "laptop");
    expect((await runCli(hi)).stderr).toContain("There is no token of that name.");
  });
});

test("where everybody is let in there are no named tokens to make", async () => {
  const gateway = await startGateway({ gateway: { auth: { mode: "none" } } });
  const result = await runCli(["tokens", "add", "laptop", "--config", gateway.configPath]);
  expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 78, stdout: "" });
  expect(result.stderr).toContain("gateway.auth.mode is none");
});
