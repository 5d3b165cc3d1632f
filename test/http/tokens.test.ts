/** Named tokens over HTTP: what each may use, whose its sessions are, and that no secret is in the log. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { exchangeOf, expectError, problemsOf } from "../support/contract-check.ts";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

const secrets = {
  main: testToken,
  /** May use `beta` only, and name one model. */
  laptop: "canary-laptop-secret",
  /** May do all that is not somebody else's. */
  phone: "canary-phone-비밀",
  ci: "canary-ci-secret",
  old: "canary-expired-secret",
};
type Name = keyof typeof secrets;
const sha256 = (secret: string): string => createHash("sha256").update(secret, "utf8").digest("hex");

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  const tokens = [
    { name: "laptop", token: secrets.laptop, agents: ["beta"], models: ["stub/one"] },
    { name: "phone", token: secrets.phone },
    { name: "ci", sha256: sha256(secrets.ci), agents: ["gamma", "main"], expiresAt: "2999-01-01" },
    { name: "old", token: secrets.old, expiresAt: "2020-01-01" },
  ];
  const chatCompletions = { enabled: true, sessionHeader: "x-session-id", modelAliases: { "gpt-4o": "main" } };
  gateway = await startGateway({
    gateway: { auth: { mode: "token", token: testToken, tokens }, http: { endpoints: { chatCompletions } } },
    agents: {
      defaults: { model: "stub/own", tools: ["memory_save", "memory_recall"] },
      entries: { main: { default: true }, beta: {}, gamma: {} },
    },
    models: { providers: { stub: { baseUrl: stub.url, models: [{ id: "own" }, { id: "one" }, { id: "two" }] } } },
    session: { maxQueued: 0 },
  });
});

afterAll(async () => {
  await gateway.close();
  const log = gateway.logText();
  const known = Object.values(secrets).flatMap((secret) => [secret, sha256(secret)]);
  expect(known.filter((secret) => log.includes(secret))).toEqual([]);
  await stub.close();
});

type Headers = { readonly [name: string]: string };
const as = (name: Name, headers: Headers = {}): { [name: string]: string } => ({
  // fetch takes headers as bytes: a secret beyond ASCII goes as its UTF-8.
  authorization: `Bearer ${Buffer.from(secrets[name], "utf8").toString("latin1")}`,
  ...headers,
});
const key = (value: string): Headers => ({ "x-openclaw-session-key": value });

/** A chat that is answered: the session it was in, and what the model read. */
async function talk(name: Name, text: string, { headers = {}, ...more }: { headers?: Headers; [field: string]: unknown } = {}) {
  stub.reply({ text: `Heard: ${text}` });
  const response = await gateway.chat(say(text, more), as(name, headers));
  expect({ status: response.status, body: await response.json() }).toMatchObject({ status: 200 });
  const { messages, model } = stub.requests.at(-1)?.body as { messages: { content: string }[]; model: string };
  const session = decodeURIComponent(response.headers.get("x-openclaw-session-key") ?? "");
  return { session, model, read: messages.map(({ content }) => content) };
}

/** A chat that is refused as the contract says, before any model is asked. */
async function refusal(name: Name, more: object, headers: Headers, wanted: { status: number; code: string; param: string }) {
  const asked = stub.requestCount;
  const exchange = await exchangeOf(await gateway.chat(say("hi", more), as(name, headers)));
  const { message } = expectError(exchange, wanted);
  expect(problemsOf("createChatCompletion", exchange)).toEqual([]);
  expect(stub.requestCount).toBe(asked);
  return message;
}

