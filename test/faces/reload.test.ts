/** A gateway whose configuration changes while it runs: what applies at once, what stays, and that nobody at work notices. */
import { writeFile } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { loadConfig } from "../../src/config/load.ts";
import { mainPrincipal } from "../../src/domain/principal.ts";
import { foldRun } from "../../src/domain/run.ts";
import { configOf, say, startGateway, type TestConfig, type TestGateway, testToken } from "../support/gateway.ts";
import { stdioServer } from "../support/mcp.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { StreamReader } from "./event-stream.ts";
import { type Exchange, type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";
import { onProvider } from "./provider.ts";

let stub: StubUpstream;

beforeAll(async () => void (stub = await startStubUpstream()));
afterAll(() => stub.close());

type Gateway = { readonly auth?: object; readonly chat?: object; readonly http?: object; readonly more?: object };

/** The `gateway` section as it usually is, but for these. */
const section = ({ auth = { token: testToken }, chat = {}, http = {}, more = {} }: Gateway): { [key: string]: unknown } => ({
  port: 0,
  auth: { mode: "token", ...auth },
  http: { ...http, endpoints: { chatCompletions: { enabled: true, ...chat } } },
  ...more,
});

const as = (token: string) => ({ authorization: `Bearer ${token}` });

async function statusOf(gateway: TestGateway, path = "/v1/models", headers = {}): Promise<number> {
  const response = await gateway.get(path, headers);
  await response.text();
  return response.status;
}

async function textOf(reply: Promise<Response>): Promise<string> {
  const response = await reply;
  if (response.status !== 200) throw new Error(await response.text());
  return ((await response.json()) as { choices: { message: { content: string } }[] }).choices[0]!.message.content;
}

async function codeOf(reply: Promise<Response>): Promise<string | undefined> {
  return ((await (await reply).json()) as { error?: { code: string } }).error?.code;
}

async function until(isReached: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!isReached()) {
    if (performance.now() > deadline) throw new Error("What was waited for has not come.");
    await nextTurn();
  }
}

const isGone = (pid: number) => (): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

function finishWith(exchange: Exchange, text: string): void {
  exchange.say(text);
  exchange.finish();
}

describe("who may call", () => {
  test("a rotated token is refused at once, and the new one is taken", async () => {
    const gateway = await startGateway();
    expect(await gateway.reload({ gateway: section({ auth: { token: "another-token" } }) })).toEqual({
      changed: ["gateway"],
      unchanged: [],
    });
    expect([await statusOf(gateway), await statusOf(gateway, "/v1/models", as("another-token"))]).toEqual([401, 200]);
  });

  test("a named token is taken as soon as it is there, has the rights it has now, and none when it is gone", async () => {
    const gateway = await startGateway();
    const laptop = (rights: object): TestConfig => ({
      gateway: section({ auth: { token: testToken, tokens: [{ name: "laptop", token: "of-laptop", ...rights }] } }),
    });
    const models = async (): Promise<string[]> => {
      const response = await gateway.get("/v1/models", as("of-laptop"));
      return ((await response.json()) as { data?: { id: string }[] }).data?.map(({ id }) => id) ?? [String(response.status)];
    };
    expect(await models()).toEqual(["401"]);
    await gateway.reload(laptop({}));
    expect(await models()).toEqual(["openclaw", "openclaw/default", "openclaw/main", "openclaw/beta"]);
    await gateway.reload(laptop({ agents: ["beta"] }));
    expect(await models()).toEqual(["openclaw", "openclaw/default", "openclaw/beta"]);
    await gateway.reload({});
    expect(await models()).toEqual(["401"]);
  });

  test("failed logins stay counted, until they are limited in another way", async () => {
    const limited = (maxAttempts: number, more: object = {}): TestConfig => ({
      gateway: section({ auth: { token: testToken, rateLimit: { maxAttempts, exemptLoopback: false } }, ...more }),
    });
    const gateway = await startGateway(limited(2));
    expect(await statusOf(gateway, "/v1/models", as("wrong"))).toBe(401);
    await gateway.reload(limited(2, { chat: { keepAliveMs: 14_000 } }));
    expect(await statusOf(gateway, "/v1/models", as("wrong"))).toBe(401);
    expect(await statusOf(gateway)).toBe(429);
    await gateway.reload(limited(3));
    expect(await statusOf(gateway)).toBe(200);
  });

  test("a secret that was made up at start stays what it was", async () => {
    const gateway = await startGateway({ gateway: section({ auth: {} }) });
    const { secret = "" } = gateway.program.config.gateway.auth;
    await gateway.reload({ gateway: section({ auth: {} }) });
    await gateway.reload({ gateway: section({ auth: {}, chat: { keepAliveMs: 14_000 } }) });
    expect(await statusOf(gateway, "/v1/models", as(secret))).toBe(200);
  });
});

