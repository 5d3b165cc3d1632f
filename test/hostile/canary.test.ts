/**
 * One gateway with a canary for each of its secrets and for what callers say, driven through every operation, every method,
 * every command and every failure there is a way to; then all that it ever let out is searched. The secrets are nowhere. What
 * callers say is in their own replies, and in the database where they asked for it to be kept.
 *
 * What the contracts and the help texts name and nobody drives here fails a test, and so does a search that finds nothing at all.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import Database from "libsql";
import type { methods } from "../../generated/rpc.ts";
import { startCli } from "../support/cli.ts";
import { contractOperations } from "../support/contract-check.ts";
import { say } from "../support/gateway.ts";
import { head as requestHead, sendRaw } from "../support/raw-http.ts";
import { RpcClient, RpcFailure } from "../support/rpc-client.ts";
import { rpcDocument } from "../support/rpc-frames.ts";
import type { StubRequest, StubScript } from "../support/stub-upstream.ts";
import { CanaryGateway, type Life, processesOf, secrets } from "./support/canary-gateway.ts";
import { makeCanary, type Place, search, shapesOf } from "./support/canaries.ts";
import { head, lastBytes } from "./upstream-raw.ts";

/** What callers say where nothing is to be kept, and where it is. */
const said = { "words of a stateless request": makeCanary(), "words of a request that is kept": makeCanary() };
const passing = said["words of a stateless request"];
const kept = said["words of a request that is kept"];
const wrong = secrets["a caller's wrong token"];

interface Heard {
  readonly status: number;
  readonly text: string;
}

let gateway: CanaryGateway;
let life: Life;
/** Replies by operation, and how many of them were good. */
const answered = new Map<string, number>();
const called = new Set<string>();
const ran = new Set<string>();
/** Refusals that are the gateway's own words. */
const refusals: Place[] = [];
let processes: ReturnType<typeof processesOf>;
let metrics = "";

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const main = bearer(secrets["the main token"]);
const json = { "content-type": "application/json" };

async function ask(name: string, method: string, path: string, headers: object = {}, body?: string): Promise<Heard> {
  const init = { method, headers: { ...main, ...(body === undefined ? {} : json), ...headers }, ...(body === undefined ? {} : { body }) };
  const response = await fetch(`${life.url}${path}`, init);
  const text = await response.text();
  gateway.hear(`${method} ${path}, ${name}`, `${response.status} ${JSON.stringify([...response.headers])}\n${text}`);
  return { status: response.status, text };
}

const chat = (name: string, body: object | string, headers: object = {}): Promise<Heard> =>
  ask(name, "POST", "/v1/chat/completions", headers, typeof body === "string" ? body : JSON.stringify(body));

/** The gateway itself refuses it, and does not say the words of it again. */
async function refused(name: string, body: object | string, headers: object = {}): Promise<void> {
  const { status, text } = await chat(name, body, headers);
  expect({ name, isRefusal: status >= 400 }).toEqual({ name, isRefusal: true });
  refusals.push({ name, content: text });
}

const inSession = { "x-openclaw-session-key": "kept" };
const inBackground = { "x-openclaw-background": "true" };

async function idOf(kind: "run" | "completion"): Promise<string> {
  const more = kind === "run" ? {} : { store: true };
  const { text } = await chat(`a ${kind} to look at`, say(kept, more), kind === "run" ? inBackground : {});
  return (JSON.parse(text) as { id: string }).id;
}

interface Good {
  readonly path: string;
  readonly body?: object;
  readonly headers?: object;
}

