/**
 * The gateway as it is started, while clients ask without a pause and somebody edits its config file twenty times, each time
 * something else and in another way. Every edit must show, and no request may notice.
 */
import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { Agent, request } from "undici";
import { type CliProcess, startCli } from "../support/cli.ts";
import { makeFolder, say, testToken } from "../support/gateway.ts";
import { stdioServer } from "../support/mcp.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { startStubUpstream, type StubRequest } from "../support/stub-upstream.ts";
import { fold, StreamReader } from "./event-stream.ts";
import { type Exchange, type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";

const totalRequests = 5_000;
/** Of each edit's share: under way while it applies, and begun after it has applied. */
const heldPerEdit = 6;
const laterPerEdit = 40;
const clientCount = 6;

const stub = await startStubUpstream({ keepRequests: 0 });
const connections = new Agent();
afterAll(async () => {
  await connections.destroy();
  await stub.close();
});

/** A config file, as far as the edits touch it. */
interface ConfigFile {
  readonly gateway: {
    readonly auth: { readonly mode: "token"; readonly token: string; tokens: object[] };
    readonly http: { cors: object; readonly endpoints: { readonly chatCompletions: { [key: string]: unknown } } };
    [key: string]: unknown;
  };
  readonly models: { readonly providers: { [id: string]: { baseUrl: string; apiKey: string } } };
  readonly agents: { readonly defaults: { [key: string]: unknown }; readonly entries: { [id: string]: { [key: string]: unknown } } };
  readonly mcp: { readonly servers: { [name: string]: object } };
  log: object;
}

const steady = { name: "steady", token: "of-steady" };

const firstConfig = (held: HeldUpstream): ConfigFile => ({
  gateway: {
    auth: { mode: "token", token: testToken, tokens: [steady] },
    http: { cors: {}, endpoints: { chatCompletions: { enabled: true } } },
  },
  models: { providers: { stub: { baseUrl: stub.url, apiKey: "first-key" }, held: { baseUrl: held.url, apiKey: "held-key" } } },
  agents: {
    defaults: { model: "stub/first-model", systemPrompt: "You are number 0." },
    entries: { main: { default: true }, beta: {}, patient: { model: "held/model" } },
  },
  mcp: { servers: {} },
  log: { level: "info" },
});

/** What a model was sent, as the model says it. */
interface Told {
  readonly said: string;
  /** Of the edit whose config the run has. */
  readonly number: number;
  readonly model: string;
  readonly key: string;
  readonly tools: readonly string[];
}

type Body = { readonly model: string; readonly messages: readonly { content: unknown }[]; readonly tools?: readonly unknown[] };

function echoOf(body: Body, key = ""): string {
  const number = /You are number (\d+)\./.exec(String(body.messages[0]?.content))?.[1];
  const tools = (body.tools ?? []).map((tool) => (tool as { function: { name: string } }).function.name);
  return JSON.stringify({ said: body.messages.at(-1)?.content, number: Number(number), model: body.model, key, tools } satisfies object);
}

stub.always(({ body, headers }: StubRequest) => ({ text: echoOf(body, headers.authorization) }));

/** The started gateway and its log. */
class Running {
  readonly cli: CliProcess;
  readonly url: string;
  readonly lines: { readonly level: number; readonly msg: string; readonly [key: string]: unknown }[] = [];
  #partial = "";
  #wake: (() => void)[] = [];

  constructor(cli: CliProcess, url: string) {
    this.cli = cli;
    this.url = url;
    cli.child.stderr!.on("data", (text: string) => this.#take(text));
  }

  count(msg: string): number {
    return this.lines.filter((line) => line.msg === msg).length;
  }

  async logged(msg: string, count: number): Promise<void> {
    while (this.count(msg) < count) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  fetch(path: string, body?: object, headers: { [name: string]: string } = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      headers: { authorization: `Bearer ${testToken}`, ...(body ? { "content-type": "application/json" } : {}), ...headers },
      ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
    });
  }

  chat(body: object, headers: { [name: string]: string } = {}): Promise<Response> {
    return this.fetch("/v1/chat/completions", body, headers);
  }

  /** The text of a completion, streamed or not, with little work for whoever asks: there are thousands. */
  async answer(
    body: { readonly stream?: boolean; readonly [field: string]: unknown },
    headers: { [name: string]: string } = {},
  ): Promise<string> {
    const reply = await request(`${this.url}/v1/chat/completions`, {
      dispatcher: connections,
      method: "POST",
      headers: { authorization: `Bearer ${testToken}`, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const text = await reply.body.text();
    if (reply.statusCode !== 200) throw new Error(`${reply.statusCode} ${text}`);
    if (body.stream !== true) return textOf(JSON.parse(text));
    const { error, isDone, text: folded } = fold(text);
    if (error || !isDone) throw new Error(text);
    return folded;
  }

  /** What the model of `agent` is told now. */
  async told(agent = "openclaw", headers: { [name: string]: string } = {}): Promise<Told> {
    return JSON.parse(textOf(await jsonOf(await this.chat({ ...say("probe"), model: agent }, headers)))) as Told;
  }

  async models(token = testToken): Promise<readonly string[] | number> {
    const response = await this.fetch("/v1/models", undefined, { authorization: `Bearer ${token}` });
    const { data } = (await response.json()) as { data?: { id: string }[] };
    return data?.map(({ id }) => id.replace("openclaw/", "")) ?? response.status;
  }

  async codeOf(body: object): Promise<string | undefined> {
    return ((await (await this.chat(body)).json()) as { error?: { code: string } }).error?.code;
  }

  #take(text: string): void {
    const lines = (this.#partial + text).split("\n");
    this.#partial = lines.pop() ?? "";
    this.lines.push(...lines.map((line) => JSON.parse(line) as Running["lines"][number]));
    for (const wake of this.#wake.splice(0)) wake();
  }
}

async function jsonOf(response: Response): Promise<unknown> {
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${text}`);
  return JSON.parse(text);
}

const textOf = (completion: unknown): string =>
  (completion as { choices: readonly [{ message: { content: string } }] }).choices[0].message.content;

interface Edit {
  readonly name: string;
  readonly edit: (config: ConfigFile) => void;
  /** Whether it shows. */
  readonly shows: (gateway: Running, held: HeldUpstream) => Promise<void>;
}

const guest = (rights: object): object => ({ name: "guest", ...rights });
const chatOf = ({ gateway }: ConfigFile) => gateway.http.endpoints.chatCompletions;
const origin = "https://chat.example.org";

const edits: readonly Edit[] = [
  {
    name: "instructions",
    edit: () => undefined,
    shows: async (gateway) => expect((await gateway.told()).number).toBe(1),
  },
  {
    name: "a model",
    edit: ({ agents }) => (agents.defaults["model"] = "stub/second-model"),
    shows: async (gateway) => expect((await gateway.told()).model).toBe("second-model"),
  },
  {
    name: "a provider's key",
    edit: ({ models }) => (models.providers["stub"]!.apiKey = "second-key"),
    shows: async (gateway) => expect((await gateway.told()).key).toBe("Bearer second-key"),
  },
  {
    name: "another provider",
    edit: ({ models, agents }) => {
      models.providers["extra"] = { baseUrl: stub.url, apiKey: "extra-key" };
      agents.entries["beta"] = { model: "extra/third-model" };
    },
    shows: async (gateway) => expect(await gateway.told("openclaw/beta")).toMatchObject({ model: "third-model", key: "Bearer extra-key" }),
  },
  {
    name: "one provider less",
    edit: ({ models, agents }) => {
      delete models.providers["extra"];
      agents.entries["beta"] = {};
    },
    shows: async (gateway) =>
      expect(await gateway.told("openclaw/beta")).toMatchObject({ model: "second-model", key: "Bearer second-key" }),
  },
  {
    name: "another agent",
    edit: ({ agents }) => (agents.entries["gamma"] = {}),
    shows: async (gateway) => expect(await gateway.models()).toContain("gamma"),
  },
  {
    name: "one agent less",
    edit: ({ agents }) => delete agents.entries["gamma"],
    shows: async (gateway) => expect(await gateway.models()).not.toContain("gamma"),
  },
  {
    name: "another token",
    edit: ({ gateway }) => gateway.auth.tokens.push(guest({ token: "of-guest" })),
    shows: async (gateway) => expect(await gateway.models("of-guest")).toContain("main"),
  },
  {
    name: "a token that is rotated",
    edit: ({ gateway }) => (gateway.auth.tokens = [steady, guest({ token: "of-guest-now" })]),
    shows: async (gateway) =>
      expect([await gateway.models("of-guest"), await gateway.models("of-guest-now")]).toEqual([401, expect.anything()]),
  },
  {
    name: "a token's rights",
    edit: ({ gateway }) => (gateway.auth.tokens = [guest({ token: "of-guest-now", agents: ["beta"] }), steady]),
    shows: async (gateway) => expect(await gateway.models("of-guest-now")).not.toContain("main"),
  },
  {
    name: "one token less",
    edit: ({ gateway }) => (gateway.auth.tokens = [steady]),
    shows: async (gateway) => expect(await gateway.models("of-guest-now")).toBe(401),
  },
  {
    name: "an alias",
    edit: (config) => (chatOf(config)["modelAliases"] = { "gpt-4o": "beta" }),
    shows: async (gateway) => expect((await gateway.told("gpt-4o")).said).toBe("probe"),
  },
  {
    name: "web pages",
    edit: ({ gateway }) => (gateway.http.cors = { origins: [origin] }),
    shows: async (gateway) => {
      const response = await gateway.fetch("/v1/models", undefined, { origin });
      await response.text();
      expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    },
  },
  {
    name: "a header that names the session",
    edit: (config) => (chatOf(config)["sessionHeader"] = "x-chat"),
    shows: async (gateway) => {
      const response = await gateway.chat(say("probe"), { "x-chat": "seven" });
      await response.text();
      expect(response.headers.get("x-openclaw-session-key")).toBe("agent:main:seven");
    },
  },
  {
    name: "how much is read",
    edit: (config) => (chatOf(config)["maxBodyBytes"] = 20_000),
    shows: async (gateway) => expect(await gateway.codeOf(say("x".repeat(20_000)))).toBe("request_too_large"),
  },
  {
    name: "how much may be attached",
    edit: (config) => (chatOf(config)["files"] = { maxParts: 0 }),
    shows: async (gateway) => {
      const file = { type: "file", file: { filename: "a.txt", file_data: "data:text/plain;base64,aGk=" } };
      expect(await gateway.codeOf({ model: "openclaw", messages: [{ role: "user", content: [file] }] })).toBe("invalid_value");
    },
  },
  {
    name: "how long a stream is silent",
    edit: (config) => (chatOf(config)["keepAliveMs"] = 25),
    shows: async (gateway, held) => {
      const asked = gateway.chat({ ...say("probe", { stream: true }), model: "openclaw/patient" });
      const exchange = await held.next();
      exchange.say("one");
      const reader = new StreamReader(await asked);
      await reader.until(": ");
      exchange.finish();
      expect(fold(await reader.rest())).toMatchObject({ text: "one", isDone: true });
    },
  },
  {
    name: "an agent's tools",
    edit: ({ agents }) => (agents.entries["main"]!["tools"] = ["calculator"]),
    shows: async (gateway) => expect((await gateway.told()).tools).toEqual(["calculator"]),
  },
  {
    name: "a tool server",
    edit: ({ agents, mcp }) => {
      mcp.servers["files"] = stdioServer;
      agents.entries["beta"]!["tools"] = ["files__echo"];
    },
    shows: async (gateway) => expect((await gateway.told("openclaw/beta")).tools).toEqual(["files__echo"]),
  },
  {
    name: "the log",
    edit: (config) => (config.log = { level: "debug" }),
    shows: async (gateway) => {
      await gateway.told();
      await gateway.logged("run begun", 1);
    },
  },
];

const wrongEdits: readonly (object | string)[] = [
  '{ gateway: { auth: { token: "new-secret" } }',
  { gateway: { auth: { tokn: "new-secret" } } },
  { gateway: { auth: { token: "${NO_SUCH_VARIABLE}" } } },
  { agents: { defaults: { model: "nowhere/model" } } },
  "",
];

/** What editors, deployments and people do to a file. */
const waysToWrite: readonly ((path: string, content: string, n: number) => Promise<void>)[] = [
  (path, content) => writeFile(path, content),
  async (path, content) => {
    await writeFile(`${path}.draft`, content);
    await rename(`${path}.draft`, path);
  },
  async (path, content) => {
    await writeFile(path, content.slice(0, content.length / 2));
    await writeFile(path, content.slice(content.length / 2), { flag: "a" });
  },
  async (path, content) => {
    await rm(path);
    await writeFile(path, content);
  },
  async (path, content, n) => {
    const version = join(dirname(path), `..${n}`, "openclaw.json");
    await mkdir(dirname(version));
    await writeFile(version, content);
    await symlink(version, `${path}.link`);
    await rename(`${path}.link`, path);
  },
];

/** Clients that ask one thing after another, each in its turn, and look at every reply. */
class Load {
  readonly #gateway: Running;
  readonly failures: string[] = [];
  readonly kinds: { [kind: string]: number } = {};
  done = 0;
  #asked = 0;
  /** Of the edits that requests may see now. */
  #numbers = { least: 0, most: 0 };
  readonly #sockets: RpcClient[] = [];

  constructor(gateway: Running) {
    this.#gateway = gateway;
  }

  async open(): Promise<void> {
    for (let n = 0; n < clientCount; n++) {
      this.#sockets.push(await RpcClient.connect(this.#gateway.url, { auth: { token: steady.token } }));
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) await socket.close();
  }

  /** From here on a request may be answered by the config of edit `n`; or, once it has applied, must be. */
  expects(least: number, most: number): void {
    this.#numbers = { least, most };
  }

  /** As many requests, by all clients together. */
  async ask(count: number): Promise<void> {
    let left = count;
    const client = async (index: number): Promise<void> => {
      while (left-- > 0) await this.#askOne(index, this.#asked++);
    };
    await Promise.all(Array.from({ length: clientCount }, (_, index) => client(index)));
  }

  /** A request whose answer waits: `answer` has the model say it. */
  async hold(held: HeldUpstream, n: number): Promise<{ readonly answer: () => void; readonly done: Promise<void> }> {
    const isStreamed = n % 2 === 0;
    const said = `held ${n} ${this.#asked++}`;
    const headers: { [name: string]: string } = n % 3 === 0 ? { "x-openclaw-session-key": said.replaceAll(" ", "-") } : {};
    const { least } = this.#numbers;
    const asked = this.#gateway.answer({ ...say(said, { stream: isStreamed }), model: "openclaw/patient" }, headers);
    const exchange: Exchange = await held.next();
    exchange.say(" ");
    const done = this.#judge("held", { said, least, most: least }, () => asked);
    const answer = (): void => {
      exchange.say(echoOf(exchange.body as Body));
      exchange.finish();
    };
    return { answer, done };
  }

  async #askOne(client: number, n: number): Promise<void> {
    const gateway = this.#gateway;
    const said = `request ${n}`;
    const { least } = this.#numbers;
    const session = { "x-openclaw-session-key": `of-${client}-${Math.floor(n / 100)}` };
    const judge = (kind: string, ask: () => Promise<string>) => this.#judge(kind, { said, least, most: undefined }, ask);
    switch (n % 10) {
      case 0:
      case 1:
      case 2:
        return judge("JSON", () => gateway.answer(say(said)));
      case 3:
      case 4:
      case 5:
        return judge("SSE", () => gateway.answer(say(said, { stream: true })));
      case 6:
        return judge("JSON in a session", () => gateway.answer(say(said), session));
      case 7:
        return judge("SSE in a session", () => gateway.answer(say(said, { stream: true }), session));
      case 8:
        return judge("WebSocket", () => chatOver(this.#sockets[client]!, said));
      default:
        return this.#judge("/v1/models", undefined, async () => {
          const names = await gateway.models();
          if (typeof names === "number" || !names.includes("main")) throw new Error(`models: ${String(names)}`);
          return "";
        });
    }
  }

  async #judge(kind: string, wanted: Wanted | undefined, ask: () => Promise<string>): Promise<void> {
    try {
      const text = await ask();
      this.kinds[kind] = (this.kinds[kind] ?? 0) + 1;
      if (wanted) this.#check(text, wanted);
    } catch (thrown) {
      this.failures.push(`${kind}: ${String(thrown)}`);
    }
    this.done++;
  }

  #check(text: string, { said, least, most = this.#numbers.most }: Wanted): void {
    const told = JSON.parse(text) as Told;
    if (told.said !== said || told.number < least || told.number > most)
      throw new Error(`${said}: expected of ${least} to ${most}: ${text}`);
  }
}

interface Wanted {
  readonly said: string;
  readonly least: number;
  readonly most: number | undefined;
}

async function chatOver(client: RpcClient, message: string): Promise<string> {
  const { runId } = await client.request("chat.send", { message, sessionKey: message.replace(" ", "-"), idempotencyKey: message });
  const { state, message: reply } = await client.chatEnd(runId);
  client.events.splice(0);
  if (state !== "final") throw new Error(state);
  return (reply?.content ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
}

test("no request of five thousand fails while the config file is edited twenty times, and every edit shows", async () => {
  const held = await startHeldUpstream();
  const folder = await makeFolder();
  const path = join(folder, "openclaw.json");
  const config = firstConfig(held);
  await writeFile(path, JSON.stringify(config));
  const cli = await startCli(["gateway", "--config", path, "--port", "0"], { folder });
  const url = /listens on (\S+)/.exec(await cli.waitFor("stdout", "Try it"))?.[1] as string;
  const gateway = new Running(cli, url);
  const load = new Load(gateway);
  await load.open();

  for (const [index, { name, edit, shows }] of edits.entries()) {
    const number = index + 1;
    const atWork = [];
    for (let n = 0; n < heldPerEdit; n++) atWork.push(await load.hold(held, n));
    const wrong = index % 4 === 3 ? wrongEdits[(index - 3) / 4] : undefined;
    if (wrong !== undefined) {
      const refusals = gateway.count("the config is wrong, and the last good one stays");
      await writeFile(path, typeof wrong === "string" ? wrong : JSON.stringify(wrong));
      await gateway.logged("the config is wrong, and the last good one stays", refusals + 1);
    }
    edit(config);
    config.agents.defaults["systemPrompt"] = `You are number ${number}.`;
    load.expects(index, number);
    const meanwhile = load.ask(totalRequests / edits.length - heldPerEdit - laterPerEdit);
    await waysToWrite[index % waysToWrite.length]!(path, JSON.stringify(config), number);
    await gateway.logged("config applied", number);
    expect({ [name]: gateway.count("config applied") }).toEqual({ [name]: number });
    load.expects(number, number);
    for (const { answer } of atWork) answer();
    await shows(gateway, held);
    await Promise.all([load.ask(laterPerEdit), meanwhile, ...atWork.map(({ done }) => done)]);
    expect(load.failures).toEqual([]);
  }
  await load.close();
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual(config);
  cli.child.kill("SIGTERM");
  expect((await cli.result).code).toBe(0);
  expect(gateway.lines.filter(({ level, msg }) => level >= 50 && !msg.startsWith("the config is wrong"))).toEqual([]);
  const reloads = gateway.count("config applied");
  expect({ requests: load.done, failures: load.failures, reloads }).toEqual({ requests: totalRequests, failures: [], reloads: 20 });
  expect(Math.min(...Object.values(load.kinds))).toBeGreaterThanOrEqual(edits.length * heldPerEdit);
  process.stdout.write(`${load.done} requests, ${load.failures.length} failed, ${reloads} reloads\n`);
}, 300_000);