describe("what the endpoint does", () => {
  test("it is switched off and on again", async () => {
    const gateway = await startGateway();
    await gateway.reload({ gateway: section({ chat: { enabled: false } }) });
    expect(await codeOf(gateway.chat(say("hi")))).toBe("endpoint_disabled");
    expect(await statusOf(gateway, "/readyz")).toBe(200);
    await gateway.reload({});
    expect((await gateway.chat(say("hi"))).status).toBe(200);
  });

  test("how much it reads", async () => {
    const gateway = await startGateway();
    await gateway.reload({ gateway: section({ chat: { maxBodyBytes: 100 } }) });
    expect(await codeOf(gateway.chat(say("x".repeat(100))))).toBe("request_too_large");
    await gateway.reload({});
    expect((await gateway.chat(say("x".repeat(100)))).status).toBe(200);
  });

  test("which aliases its models have, which header names the session, and how much may be attached", async () => {
    const gateway = await startGateway();
    const file = { type: "file", file: { filename: "a.txt", file_data: "data:text/plain;base64,aGk=" } };
    const withFile = { model: "openclaw", messages: [{ role: "user", content: [file] }] };
    expect(await codeOf(gateway.chat({ ...say("hi"), model: "gpt-4o" }))).toBe("model_not_found");
    await gateway.reload({
      gateway: section({ chat: { modelAliases: { "gpt-4o": "beta" }, sessionHeader: "x-chat", files: { maxParts: 0 } } }),
    });
    const reply = await gateway.chat({ ...say("hi"), model: "gpt-4o" }, { "x-chat": "seven" });
    expect({ status: reply.status, session: reply.headers.get("x-openclaw-session-key") }).toEqual({
      status: 200,
      session: "agent:beta:seven",
    });
    expect(await (await gateway.chat(withFile)).json()).toMatchObject({ error: { message: expect.stringContaining("No files") } });
  });

  test("how long a new stream is silent before it says that it is there", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(onProvider(held.url));
    await gateway.reload(onProvider(held.url, {}, { gateway: section({ chat: { keepAliveMs: 20 } }) }));
    const pending = gateway.chat(say("hi", { stream: true }));
    const exchange = await held.next();
    exchange.say("one");
    const reader = new StreamReader(await pending);
    await reader.until(": ");
    exchange.finish();
    expect(await reader.rest()).toContain("[DONE]");
  });

  test("which web pages may read its replies, and whose word about a client's address counts", async () => {
    const gateway = await startGateway();
    const page = { origin: "https://chat.example.org", "x-forwarded-for": "203.0.113.9" };
    const ask = async (): Promise<unknown[]> => {
      const response = await gateway.get("/v1/models", page);
      await response.text();
      const line = gateway.log().findLast(({ msg }) => msg === "request");
      return [response.headers.get("access-control-allow-origin"), line?.["client"]];
    };
    expect(await ask()).toEqual([null, "127.0.0.1"]);
    await gateway.reload({ gateway: section({ http: { cors: { origins: [page.origin] } }, more: { trustedProxies: ["127.0.0.1"] } }) });
    expect(await ask()).toEqual([page.origin, "203.0.113.9"]);
    await gateway.reload({});
    expect(await ask()).toEqual([null, "127.0.0.1"]);
  });
});