/** A good request of each operation. */
const operations: { readonly [operation: string]: () => Good | Promise<Good> } = {
  createChatCompletion: () => ({ path: "/v1/chat/completions", body: say(kept), headers: inSession }),
  listChatCompletions: () => ({ path: "/v1/chat/completions" }),
  getChatCompletion: async () => ({ path: `/v1/chat/completions/${await idOf("completion")}` }),
  updateChatCompletion: async () => ({ path: `/v1/chat/completions/${await idOf("completion")}`, body: { metadata: { a: "b" } } }),
  deleteChatCompletion: async () => ({ path: `/v1/chat/completions/${await idOf("completion")}` }),
  listChatCompletionMessages: async () => ({ path: `/v1/chat/completions/${await idOf("completion")}/messages` }),
  listModels: () => ({ path: "/v1/models" }),
  getModel: () => ({ path: "/v1/models/openclaw/main" }),
  listSessions: () => ({ path: "/v1/sessions" }),
  getSession: () => ({ path: "/v1/sessions/kept" }),
  listSessionMessages: () => ({ path: "/v1/sessions/kept/messages" }),
  resetSession: async () => (await chat("a session to reset", say(kept, { user: "a" })), { path: "/v1/sessions/openai-user%3Aa/reset" }),
  deleteSession: async () => (await chat("a session to delete", say(kept, { user: "b" })), { path: "/v1/sessions/openai-user%3Ab" }),
  getRun: async () => ({ path: `/v1/runs/${await idOf("run")}` }),
  cancelRun: async () => ({ path: `/v1/runs/${await idOf("run")}/cancel` }),
  streamRunEvents: async () => ({ path: `/v1/runs/${await idOf("run")}/events` }),
  getHealth: () => ({ path: "/healthz" }),
  getReadiness: () => ({ path: "/readyz" }),
  getMetrics: () => ({ path: "/metrics" }),
  getContract: () => ({ path: "/openapi.json" }),
  getDocs: () => ({ path: "/docs" }),
};

/** One that is answered, and each way to be refused. */
async function driveOperation(id: string, method: string): Promise<void> {
  const made = await operations[id]!();
  const { path, headers } = made;
  const body = made.body === undefined ? undefined : JSON.stringify(made.body);
  const { status } = await ask("as it should be", method, path, headers, body);
  if (status < 300) answered.set(id, status);
  await ask("with a wrong secret", method, path, bearer(wrong), body);
  await ask(
    "with a secret in the query",
    method,
    `${path}?token=${encodeURIComponent(wrong)}&api_key=${encodeURIComponent(wrong)}`,
    {},
    body,
  );
  await ask(
    "with a secret that is no bearer's",
    method,
    path,
    { authorization: `Basic ${Buffer.from(`me:${wrong}`).toString("base64")}` },
    body,
  );
  await ask("by a wrong method", "PATCH", path, { "x-api-key": wrong }, "{}");
  const broken = ["nonsense", `authorization Bearer ${wrong}`, `x-big: ${wrong.repeat(6_000)}`];
  for (const line of broken) {
    const reply = await sendRaw(
      life.url,
      `${method} ${path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer ${wrong}\r\n${line}\r\n\r\n`,
    );
    gateway.hear(`${id}, broken`, JSON.stringify(reply));
  }
}

/** What may go wrong with a request before it is one. */
async function driveRefusals(): Promise<void> {
  const text = (more: object) => say(passing, more);
  await refused("broken JSON", `{"messages":[{"role":"user","content":${JSON.stringify(passing)}`);
  await refused("JSON that begins with it", passing);
  await refused("no JSON", passing, { "content-type": "text/plain" });
  await refused("a number out of its range", text({ temperature: 5 }));
  await refused("more than one choice", text({ n: 2 }));
  await refused("a wrong kind of content", { model: "openclaw", messages: [{ role: "user", content: { text: passing } }] });
  await refused("a role that there is not", { model: "openclaw", messages: [{ role: passing, content: "hi" }] });
  await refused("a result without its call", { model: "openclaw", messages: [{ role: "tool", tool_call_id: "none", content: passing }] });
  await refused("an image that is none", {
    model: "openclaw",
    messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: `data:image/png;base64,${passing}` } }] }],
  });
  await refused("a key of metadata that is too long", text({ metadata: { [passing.repeat(9)]: "x" } }));
  await refused(
    "a schema that is none",
    text({ response_format: { type: "json_schema", json_schema: { name: "x", schema: { type: 5 } } } }),
  );
  await refused("an agent that there is not", { ...say(passing), model: "openclaw:nobody" });
  await refused("a model that there is not", say(passing), { "x-openclaw-model": "nobody/nothing" });
  await refused("an agent that is not for it", { ...say(passing), model: "openclaw:claude" }, bearer(secrets["a named token"]));
  await refused("a wrong secret", say(passing), bearer(wrong));
  await refused("a wrong secret, streamed", text({ stream: true }), { authorization: wrong });
  const once = { "idempotency-key": "conflict" };
  await chat("an answer that is kept for a while", say(kept), once);
  await chat("the same again", say(kept), once);
  await refused("another under the same key", say(passing), once);
  for (const [name, head] of [
    ["too large", requestHead("POST /v1/chat/completions", { ...main, ...json, "content-length": "30000000" })],
    ["a URL that is none", `POST http://me:${encodeURIComponent(wrong)}@/ HTTP/1.1\r\nhost: x\r\n\r\n`],
    ["no HTTP", `${wrong}\r\n\r\n`],
  ] as const) {
    gateway.hear(name, JSON.stringify(await sendRaw(life.url, head)));
  }
}