describe("the agents of a token", () => {
  const forbidden = { status: 403, code: "agent_not_allowed" };
  const unknown = { status: 404, code: "model_not_found" };

  test.each([
    ["model", { model: "openclaw:main" }, {}],
    ["model", { model: "agent:MAIN" }, {}],
    ["model", { model: "gpt-4o" }, {}],
    ["x-openclaw-agent-id", {}, { "x-openclaw-agent-id": "Main" }],
    ["x-openclaw-session-key", {}, key("agent:main:kitchen")],
    ["x-session-id", {}, { "x-session-id": "agent:main:kitchen" }],
  ])("are the only ones it may name, by %s", async (param, more, headers: Headers) => {
    for (const stream of [false, true]) {
      expect(await refusal("laptop", { ...more, stream }, headers, { ...forbidden, param })).toBe(
        "The token 'laptop' may not use the agent 'main'. Its agents: beta.",
      );
    }
  });

  test("are the only ones it hears of when it names an unknown one", async () => {
    expect(await refusal("laptop", { model: "openclaw:delta" }, {}, { ...unknown, param: "model" })).toBe(
      "There is no agent 'delta'. Agents of the token 'laptop': beta.",
    );
    expect(await refusal("phone", { model: "openclaw:delta" }, {}, { ...unknown, param: "model" })).toBe(
      "There is no agent 'delta'. Configured agents: main, beta, gamma.",
    );
  });

  test("hold a default: the gateway's if it is among them, else the first", async () => {
    expect((await talk("laptop", "hi")).session).toMatch(/^agent:beta:openai:/);
    expect((await talk("laptop", "hi", { model: "openclaw/default" })).session).toMatch(/^agent:beta:openai:/);
    expect((await talk("ci", "hi")).session).toMatch(/^agent:main:openai:/);
    expect((await talk("phone", "hi")).session).toMatch(/^agent:main:openai:/);
    expect((await talk("laptop", "hi", { headers: key("agent:beta:project-7") })).session).toBe("agent:beta:project-7");
    expect((await talk("laptop", "hi", { headers: key("project-8") })).session).toBe("agent:beta:project-8");
  });

  test("are looked at after all of the body", async () => {
    const param = "temperature";
    await refusal("laptop", { model: "openclaw:main", temperature: 5 }, {}, { status: 400, code: "invalid_value", param });
    await refusal("laptop", { model: "openclaw:main", n: 2 }, {}, { status: 400, code: "unsupported_parameter", param: "n" });
  });

  test("are all that it is shown as models", async () => {
    const ids = async (name: Name) => {
      const { data } = (await (await gateway.get("/v1/models", as(name))).json()) as { data: { id: string }[] };
      return data.map(({ id }) => id).join(" ");
    };
    expect(await ids("laptop")).toBe("openclaw openclaw/default openclaw/beta");
    expect(await ids("ci")).toBe("openclaw openclaw/default openclaw/main openclaw/gamma");
    for (const name of ["phone", "main"] as const) {
      expect(await ids(name)).toBe("openclaw openclaw/default openclaw/main openclaw/beta openclaw/gamma");
    }
    expect((await gateway.get("/v1/models/openclaw/beta", as("laptop"))).status).toBe(200);
    const [hidden, absent] = await Promise.all(
      ["main", "delta"].map(async (id) => exchangeOf(await gateway.get(`/v1/models/openclaw/${id}`, as("laptop")))),
    );
    expectError(hidden!, { ...unknown, param: "model" });
    expect(hidden!.text).toBe(absent!.text);
    expect(hidden!.text).not.toContain("openclaw/main");
  });
});

describe("the models of a token", () => {
  const model = (ref: string): Headers => ({ "x-openclaw-model": ref });
  const param = "x-openclaw-model";

  test("are the only ones it may name; the agent's own needs no permission", async () => {
    expect((await talk("laptop", "hi", { headers: model(" stub/one ") })).model).toBe("one");
    expect((await talk("laptop", "hi")).model).toBe("own");
    expect(await refusal("laptop", {}, model("stub/two"), { status: 403, code: "model_not_allowed", param })).toBe(
      "The token 'laptop' may not name the model 'stub/two'. It may name: stub/one.",
    );
    expect((await talk("ci", "hi", { headers: model("stub/two") })).model).toBe("two");
  });

  test("are the only ones it hears of when it names an unknown one", async () => {
    const wanted = { status: 404, code: "model_not_found", param };
    expect(await refusal("laptop", {}, model("stub/three"), wanted)).toBe(
      "There is no model 'stub/three' in the catalogue. Known: stub/one.",
    );
    expect(await refusal("ci", {}, model("stub/three"), wanted)).toContain("stub/two");
  });

  test("do not matter where the agent is not allowed", async () => {
    const headers = { ...model("stub/two"), "x-openclaw-agent-id": "main" };
    await refusal("laptop", {}, headers, { status: 403, code: "agent_not_allowed", param: "x-openclaw-agent-id" });
  });
});