describe("agents", () => {
  test("come, change and go, and their sessions stay", async () => {
    const gateway = await startGateway(onProvider(stub.url));
    const session = { "x-openclaw-session-key": "agent:gamma:kept" };
    const withGamma = (systemPrompt: string): TestConfig => ({
      ...onProvider(stub.url),
      agents: { defaults: { model: "stub/test-model" }, entries: { main: { default: true }, gamma: { systemPrompt } } },
    });
    const ask = () => gateway.chat({ ...say("hi"), model: "openclaw/gamma" }, session);
    expect(await codeOf(ask())).toBe("model_not_found");
    for (const prompt of ["You are brief.", "You are long."]) {
      await gateway.reload(withGamma(prompt));
      expect((await ask()).status).toBe(200);
      expect(stub.requests.at(-1)?.body.messages[0]).toMatchObject({ content: expect.stringContaining(prompt) });
    }
    await gateway.reload(onProvider(stub.url));
    expect(await codeOf(ask())).toBe("model_not_found");
    const kept = (await (await gateway.get("/v1/sessions/agent:gamma:kept/messages")).json()) as { data: unknown[] };
    expect(kept.data).toHaveLength(4);
  });
});

describe("how much is done at a time", () => {
  const capped = (held: HeldUpstream, maxConcurrent: number, maxQueued = 10) => onProvider(held.url, { maxConcurrent, maxQueued });

  test("more runs begin as soon as they may, of those that wait too", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(capped(held, 1));
    const replies = ["a", "b", "c"].map((text) => textOf(gateway.chat(say(text))));
    const exchanges = [await held.next()];
    await until(() => gateway.program.runs.load.waiting === 2);
    await gateway.reload(capped(held, 3));
    exchanges.push(await held.next(), await held.next());
    for (const exchange of exchanges) {
      finishWith(exchange, "ok");
    }
    expect(await Promise.all(replies)).toEqual(["ok", "ok", "ok"]);
    expect(gateway.program.runs.load).toEqual({ running: 0, waiting: 0, sessions: 0 });
  });

  test("fewer begin when fewer may, and those at work go on", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(capped(held, 3));
    const replies = ["a", "b", "c"].map((text) => textOf(gateway.chat(say(text))));
    const exchanges = [await held.next(), await held.next(), await held.next()];
    await gateway.reload(capped(held, 1, 1));
    const refused = gateway.chat(say("d"));
    expect(await codeOf(refused)).toBe("too_many_runs");
    await gateway.reload(capped(held, 1));
    const last = textOf(gateway.chat(say("d")));
    await until(() => gateway.program.runs.load.waiting === 1);
    for (const [n, exchange] of exchanges.entries()) {
      expect(gateway.program.runs.load).toMatchObject({ running: 3 - n, waiting: 1 });
      finishWith(exchange, "ok");
      await until(() => gateway.program.runs.load.running === Math.max(1, 2 - n));
    }
    const exchange = await held.next();
    finishWith(exchange, "at last");
    expect(await last).toBe("at last");
    expect(await Promise.all(replies)).toEqual(["ok", "ok", "ok"]);
    expect(gateway.program.runs.load).toEqual({ running: 0, waiting: 0, sessions: 0 });
  });

  test("as many wait for one session as may now", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(onProvider(held.url, {}, { session: { maxQueued: 1 } }));
    const session = { "x-openclaw-session-key": "busy" };
    const replies = [textOf(gateway.chat(say("a"), session))];
    const exchange = await held.next();
    replies.push(textOf(gateway.chat(say("b"), session)));
    await until(() => gateway.program.runs.load.waiting === 1);
    expect(await codeOf(gateway.chat(say("c"), session))).toBe("session_busy");
    await gateway.reload(onProvider(held.url, {}, { session: { maxQueued: 2 } }));
    replies.push(textOf(gateway.chat(say("c"), session)));
    await until(() => gateway.program.runs.load.waiting === 2);
    for (const next of [exchange, undefined, undefined]) {
      const turn = next ?? (await held.next());
      finishWith(turn, "ok");
    }
    expect(await Promise.all(replies)).toEqual(["ok", "ok", "ok"]);
  });
});