const keysOf = ({ headers }: StubRequest): string[] =>
  [headers.authorization?.replace(/^Bearer /, ""), headers["x-api-key"], headers["x-goog-api-key"], headers["x-team-key"]].filter(
    (key): key is string => typeof key === "string",
  );

/** How a provider says again what it was sent; the ends of a key alone nobody can know from other words. */
const gossip: { readonly [how: string]: (request: StubRequest) => string } = Object.fromEntries([
  ...Object.keys(shapesOf(""))
    .filter((shape) => !shape.startsWith("its "))
    .map(
      (shape) =>
        [
          shape,
          (request: StubRequest) =>
            keysOf(request)
              .map((key) => shapesOf(key)[shape]!.join(" "))
              .join(" "),
        ] as const,
    ),
  [
    "in a header's words",
    (request: StubRequest) =>
      keysOf(request)
        .map((key) => `Authorization: Bearer ${key}`)
        .join("; "),
  ],
  [
    "as curl has it",
    (request: StubRequest) =>
      keysOf(request)
        .map((key) => Buffer.from(`key:${key}`).toString("base64"))
        .join(" "),
  ],
]);

async function driveProviders(): Promise<void> {
  for (const model of ["openclaw:main", "openclaw:claude", "openclaw:gemini"]) {
    for (const [how, words] of Object.entries(gossip)) {
      const both = (request: StubRequest): string => `No: ${words(request)} ${passing}`;
      // Tried again, with pauses: one shape will do, unless there is time.
      const isPatient = how === "plain" || process.env["HOSTILE_FULL"] === "1";
      const scripts: readonly ((request: StubRequest) => StubScript)[] = [
        ...[400, 401, 404, ...(isPatient ? [429, 500] : [])].map((status) => (request: StubRequest) => ({
          status,
          message: both(request),
        })),
        (request) => ({ status: 400, body: both(request) }),
        (request) => ({ status: 401, body: JSON.stringify(JSON.stringify({ error: both(request), headers: request.headers })) }),
        (request) => ({ status: 400, body: { error: { message: "x", code: both(request), param: both(request), type: both(request) } } }),
        (request) => ({
          status: 302,
          headers: { location: `http://127.0.0.1:1/?${encodeURIComponent(both(request))}` },
          body: both(request),
        }),
        (request) => ({
          status: isPatient ? 429 : 404,
          headers: { "retry-after": both(request), "x-request-id": both(request) },
          body: both(request),
        }),
        (request) => ({
          status: 200,
          headers: { "content-type": `text/${words(request).replaceAll(/[^\x20-\x7e]/g, "")}` },
          body: both(request),
        }),
        (request) => ({ text: "half", error: both(request) }),
        (request) => ({ frames: [`data: ${both(request)}\n\n`] }),
        (request) => ({ frames: [`event: ${both(request)}\ndata: {"error":${JSON.stringify(both(request))}}\n\n`] }),
      ];
      for (const [n, script] of scripts.entries()) {
        gateway.stub.reply(script);
        await chat(`a provider that says its key ${how} (${n})`, { ...say(passing, { stream: n % 2 === 0 }), model });
      }
      // What is kept of a failure is kept without it too.
      gateway.stub.reply((request) => ({ status: 400, message: words(request) }));
      await chat(`a failure that is kept, ${how}`, { ...say(kept), model }, { "idempotency-key": `${model} ${how}`.replaceAll(" ", "-") });
    }
  }
  gateway.stub.always({ text: "Fine." });
  for (const line of [`HTTP/1.1 401 Not ${secrets["the key of a provider made of bytes"]}`, `ICY 200 ${passing}`, passing]) {
    gateway.raw.next(lastBytes(`${line}\r\nx: y\r\n\r\n`));
    await chat("a status line that says it", { ...say(passing), model: "openclaw:raw" });
  }
  gateway.raw.next(lastBytes(head(302, { location: `/${secrets["the key of a provider made of bytes"]}` }, 0)));
  await chat("a redirect that says it", { ...say(passing), model: "openclaw:raw" });
  await chat("a package that says it", { ...say(passing), model: "openclaw:stray" }, { "x-openclaw-model": "stray/rejects" });
}