test("a token whose time is over is told so, and one that is wrong is not", async () => {
  const messageFor = async (secret: string): Promise<string> => {
    const exchange = await exchangeOf(await gateway.get("/v1/models", { authorization: `Bearer ${secret}` }));
    expect(problemsOf("listModels", exchange)).toEqual([]);
    return expectError(exchange, { status: 401, code: "invalid_api_key", param: null }).message;
  };
  expect(await messageFor(secrets.old)).toContain("The token 'old' expired at 2020-01-01T00:00:00.000Z.");
  expect(await messageFor(`${secrets.old}x`)).toContain("is wrong");
  expect(await messageFor(sha256(secrets.ci))).toContain("is wrong");
});

test("a named token is locked out like any other secret", async () => {
  const auth = { tokens: [{ name: "laptop", token: secrets.laptop }], rateLimit: { maxAttempts: 1, exemptLoopback: false } };
  const limited = await startGateway({ gateway: { auth } });
  const statusOf = async (secret: string) => (await limited.get("/v1/models", { authorization: `Bearer ${secret}` })).status;
  expect(await statusOf(secrets.laptop)).toBe(200);
  expect(await statusOf("wrong")).toBe(401);
  expect(await statusOf(secrets.laptop)).toBe(429);
});

describe("a session", () => {
  const gone = { status: 404, code: "not_found" };

  test("belongs to the token that made it by its key; to others it does not exist", async () => {
    const headers = key("agent:main:owned");
    await talk("phone", "The code is 4711.", { headers });
    for (const stream of [false, true]) {
      expect(await refusal("ci", { stream }, headers, { ...gone, param: "x-openclaw-session-key" })).toBe(
        "There is no session 'agent:main:owned' of yours. Use another key.",
      );
      await refusal("ci", { stream }, { "x-session-id": "owned" }, { ...gone, param: "x-session-id" });
    }
    expect((await talk("phone", "And then?", { headers })).read).toEqual(["The code is 4711.", "Heard: The code is 4711.", "And then?"]);
  });

  test("of a named token is seen by the gateway's own secret, and stays the token's", async () => {
    const headers = key("shared");
    await talk("phone", "one", { headers });
    expect((await talk("main", "two", { headers })).read).toEqual(["one", "Heard: one", "two"]);
    expect((await talk("phone", "three", { headers })).read).toEqual(["one", "Heard: one", "two", "Heard: two", "three"]);
    await refusal("ci", {}, headers, { ...gone, param: "x-openclaw-session-key" });
  });

  test("of the gateway's own secret is nobody else's", async () => {
    await talk("main", "one", { headers: key("of-main") });
    await talk("main", "one", { user: "ada" });
    await refusal("phone", {}, key("of-main"), { ...gone, param: "x-openclaw-session-key" });
    await refusal("phone", {}, key("openai-user:ada"), { ...gone, param: "x-openclaw-session-key" });
  });

  test("of a user is another for every token", async () => {
    const user = "김철수";
    expect(await talk("phone", "phone's", { user })).toMatchObject({ session: `agent:main:openai-user:phone/${user}`, read: ["phone's"] });
    expect(await talk("ci", "ci's", { user })).toMatchObject({ session: `agent:main:openai-user:ci/${user}`, read: ["ci's"] });
    expect(await talk("main", "main's", { user })).toMatchObject({ session: `agent:main:openai-user:${user}`, read: ["main's"] });
    expect((await talk("ci", "again", { user })).read).toEqual(["ci's", "Heard: ci's", "again"]);
    expect((await talk("main", "seen", { user: `ci/${user}` })).read).toEqual(["ci's", "Heard: ci's", "again", "Heard: again", "seen"]);
  });

  test("of another's user cannot be made before that user comes", async () => {
    for (const name of ["openai-user:bob", "openai-user:ci/bob", "agent:main:openai-user:ci/bob"]) {
      await refusal("phone", {}, key(encodeURIComponent(name)), { ...gone, param: "x-openclaw-session-key" });
    }
    expect((await talk("ci", "hi", { user: "bob" })).read).toEqual(["hi"]);
    expect((await talk("main", "hi", { user: "bob" })).read).toEqual(["hi"]);
  });

  test("that the gateway's own secret made in a token's name is refused to its user by the field's name", async () => {
    await talk("main", "hi", { user: "phone/eve" });
    await refusal("phone", { user: "eve" }, {}, { ...gone, param: "user" });
  });

  test("that is at work does not let others wait for it, so they cannot tell that it is there", async () => {
    const headers = key("at-work");
    await talk("phone", "hi", { headers });
    stub.reply("hang");
    const seen = stub.requestCount;
    const leave = new AbortController();
    const pending = gateway.chat(say("wait"), as("phone", headers), leave.signal).catch(() => undefined);
    await stub.waitForRequest(seen + 1);
    expect((await gateway.chat(say("hi"), as("main", headers))).status).toBe(429);
    await refusal("ci", {}, headers, { ...gone, param: "x-openclaw-session-key" });
    leave.abort();
    await pending;
  });

  test("that two tokens begin at once is the first one's from its beginning, and the second hears nothing of it", async () => {
    const held = await startHeldUpstream();
    const tokens = (["phone", "ci"] as const).map((name) => ({ name, token: secrets[name] }));
    const raced = await startGateway({
      gateway: { auth: { mode: "token", token: testToken, tokens }, http: { endpoints: { chatCompletions: { enabled: true } } } },
      agents: { defaults: { model: "held/any" } },
      models: { providers: { held: { baseUrl: held.url } } },
    });
    const headers = key("raced");
    const first = raced.chat(say("The code is 4711."), as("phone", headers));
    const asked = await held.next();
    const second = await raced.chat(say("hi", { stream: true }), as("ci", headers));
    expect({ status: second.status, body: await second.json() }).toMatchObject({
      status: 404,
      body: { error: { code: "not_found", param: "x-openclaw-session-key" } },
    });
    asked.say("Noted.");
    asked.finish();
    expect((await first).status).toBe(200);
    expect(held.count).toBe(1);
  });

  test("takes its memory along, whoever goes on with it", async () => {
    const headers = key("remembered");
    stub.reply({ toolCalls: [{ name: "memory_save", arguments: '{"name":"code","value":"4711"}' }] }, { text: "Saved." });
    expect((await gateway.chat(say("remember"), as("phone", headers))).status).toBe(200);
    stub.reply({ toolCalls: [{ name: "memory_save", arguments: '{"name":"door","value":"green"}' }] }, { text: "Saved." });
    expect((await gateway.chat(say("remember"), as("main", headers))).status).toBe(200);
    stub.reply({ toolCalls: [{ name: "memory_recall", arguments: "{}" }] }, { text: "Recalled." });
    expect((await gateway.chat(say("recall"), as("phone", headers))).status).toBe(200);
    const { messages } = stub.requests.at(-1)?.body as { messages: { role: string; content: string }[] };
    expect(messages.at(-1)).toMatchObject({ role: "tool", content: expect.stringMatching(/4711[^]*green/) as unknown });
    await refusal("ci", {}, headers, { ...gone, param: "x-openclaw-session-key" });
  });

  test("is not needed: what is stateless is nobody's", async () => {
    for (const name of ["phone", "ci", "laptop", "main"] as const) expect((await talk(name, "hi")).read).toEqual(["hi"]);
  });
});

test("the log says who it was, by name", async () => {
  await talk("laptop", "hi", { headers: { "x-request-id": "logged-1" } });
  await gateway.get("/v1/models", { authorization: "Bearer wrong", "x-request-id": "logged-2" });
  await gateway.get("/healthz", { "x-request-id": "logged-3" });
  const lines = gateway.log();
  const line = (requestId: string) => lines.find((one) => one["requestId"] === requestId);
  expect(line("logged-1")).toMatchObject({ msg: "request", principal: "laptop" });
  expect(lines.find(({ runId, msg }) => msg === "run ended" && runId === line("logged-1")?.["runId"])).toMatchObject({
    principal: "laptop",
  });
  for (const requestId of ["logged-2", "logged-3"]) expect(line(requestId)).not.toHaveProperty("principal");
});