describe("providers", () => {
  test("a stream goes on to its end where it began, and the next request goes where it is sent now", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(onProvider(held.url));
    const pending = gateway.chat(say("hi", { stream: true, user: "ada" }));
    const exchange = await held.next();
    exchange.say("before ");
    const reader = new StreamReader(await pending);
    await reader.until("before");
    await gateway.reload({
      agents: { defaults: { model: "other/test-model" } },
      models: { providers: { other: { baseUrl: stub.url, apiKey: "other-key" } } },
    });
    stub.reply({ text: "From the other." });
    expect(await textOf(gateway.chat(say("hi")))).toBe("From the other.");
    expect(stub.requests.at(-1)?.headers.authorization).toBe("Bearer other-key");
    finishWith(exchange, "after");
    const whole = await reader.rest();
    expect(whole).toContain("after");
    expect(whole).toMatch(/data: \[DONE\]\n\n$/);
  });

  test("one that stays keeps its connections", async () => {
    const own = await startStubUpstream();
    try {
      const gateway = await startGateway(onProvider(own.url));
      await textOf(gateway.chat(say("hi")));
      await gateway.reload({
        ...onProvider(own.url, { systemPrompt: "You are another." }),
        models: { providers: { stub: { baseUrl: own.url, apiKey: "another-key" }, other: { baseUrl: stub.url, apiKey: "k" } } },
      });
      await textOf(gateway.chat(say("hi")));
      expect(own.requests.map(({ headers }) => headers.authorization?.slice(-11))).toEqual(["-0123456789", "another-key"]);
      expect({ ever: own.connectionCount, open: own.openSockets }).toEqual({ ever: 1, open: 1 });
    } finally {
      await own.close();
    }
  });
});

describe("tool servers", () => {
  const files = stdioServer;
  const notes = { ...stdioServer, env: { TEST_MCP_KEY: "of notes" } };
  const config = (held: HeldUpstream, servers: object, main: object = {}, entries: object = {}): TestConfig => ({
    ...onProvider(held.url),
    agents: {
      defaults: { model: "stub/test-model" },
      entries: { main: { default: true, tools: ["files__*", "notes__*"], ...main }, ...entries },
    },
    mcp: { servers },
  });

  /** The second half of a run whose model has asked for a tool's process: its id, as the model is told. */
  async function pidToldTo(held: HeldUpstream, run: Promise<Response>): Promise<number> {
    const exchange = await held.next();
    const { messages } = exchange.body as { messages: { content: string }[] };
    finishWith(exchange, "done");
    await textOf(run);
    return Number(messages.at(-1)!.content);
  }

  async function pidOf(gateway: TestGateway, held: HeldUpstream, server: string): Promise<number> {
    const run = gateway.chat(say("go"));
    const exchange = await held.next();
    exchange.call(`${server}__pid`, {});
    exchange.finish();
    return pidToldTo(held, run);
  }

  test("keep their process while they stay as they are, whatever becomes of agents and other servers", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(config(held, { files, notes }));
    const pids = [await pidOf(gateway, held, "files"), await pidOf(gateway, held, "notes")];
    await gateway.reload(config(held, { notes, files }, { systemPrompt: "You are another." }, { second: { tools: ["files__echo"] } }));
    expect([await pidOf(gateway, held, "files"), await pidOf(gateway, held, "notes")]).toEqual(pids);
    await gateway.reload(config(held, { files, notes: { ...notes, env: { TEST_MCP_KEY: "another" } } }));
    expect(await pidOf(gateway, held, "files")).toBe(pids[0]);
    expect(await pidOf(gateway, held, "notes")).not.toBe(pids[1]);
    await until(isGone(pids[1]!));
    await gateway.reload(config(held, {}, { tools: [] }));
    await until(isGone(pids[0]!));
  });

  test("stay for the runs that began with them, and end after the last of those", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(config(held, { files }));
    const before = await pidOf(gateway, held, "files");
    const old = gateway.chat(say("go"));
    const exchange = await held.next();
    await gateway.reload(config(held, { files: { ...files, env: { TEST_MCP_KEY: "another" } } }));
    const now = await pidOf(gateway, held, "files");
    expect(now).not.toBe(before);
    exchange.call("files__pid", {});
    exchange.finish();
    expect(await pidToldTo(held, old)).toBe(before);
    await until(isGone(before));
    await gateway.close();
    await until(isGone(now));
  });

  test("stay for all the runs that are at work through many reloads, and leave no process behind", async () => {
    const held = await startHeldUpstream();
    const numbered = (n: number) => config(held, { files: { ...files, env: { TEST_MCP_KEY: String(n) } } });
    const gateway = await startGateway(numbered(0));
    const before = await pidOf(gateway, held, "files");
    const runs = Array.from({ length: 40 }, (_, n) => gateway.chat(say(`go ${n}`)));
    const exchanges: Exchange[] = [];
    while (exchanges.length < runs.length) exchanges.push(await held.next());
    for (let n = 1; n <= 20; n++) await gateway.reload(numbered(n));
    const now = await pidOf(gateway, held, "files");
    for (const exchange of exchanges) {
      exchange.call("files__pid", {});
      exchange.finish();
    }
    const told = new Set<number>();
    for (const _ of runs) {
      const exchange = await held.next();
      told.add(Number((exchange.body as { messages: { content: string }[] }).messages.at(-1)!.content));
      finishWith(exchange, "done");
    }
    expect([...told]).toEqual([before]);
    expect(new Set(await Promise.all(runs.map(textOf)))).toEqual(new Set(["done"]));
    await until(isGone(before));
    expect(isGone(now)()).toBe(false);
    await gateway.close();
    await until(isGone(now));
  });

  test("stay for a run that was asked for before, while it is looked up whether it was begun before", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(config(held, { files }));
    const other = configOf(config(held, { files: { ...files, env: { TEST_MCP_KEY: "another" } } }));
    await writeFile(gateway.configPath, JSON.stringify(other));
    const wanted = await loadConfig({ configPath: gateway.configPath }, {});
    const asked = gateway.program.runs.start(
      {
        principal: mainPrincipal,
        idempotency: { key: "k", fingerprint: "f" },
        messages: [{ role: "user", content: [{ type: "text", text: "go" }] }],
        tools: [],
        settings: {},
        isFolded: true,
      },
      new AbortController().signal,
    );
    gateway.program.apply(wanted);
    const folded = foldRun((await asked).events);
    const exchange = await held.next();
    exchange.call("files__pid", {});
    exchange.finish();
    const last = await held.next();
    finishWith(last, "done");
    expect((await folded).end.status).toBe("completed");
    expect(last.body).toMatchObject({
      messages: expect.arrayContaining([{ role: "tool", tool_call_id: "call_0", content: expect.stringMatching(/^\d+$/) }]),
    });
  });

  test("are missed in the log when a new agent names tools that they lack", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(config(held, { files }));
    await pidOf(gateway, held, "files");
    await gateway.reload(config(held, { files }, {}, { second: { tools: ["files__ecco"] } }));
    expect(gateway.log().filter(({ msg }) => msg === "MCP server lacks tools")).toEqual([
      expect.objectContaining({ problem: expect.stringContaining("files__ecco") }),
    ]);
  });
});