/** Tools that fail, die, and say what they know. */
async function driveTools(): Promise<void> {
  const calls: readonly (readonly [name: string, args: object | string])[] = [
    ["files__echo", { text: passing }],
    ["files__echo", { wrong: passing }],
    ["files__echo", `{"text":"${passing}`],
    ["files__fail", { why: passing }],
    ["files__throw", {}],
    ["files__environment", {}],
    ["hostile__give", {}],
    ["hostile__fail", { why: passing }],
    ["hostile__environment", {}],
    ["no_such_tool", { why: passing }],
    [passing, {}],
    ["calculator", { expression: passing }],
    ["memory_save", { name: passing, value: passing }],
    ["http_fetch", { url: `http://me:${passing}@127.0.0.1/` }],
    ["files__die", {}],
  ];
  for (const [name, args] of calls) {
    for (const stream of [false, true]) {
      gateway.stub.reply({ toolCalls: [{ name, arguments: typeof args === "string" ? args : JSON.stringify(args) }] }, { text: "Fine." });
      await chat(`the tool ${name}`, say(passing, { stream }), { "x-openclaw-events": "true" });
    }
  }
  await chat("tool servers that let nobody in", { ...say(passing), model: "openclaw:locked" });
}

const greeting = { minProtocol: 4, maxProtocol: 4, client: { id: "test", version: "1.0.0", platform: "linux", mode: "test" } };

async function openSocket(): Promise<RpcClient> {
  const client = new RpcClient(life.url);
  client.socket.on("message", (data: Buffer) => void gateway.hear("a frame", data.toString()));
  await client.challenge();
  return client;
}

async function driveMethods(): Promise<void> {
  const client = await openSocket();
  await client.greet({ auth: { token: secrets["the main token"] } });
  const { runId } = (await client.start("agent", { message: kept, sessionKey: "kept", idempotencyKey: "ws" }).final).payload as {
    runId: string;
  };
  await client.request("chat.send", { sessionKey: "sent", message: kept, idempotencyKey: "ws-2" });
  const good: { readonly [Method in keyof methods]: object } = {
    connect: greeting,
    health: {},
    status: {},
    "agents.list": {},
    "models.list": {},
    agent: { message: kept, idempotencyKey: "ws-3" },
    "agent.wait": { runId },
    "chat.send": { sessionKey: "sent", message: kept, idempotencyKey: "ws-4" },
    "chat.history": { sessionKey: "kept" },
    "chat.abort": { sessionKey: "kept" },
    "sessions.list": {},
    "sessions.get": { key: "kept" },
    "sessions.export": { key: "kept" },
    "sessions.reset": { key: "sent" },
    "sessions.delete": { key: "sent" },
    "runs.get": { runId },
  };
  for (const [method, params] of Object.entries(good)) {
    if (method !== "connect") await client.start(method as keyof methods, params).final;
    called.add(method);
    await client.refusal(method, { token: wrong, message: 5, key: { [wrong]: wrong }, sessionKey: [wrong], runId: [wrong] });
  }
  await client.refusal("no.such.method", { token: wrong });
  // A failure on this face, in the provider's words.
  gateway.stub.reply((request) => ({ status: 401, message: gossip["plain"]!(request) + kept }));
  await client
    .start("agent", { message: kept, idempotencyKey: "ws-5" })
    .final.catch((thrown: unknown) => expect(thrown).toBeInstanceOf(RpcFailure));
  client.socket.send(`{"type":"req","id":"x","method":"connect","params":"${wrong}`);
  await client.closed.catch(() => undefined);
  for (const auth of [{ token: wrong }, { password: wrong }, { token: secrets["the main token"], password: wrong }]) {
    const other = await openSocket();
    await other.greet({ auth }).catch(() => undefined);
    other.socket.terminate();
  }
}

/** Each command, with the secret in a flag, in the environment and in the file; the words of some are in their flags. */
const commands: { readonly [command: string]: readonly (readonly string[])[] } = {
  agent: [
    ["--message", passing],
    ["--message", passing, "--local"],
    ["--message", kept, "--session-key", "kept", "--json"],
  ],
  agents: [["--json"], ["--local"]],
  "config check": [[]],
  "config schema": [[]],
  "config show": [[]],
  doctor: [[], ["--json"]],
  gateway: [["--port", "1", "--bind", "nowhere", "--token", wrong]],
  health: [["--json"], ["--token", wrong]],
  init: [
    ["--config", "first/openclaw.json"],
    ["--config", "openclaw.json"],
  ],
  models: [["--json"]],
  "sessions list": [[], ["--token", wrong]],
  "sessions show": [["kept"], ["kept", "--local", "--branches"]],
  "sessions export": [["kept"]],
  "sessions reset": [["kept", "--yes", "--token", wrong]],
  "sessions delete": [["nothing", "--yes"]],
  "store export": [[], ["moved.jsonl"], ["moved.jsonl"]],
  "store import": [
    ["moved.jsonl", "--database", "moved.db"],
    ["moved.jsonl", "--database", "moved.db"],
    ["openclaw.json", "--database", "other.db"],
    ["moved.jsonl", "--database", `postgres://me:${wrong}@127.0.0.1:1/none`],
  ],
  "tokens add": [["spare"], ["other", "--agents", wrong, "--json"]],
  "tokens list": [[], ["--json"]],
  "tokens rotate": [["spare", "--json"], [wrong]],
  "tokens revoke": [["spare"], [wrong]],
};

async function driveCommands(): Promise<void> {
  for (const [command, variants] of Object.entries(commands)) {
    for (const [n, args] of variants.entries()) {
      const flags = /^(?:agent|agents|health|models|sessions .*)$/.test(command) && !args.includes("--local") ? ["--url", life.url] : [];
      await gateway.command(`${command} (${n})`, [...command.split(" "), ...args, ...flags]);
    }
    ran.add(command);
  }
  await gateway.command("a wrong secret of the environment", ["health", "--url", life.url], { GATEWAY_SECRET: wrong });
  await gateway.command("a variable that is not set", ["config", "check"], { GATEWAY_SECRET: "" });
}

/** As the help texts have them, those of groups as well. */
async function commandsThereAre(group: readonly string[] = []): Promise<string[]> {
  const { stdout } = await (await startCli([...group, "--help"])).result;
  const [, list = ""] = stdout.split("\nCommands:\n");
  const names = [...list.split("\n\n")[0]!.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name!).filter((name) => name !== "help");
  if (names.length === 0) return [group.join(" ")];
  return (await Promise.all(names.map((name) => commandsThereAre([...group, name])))).flat();
}