describe("WebSocket connections", () => {
  const withGuest = (token: string, more: Gateway = {}): TestConfig => ({
    gateway: section({ auth: { token, tokens: [{ name: "guest", token: "of-guest" }] }, ...more }),
  });

  test("end at once when their token is rotated or gone, and others do not notice", async () => {
    const gateway = await startGateway(withGuest(testToken));
    const [main, guest] = [await RpcClient.connect(gateway.url), await RpcClient.connect(gateway.url, { auth: { token: "of-guest" } })];
    await gateway.reload(withGuest("another-token"));
    expect(await main.closed).toEqual({ code: 1008, reason: "the token is no longer valid" });
    expect((await guest.request("agents.list")).agents).toHaveLength(2);
    await gateway.reload({ gateway: section({ auth: { token: "another-token" } }) });
    expect((await guest.closed).code).toBe(1008);
  });

  test("end, and the run that one of them began goes on", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway({ ...onProvider(held.url), ...withGuest(testToken) });
    const client = await RpcClient.connect(gateway.url);
    const { runId } = await client.start("agent", { message: "go", idempotencyKey: "k" }).accepted();
    const exchange = await held.next();
    await gateway.reload({ ...onProvider(held.url), ...withGuest("another-token") });
    await client.closed;
    finishWith(exchange, "done");
    const again = await RpcClient.connect(gateway.url, { auth: { token: "another-token" } });
    expect(await again.request("agent.wait", { runId })).toMatchObject({ status: "ok" });
  });

  test("that stay ask what is configured now; new ones have the frames' limit of now", async () => {
    const gateway = await startGateway();
    const client = await RpcClient.connect(gateway.url);
    await gateway.reload({
      gateway: section({ chat: { maxBodyBytes: 100_000 } }),
      agents: { defaults: { model: "builtin/offline" }, entries: { gamma: {} } },
    });
    expect((await client.request("agents.list")).agents.map(({ id }) => id)).toEqual(["gamma"]);
    const next = await RpcClient.connect(gateway.url);
    expect(next.hello.policy.maxPayload).toBe(100_000);
    next.socket.send(JSON.stringify({ type: "req", id: "x", method: "chat.send", params: { message: "x".repeat(100_000) } }));
    expect((await next.closed).code).toBe(1009);
  });
});