/** Files that are wrong where a secret stands; each is refused, in the log of the gateway and by a command. */
async function driveBrokenFiles(): Promise<void> {
  const good = gateway.config();
  const { auth } = good.gateway;
  const token = secrets["the main token"];
  const files: readonly (readonly [string, object | string])[] = [
    ["that ends within the secret", `{ gateway: { auth: { token: "${token.slice(0, 20)}`],
    ["with a stray word behind it", `{ gateway: { auth: { token: ${JSON.stringify(token)} oops } } }`],
    ["with a secret that is a list", { ...good, gateway: { auth: { ...auth, token: [token] } } }],
    ["with a secret under a wrong name", { ...good, gateway: { auth: { ...auth, tokn: token } } }],
    ["with a secret that two have", { ...good, gateway: { auth: { ...auth, tokens: ["a", "b"].map((name) => ({ name, token })) } } }],
    ["with a header that breaks", { ...good, models: { providers: { stub: { baseUrl: "http://x", headers: { a: `${token}\n` } } } } }],
    ["with a key that is a number", { ...good, models: { providers: { stub: { baseUrl: "http://x", apiKey: { token } } } } }],
    [
      "with a secret in an address",
      { ...good, models: { providers: { stub: { baseUrl: `http://me:${encodeURIComponent(token)}@x y` } } } },
    ],
    ["with a tool server's secret that breaks", { ...good, mcp: { servers: { files: { command: "x", env: { A: `${token}\0` } } } } }],
  ];
  const refusedSoFar = async (): Promise<number> => (await life.process.waitFor("stderr", "")).split("the last good one stays").length;
  for (const [name, file] of files) {
    const before = await refusedSoFar();
    gateway.configure(file);
    life.process.child.kill("SIGHUP");
    expect(await gateway.command(`config check of a file ${name}`, ["config", "check"])).toBe(78);
    await gateway.command(`config show of a file ${name}`, ["config", "show"]);
    await gateway.command(`the doctor of a file ${name}`, ["doctor"]);
    while ((await refusedSoFar()) === before) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  gateway.configure(good);
  life.process.child.kill("SIGHUP");
}

/** A stream that is being answered: what came of it so far is kept as well. */
async function whileStreaming(end: () => void): Promise<void> {
  gateway.stub.reply({ text: "half", ending: "hang" });
  const init = { method: "POST", headers: { ...main, ...json, ...inSession }, body: JSON.stringify(say(kept, { stream: true })) };
  const response = await fetch(`${life.url}/v1/chat/completions`, init);
  const reader = response.body!.getReader();
  let text = Buffer.from((await reader.read()).value).toString();
  end();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text += Buffer.from(piece.value).toString();
  } catch {
    // The gateway ended in the middle of it.
  }
  gateway.hear("a stream whose gateway ended", text);
  await life.process.result;
}

beforeAll(async () => {
  gateway = await CanaryGateway.prepare();
  life = await gateway.start();
  for (const { id, method } of contractOperations) if (operations[id]) await driveOperation(id, method);
  await driveRefusals();
  await driveProviders();
  await driveTools();
  await driveMethods();
  processes = processesOf(life.process.child.pid!);
  await driveCommands();
  metrics = (await ask("at the end", "GET", "/metrics")).text;
  await driveBrokenFiles();
  await whileStreaming(() => life.process.child.kill("SIGTERM"));
  life = await gateway.start();
  await whileStreaming(() => life.process.child.kill("SIGKILL"));
  life = await gateway.start();
  await chat("a package that ends the gateway", { ...say(passing), model: "openclaw:stray" }).catch(() => undefined);
  expect((await life.process.result).code).toBe(1);
}, 600_000);

afterAll(() => gateway.close());

const places = (isMeant: (name: string) => boolean): Place[] => gateway.heard.filter(({ name }) => isMeant(name));
const isDiagnostic = (name: string): boolean =>
  name === "the log" || /^the (?:diagnostics|doctor)/.test(name) || name.startsWith("what the gateway");

describe("driven were", () => {
  test("all operations of the contract, and each was answered", () => {
    expect(contractOperations.map(({ id }) => id).filter((id) => !answered.has(id))).toEqual([]);
  });

  test("all methods of the WebSocket face", () => {
    expect(Object.keys(rpcDocument.methods).filter((method) => !called.has(method))).toEqual([]);
  });

  test("all commands", async () => {
    expect((await commandsThereAre()).filter((command) => !ran.has(command))).toEqual([]);
  });

  test("the log at its most talkative, the traces and the providers' failures", () => {
    const log = places((name) => name === "the log")
      .map(({ content }) => String(content))
      .join("");
    expect(log).toContain('"level":20');
    expect(log).toContain("an exception was thrown that nobody caught");
    expect(gateway.collector.spans.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["POST /v1/chat/completions", "invoke_agent main"]),
    );
    expect(gateway.heard.filter(({ content }) => String(content).includes("[key]")).length).toBeGreaterThan(20);
  });
});

describe("the secrets are", () => {
  test("in no reply, no frame, no log line and nothing that a command prints", () => {
    expect(search(secrets, gateway.heard)).toEqual([]);
  });

  test("in no metric and no trace", () => {
    expect(
      search(secrets, [
        { name: "metrics", content: metrics },
        { name: "traces", content: gateway.collector.text },
      ]),
    ).toEqual([]);
  });

  test("in no file beside the config", () => {
    expect(gateway.files().map(({ name }) => name)).toContain(gateway.database);
    expect(search(secrets, gateway.files())).toEqual([]);
  });

  test("in no process's arguments, and each tool server has its own alone", () => {
    expect(processes.environments.length).toBeGreaterThan(0);
    expect(search(secrets, processes.commands)).toEqual([]);
    const { "the variable of a tool server": _files, "the variable of a hostile tool server": _hostile, ...others } = secrets;
    expect(search(others, processes.environments)).toEqual([]);
  });
});

describe("what callers say is", () => {
  test("in no log line, no metric and no trace", () => {
    const outside = [
      { name: "metrics", content: metrics },
      { name: "traces", content: gateway.collector.text },
    ];
    expect(search(said, [...places(isDiagnostic), ...outside, ...processes.commands])).toEqual([]);
  });

  test("not in the gateway's own refusals", () => {
    expect(refusals.length).toBeGreaterThan(10);
    expect(search(said, refusals)).toEqual([]);
  });

  test("in no file, unless it was asked to be kept", () => {
    expect(search({ passing }, gateway.files())).toEqual([]);
  });

  test("kept in the transcript, in the stored completion and in what the provider said of the run, and in no other column", () => {
    const database = new Database(gateway.database, { readonly: true });
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
    const holding = tables.flatMap(({ name }) => {
      const rows = database.prepare(`SELECT * FROM "${name}"`).all() as { [column: string]: unknown }[];
      const found = rows.flatMap((row) =>
        Object.keys(row).filter((column) => search({ kept }, [{ name, content: String(row[column]) }]).length > 0),
      );
      return [...new Set(found)].map((column) => `${name}.${column}`);
    });
    database.close();
    expect(holding.sort()).toEqual(["completions.input", "messages.body", "run_events.body", "runs.outcome"]);
  });
});

describe("the search", () => {
  test("finds a canary in each of its shapes, in a log that it was planted in", () => {
    const secret = secrets["the main token"];
    const shapes = shapesOf(secret);
    const missed = Object.entries(shapes).flatMap(([shape, texts]) =>
      texts.filter((text) => {
        const path = join(gateway.folder, "planted.log");
        writeFileSync(path, `{"level":30,"msg":"a line"}\n{"level":30,"msg":"x${text}y"}\n`);
        const found = search(secrets, [{ name: "planted", content: readFileSync(path) }]);
        return !found.some((line) => line.startsWith(`the main token, ${shape}: planted: `));
      }),
    );
    expect(missed).toEqual([]);
    expect(Object.keys(shapes)).toHaveLength(7);
    expect(
      search(secrets, [
        {
          name: "planted",
          content: JSON.stringify([
            ...gateway.heard.slice(0, 3).map(({ content }) => content),
            Buffer.from(`me:${secret}`).toString("base64"),
          ]),
        },
      ]),
    ).toHaveLength(1);
  });
});