describe("what needs a restart", () => {
  test.each<[string, TestConfig]>([
    ["gateway.port", { gateway: section({ more: { port: 1 } }) }],
    ["gateway.bind", { gateway: section({ more: { bind: "lan" } }) }],
    ["gateway.auth.mode", { gateway: section({ auth: { mode: "password", password: testToken } }) }],
    ["session.database", { session: { database: "elsewhere.db" } }],
  ])("%s is named, and changes nothing", async (key, config) => {
    const gateway = await startGateway();
    await gateway.chat(say("hi"), { "x-openclaw-session-key": "kept" });
    expect((await gateway.reload(config)).unchanged).toEqual([key]);
    expect(await statusOf(gateway, "/v1/sessions/kept")).toBe(200);
  });

  test("what may change beside it does, but no secret of a mode that is not in use", async () => {
    const gateway = await startGateway();
    const auth = { mode: "password", password: "secret", tokens: [] };
    expect(await gateway.reload({ gateway: section({ auth: { ...auth, rateLimit: {} }, chat: { maxBodyBytes: 100 } }) })).toEqual({
      changed: ["gateway"],
      unchanged: ["gateway.auth.mode", "gateway.auth.rateLimit"],
    });
    expect([await statusOf(gateway), await statusOf(gateway, "/v1/models", as("secret"))]).toEqual([200, 401]);
    expect(await codeOf(gateway.chat(say("x".repeat(100))))).toBe("request_too_large");
  });
});

describe("fifty reloads while four clients ask without a pause", () => {
  const asked = 4;
  const reloads = 50;

  test("fail no request and leave nothing behind", async () => {
    const gateway = await startGateway(onProvider(stub.url));
    const config = (n: number): TestConfig => ({
      ...onProvider(stub.url, { systemPrompt: `You are number ${n}.`, maxConcurrent: 2 + (n % 3) }),
      gateway: section({ auth: { token: testToken, tokens: [{ name: "guest", token: `guest-${n}` }] }, chat: { keepAliveMs: 1_000 + n } }),
      mcp: { servers: { files: { ...stdioServer, env: { TEST_MCP_KEY: String(n % 2) } } } },
    });
    const listeners = process.listenerCount("exit");
    const earlier = [new WeakRef(gateway.program.runs)];
    let isOver = false;
    let count = 0;
    const ask = async (client: number): Promise<void> => {
      for (let n = 0; !isOver; n++) {
        const isStreamed = n % 2 === 0;
        const session = n % 3 === 0 ? { "x-openclaw-session-key": `of-${client}` } : {};
        const response = await gateway.chat(say(`${client}/${n}`, { stream: isStreamed }), session);
        const text = await response.text();
        expect({ status: response.status, text }).toEqual({ status: 200, text: expect.stringContaining(isStreamed ? "[DONE]" : "stub") });
        count++;
      }
    };
    const clients = Promise.all(Array.from({ length: asked }, (_, client) => ask(client)));
    for (let n = 1; n <= reloads; n++) {
      const seen = count;
      await gateway.reload(config(n));
      if (n < reloads) earlier.push(new WeakRef(gateway.program.runs));
      await Promise.race([until(() => count >= seen + asked), clients]);
    }
    isOver = true;
    await clients;
    expect(count).toBeGreaterThanOrEqual(asked * reloads);
    expect(gateway.program.runs.load).toEqual({ running: 0, waiting: 0, sessions: 0 });
    expect(process.listenerCount("exit")).toBe(listeners + 1);
    await nextTurn();
    collectGarbage();
    // What the faces were opened with is held by them.
    expect(earlier.slice(1).filter((runs) => runs.deref() !== undefined)).toHaveLength(0);
    await gateway.close();
    expect(process.listenerCount("exit")).toBe(listeners);
  });
});

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
