/** Which agent, which session and which language model a request gets, and how the reply says so. */
import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Exchange, exchangeOf, expectError } from "../support/contract-check.ts";
import { say, startGateway, type TestConfig, type TestGateway, testToken } from "../support/gateway.ts";
import { head, sendRaw } from "../support/raw-http.ts";
import { startStubUpstream } from "../support/stub-upstream.ts";

type Headers = { [name: string]: string };
const keyHeader = "x-openclaw-session-key";
const agentHeader = "x-openclaw-agent-id";
const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const defaults = { model: "builtin/offline" };

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    gateway: {
      http: {
        endpoints: {
          chatCompletions: { enabled: true, modelAliases: { "gpt-4o": "beta", "Team/Écrire": "main" }, sessionHeader: "X-Session-Id" },
        },
      },
    },
    agents: { defaults, entries: { main: { default: true }, beta: {}, "x-1_y": {} } },
  });
});

async function ask(body: object, headers: Headers = {}, of = gateway): Promise<Exchange> {
  return exchangeOf(await of.chat({ ...say("hi"), ...body }, headers));
}

/** The session key of a reply as it stands in the header. */
async function keyOf(body: object, headers: Headers = {}, of = gateway): Promise<string> {
  const { status, headers: replied, text } = await ask(body, headers, of);
  expect([status, status === 200 ? "" : text]).toEqual([200, ""]);
  return replied[keyHeader] ?? "";
}

async function agentOf(body: object, headers: Headers = {}, of = gateway): Promise<string> {
  return /^agent:([^:]*):/.exec(await keyOf(body, headers, of))?.[1] ?? "";
}

describe("the agent", () => {
  test.each([
    ["openclaw", "main"],
    ["openclaw/default", "main"],
    ["openclaw:default", "main"],
    ["OpenClaw", "main"],
    ["openclaw:main", "main"],
    ["openclaw/main", "main"],
    ["agent:main", "main"],
    ["openclaw:beta", "beta"],
    ["openclaw/beta", "beta"],
    ["agent:beta", "beta"],
    ["OPENCLAW:BETA", "beta"],
    ["openclaw/Beta", "beta"],
    ["Agent:BETA", "beta"],
    ["openclaw:x-1_y", "x-1_y"],
    ["gpt-4o", "beta"],
    ["Team/Écrire", "main"],
  ])("of the model %s is %s, and the model is echoed as it was sent", async (model, agent) => {
    expect(await agentOf({ model })).toBe(agent);
    expect(JSON.parse((await ask({ model })).text)).toMatchObject({ model });
    expect((await ask({ model, stream: true })).text).toContain(`"model":${JSON.stringify(model)}`);
  });

  test.each([
    ["openclaw", "beta", "beta"],
    ["openclaw", "BETA", "beta"],
    ["openclaw", " beta ", "beta"],
    ["openclaw/default", "beta", "beta"],
    ["openclaw:default", "beta", "beta"],
    ["openclaw:beta", "beta", "beta"],
    ["agent:Beta", "bETA", "beta"],
    ["gpt-4o", "beta", "beta"],
    ["openclaw", "", "main"],
    ["agent:beta", "", "beta"],
  ])("of the model %s with the header %j is %s", async (model, header, agent) => {
    expect(await agentOf({ model }, { [agentHeader]: header })).toBe(agent);
  });

  test.each([
    ["openclaw:main", "beta"],
    ["openclaw:beta", "main"],
    ["agent:beta", "gamma"],
    ["gpt-4o", "main"],
  ])("cannot be both that of the model %s and that of the header %s", async (model, header) => {
    expectError(await ask({ model }, { [agentHeader]: header }), { status: 400, code: "invalid_value", param: agentHeader });
  });

  test.each([
    ["openclaw:gamma", "gamma"],
    ["openclaw/gamma", "gamma"],
    ["agent:gamma", "gamma"],
    ["agent:default", "default"],
    ["openclaw:", "main, beta"],
    ["openclaw/", "main, beta"],
    ["openclaw:main:x", "main, beta"],
    ["openclaw: main", "main, beta"],
    ["openclaw:__proto__", "main, beta"],
    ["openclaw:constructor", "main, beta"],
    [`agent:${"a".repeat(5000)}`, "main, beta"],
    ["gpt-4", "openclaw"],
    ["gpt-4O", "openclaw"],
    ["openai/gpt-4o", "openclaw"],
    ["builtin/offline", "openclaw"],
    ["main", "openclaw"],
    ["toString", "openclaw"],
    ["", "openclaw"],
    ["오픈클로", "openclaw"],
  ])("of the model %.60s is nobody: 404 that names the known ones", async (model, shown) => {
    const { message } = expectError(await ask({ model }), { status: 404, code: "model_not_found", param: "model" });
    expect(message).toContain(shown);
    expect(message.length).toBeLessThan(500);
  });

  test.each(["gamma", "openclaw:beta", "a b", "-x", "a".repeat(65), "constructor"])("of the header %s is nobody", async (header) => {
    const { message } = expectError(await ask({}, { [agentHeader]: header }), { status: 404, code: "model_not_found", param: agentHeader });
    expect(message).toContain("main, beta");
  });

  test("is that of the session key when nothing else names one", async () => {
    expect(await agentOf({}, { [keyHeader]: "agent:beta:kitchen" })).toBe("beta");
    expect(await agentOf({ model: "openclaw/default" }, { [keyHeader]: "AGENT:Beta:kitchen" })).toBe("beta");
    expectError(await ask({}, { [keyHeader]: "agent:gamma:kitchen" }), { status: 404, code: "model_not_found", param: keyHeader });
  });
});

describe("the agent of a request that names none", () => {
  test.each<[string, string, object | undefined]>([
    ["the one that is default", "beta", { defaults, entries: { main: {}, alpha: {}, beta: { default: true } } }],
    ["main, when none is default", "main", { defaults, entries: { alpha: {}, main: {}, beta: {} } }],
    ["the first, when there is no main", "zulu", { defaults, entries: { zulu: {}, alpha: {} } }],
    ["the first of a list", "zulu", { defaults, list: [{ id: "Zulu" }, { id: "alpha" }] }],
    ["main, when none is configured", "main", { defaults }],
  ])("is %s", async (_which, agent, agents) => {
    const other = await startGateway({ agents } as TestConfig);
    for (const model of ["openclaw", "openclaw/default", "openclaw:default"]) expect(await agentOf({ model }, {}, other)).toBe(agent);
    const { data } = (await (await other.get("/v1/models")).json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id).slice(0, 2)).toEqual(["openclaw", "openclaw/default"]);
    expect(data.map(({ id }) => id)).toContain(`openclaw/${agent}`);
    await other.close();
  });
});

describe("the session", () => {
  test("of a request without a key and a user is its own, a new one each time", async () => {
    const keys = [
      await keyOf({}),
      await keyOf({}),
      await keyOf({ model: "agent:beta" }),
      await keyOf({ user: "  " }),
      await keyOf({ user: "" }),
    ];
    expect(keys[0]).toMatch(new RegExp(`^agent:main:openai:${uuid}$`));
    expect(keys[2]).toMatch(new RegExp(`^agent:beta:openai:${uuid}$`));
    expect(keys[3]).toMatch(new RegExp(`^agent:main:openai:${uuid}$`));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test.each([
    ["alice", "alice"],
    ["  Alice  ", "Alice"],
    ["alice@example.org", "alice@example.org"],
    ["a b", "a%20b"],
    ["100%", "100%25"],
    ["민지", "%EB%AF%BC%EC%A7%80"],
    ["🦀", "%F0%9F%A6%80"],
    ["a:b/c", "a:b/c"],
  ])("of the user %s stays the same", async (user, inKey) => {
    expect(await keyOf({ user })).toBe(`agent:main:openai-user:${inKey}`);
    expect(await keyOf({ user, stream: true })).toBe(`agent:main:openai-user:${inKey}`);
    expect(await keyOf({ user, model: "agent:beta" })).toBe(`agent:beta:openai-user:${inKey}`);
  });

  test.each([
    ["kitchen", "agent:main:kitchen"],
    ["agent:main:kitchen", "agent:main:kitchen"],
    ["AGENT:MAIN:Kitchen", "agent:main:Kitchen"],
    ["a:b", "agent:main:a:b"],
    ["agents", "agent:main:agents"],
    ["agent:", "agent:main:agent:"],
    ["%EB%AF%BC%EC%A7%80", "agent:main:%EB%AF%BC%EC%A7%80"],
    ["100%25", "agent:main:100%25"],
    ["100%", "agent:main:100%25"],
    ["a%20b", "agent:main:a%20b"],
    ["a b", "agent:main:a%20b"],
    ["%20a%20", "agent:main:a"],
    ["my:subagent:x", "agent:main:my:subagent:x"],
    ["openai-user:alice", "agent:main:openai-user:alice"],
    ["x".repeat(512 - "agent:main:".length), `agent:main:${"x".repeat(512 - "agent:main:".length)}`],
  ])("of the key %.60s is named in the reply, streamed or not", async (key, replied) => {
    expect(await keyOf({}, { [keyHeader]: key })).toBe(replied);
    expect(await keyOf({ stream: true }, { [keyHeader]: key })).toBe(replied);
    // What the reply names leads back to it.
    expect(await keyOf({}, { [keyHeader]: replied })).toBe(replied);
  });

  test.each([
    ["of another agent", "agent:beta:kitchen", { model: "openclaw:main" }],
    ["that is empty", "", {}],
    ["that is blank", "%20", {}],
    ["without a rest", "agent:main:", {}],
    ["for subagents", "subagent:x", {}],
    ["for cron", "cron:x", {}],
    ["for acp", "ACP:x", {}],
    ["for subagents, in full", "agent:main:subagent:x", {}],
    ["for subagents, in disguise", "%73ubagent:x", {}],
    ["with a line break", "a%0Ab", {}],
    ["with a NUL", "a%00b", {}],
    ["with a C1 control character", "a%C2%85b", {}],
    ["with a line separator", "a%E2%80%A8b", {}],
    ["that is too long", "x".repeat(513 - "agent:main:".length), {}],
  ])("cannot be had by a key %s", async (_what, key, body) => {
    const reply = await sendChat({ ...say("hi"), ...body }, { [keyHeader]: key });
    expectError(reply, { status: 400, code: "invalid_value", param: keyHeader });
  });

  test("of a key wins over the one of the user, which a client's own header does too", async () => {
    expect(await keyOf({ user: "alice" }, { [keyHeader]: "kitchen" })).toBe("agent:main:kitchen");
    expect(await keyOf({ user: "alice" }, { "x-session-id": "garden" })).toBe("agent:main:garden");
    expect(await keyOf({}, { "x-session-id": "garden", [keyHeader]: "kitchen" })).toBe("agent:main:kitchen");
    expect(await keyOf({ user: "alice" }, { "x-session-id": " " })).toBe("agent:main:openai-user:alice");
  });

  test("of a client's own header follows the same rules, under the header's own name", async () => {
    expect(await agentOf({}, { "x-session-id": "agent:beta:garden" })).toBe("beta");
    expect(await keyOf({}, { "x-session-id": "%EB%AF%BC" })).toBe("agent:main:%EB%AF%BC");
    for (const key of ["cron:x", "a%0Ab", "x".repeat(600)]) {
      expectError(await ask({}, { "x-session-id": key }), { status: 400, code: "invalid_value", param: "x-session-id" });
    }
  });

  test("is not chosen by such a header unless the config names it", async () => {
    const plain = await startGateway();
    expect(await keyOf({}, { "x-session-id": "garden" }, plain)).toMatch(/^agent:main:openai:/);
    await plain.close();
  });

  test("of a Korean user is the one that its reply header leads back to", async () => {
    await ask({ user: "민지", messages: [{ role: "user", content: "my favourite colour is teal" }] });
    const key = await keyOf({ user: "민지" });
    const reply = await ask({ messages: [{ role: "user", content: "what did I say before?" }] }, { [keyHeader]: key });
    expect(reply.text).toContain("teal");
    const elsewhere = await ask({ messages: [{ role: "user", content: "what did I say before?" }] }, { [keyHeader]: "agent:main:nowhere" });
    expect(elsewhere.text).not.toContain("teal");
  });
});

/** Node's fetch refuses an empty header value at times; a socket does not. */
function sendChat(body: object, headers: Headers): Promise<Exchange> {
  const text = JSON.stringify(body);
  const all = {
    authorization: `Bearer ${testToken}`,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
    ...headers,
  };
  return sendRaw(gateway.url, head("POST /v1/chat/completions", all), text);
}

describe("the reply", () => {
  test("names its run, and its id is made of that", async () => {
    const whole = await ask({});
    const run = whole.headers["x-openclaw-run-id"] ?? "";
    expect(run).toMatch(/^[0-9a-f]+$/);
    expect(JSON.parse(whole.text)).toMatchObject({ id: `chatcmpl-${run}` });
    const streamed = await ask({ stream: true });
    expect(streamed.headers["x-openclaw-run-id"]).not.toBe(run);
    expect(streamed.text).toContain(`"id":"chatcmpl-${streamed.headers["x-openclaw-run-id"]}"`);
  });

  test("is the same whatever the client accepts", async () => {
    for (const accept of ["application/json", "text/event-stream", "text/plain", "image/png;q=0", "*/*"]) {
      expect((await ask({ stream: true }, { accept })).headers["content-type"]).toBe("text/event-stream; charset=utf-8");
      expect((await ask({}, { accept })).headers["content-type"]).toBe("application/json; charset=utf-8");
    }
  });

  test("names neither a session nor a run when it is an error", async () => {
    const { headers } = await ask({ model: "openclaw:gamma" }, { [keyHeader]: "kitchen" });
    expect(Object.keys(headers).filter((name) => name.startsWith("x-openclaw"))).toEqual([]);
  });
});

describe("the language model", () => {
  test("of the header serves this run, split at the first slash, and only if it is known", async () => {
    const stub = await startStubUpstream();
    const other = await startGateway({
      models: { providers: { stub: { baseUrl: stub.url, models: [{ id: "small" }, { id: "meta/llama" }] } } },
    });
    for (const id of ["small", "meta/llama"]) {
      const reply = await ask({}, { "x-openclaw-model": `stub/${id}` }, other);
      expect(JSON.parse(reply.text)).toMatchObject({ model: "openclaw", choices: [{ message: { content: "Hello from the stub." } }] });
      expect(stub.requests.at(-1)?.body).toMatchObject({ model: id });
    }
    expect((await ask({}, {}, other)).text).not.toContain("Hello from the stub.");
    for (const ref of ["stub/large", "stub", "nobody/small", "small", "/", "stub/"]) {
      const { message } = expectError(await ask({}, { "x-openclaw-model": ref }, other), {
        status: 404,
        code: "model_not_found",
        param: "x-openclaw-model",
      });
      expect(message).toContain("stub/small");
    }
    expect(stub.requestCount).toBe(2);
    await other.close();
    await stub.close();
  });

  test("is not chosen by anything in the body", async () => {
    const stub = await startStubUpstream();
    const body = {
      base_url: stub.url,
      api_base: stub.url,
      provider: "stub",
      "x-openclaw-model": "stub/small",
      extra_headers: { "x-openclaw-model": "a/b" },
    };
    expect((await ask(body)).status).toBe(200);
    expect(stub.requestCount).toBe(0);
    await stub.close();
  });
});

describe("the list of models", () => {
  test("is that of the agents, in the order of the file, with the default one in front", async () => {
    const before = Math.floor(Date.now() / 1000) - 3600;
    const list = (await (await gateway.get("/v1/models")).json()) as { object: string; data: { [key: string]: unknown }[] };
    expect(list.object).toBe("list");
    expect(list.data.map((model) => model["id"])).toEqual([
      "openclaw",
      "openclaw/default",
      "openclaw/main",
      "openclaw/beta",
      "openclaw/x-1_y",
    ]);
    for (const model of list.data) {
      expect(model).toEqual({ id: model["id"], object: "model", created: model["created"], owned_by: "openclaw" });
      expect(model["created"] as number).toBeGreaterThan(before);
      expect(model["created"] as number).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000));
    }
  });

  test("offers only what the chat takes", async () => {
    const { data } = (await (await gateway.get("/v1/models")).json()) as { data: { id: string }[] };
    for (const { id } of data) expect((await ask({ model: id })).status).toBe(200);
  });

  test.each([
    ["openclaw", "openclaw"],
    ["openclaw/main", "openclaw/main"],
    ["openclaw%2Fmain", "openclaw/main"],
    ["openclaw%2fbeta", "openclaw/beta"],
    ["openclaw/default", "openclaw/default"],
    ["OpenClaw/Beta", "openclaw/beta"],
    ["openclaw/x-1_y?api-version=2024-10-21&x=%zz", "openclaw/x-1_y"],
    ["%6Fpenclaw", "openclaw"],
  ])("has one entry at /v1/models/%s", async (path, id) => {
    const reply = await gateway.get(`/v1/models/${path}`);
    expect(reply.status).toBe(200);
    const list = (await (await gateway.get("/v1/models")).json()) as { data: { id: string }[] };
    expect(await reply.json()).toEqual(list.data.find((model) => model.id === id));
  });

  test.each([
    "gamma",
    "openclaw/gamma",
    "openclaw%2Fgamma",
    "openclaw//main",
    "openclaw/main/x",
    "gpt-4",
    "..%2f..%2fetc",
    "%00",
    "__proto__",
  ])("has no entry at /v1/models/%s", async (path) => {
    const { message } = expectError(await exchangeOf(await gateway.get(`/v1/models/${path}`)), {
      status: 404,
      code: "model_not_found",
      param: "model",
    });
    expect(message).toContain("openclaw/main");
  });

  test("is disabled together with the endpoint", async () => {
    const disabled = await startGateway({ gateway: { http: {} } });
    for (const path of ["/v1/models", "/v1/models/openclaw"]) {
      const { message } = expectError(await exchangeOf(await disabled.get(path)), { status: 404, code: "endpoint_disabled", param: null });
      expect(message).toContain("gateway.http.endpoints.chatCompletions.enabled");
    }
    expectError(await exchangeOf(await disabled.chat(say("hi"))), { status: 404, code: "endpoint_disabled" });
    for (const path of ["/healthz", "/readyz", "/openapi.json", "/docs"]) expect((await disabled.get(path)).status).toBe(200);
    await disabled.close();
  });
});

describe("a request", () => {
  test.each(["/v1/models", "/v1/models/openclaw/main", "/healthz", "/readyz", "/openapi.json", "/docs"])(
    "with HEAD has the head of GET and no body: %s",
    async (path) => {
      const init = (method: string) => ({ method, headers: { authorization: `Bearer ${testToken}` } });
      const [asked, got] = [await fetch(gateway.url + path, init("HEAD")), await fetch(gateway.url + path, init("GET"))];
      expect([asked.status, await asked.text()]).toEqual([200, ""]);
      for (const name of ["content-type", "content-length", "x-content-type-options"]) {
        expect([name, asked.headers.get(name)]).toEqual([name, got.headers.get(name)]);
      }
    },
  );

  test("with HEAD is refused as GET is", async () => {
    for (const [path, status] of [
      ["/v1/models/gamma", 404],
      ["/nowhere", 404],
      ["/v1/sessions/x/reset", 405],
    ] as const) {
      const reply = await fetch(gateway.url + path, { method: "HEAD", headers: { authorization: `Bearer ${testToken}` } });
      expect([path, reply.status, await reply.text()]).toEqual([path, status, ""]);
    }
  });

  test("may have any query", async () => {
    const init = { authorization: `Bearer ${testToken}`, "content-type": "application/json" };
    for (const query of ["?", "?api-version=2024-10-21", "?stream=true&model=x", "?%zz", "?a=1&a=2"]) {
      const chat = await fetch(`${gateway.url}/v1/chat/completions${query}`, {
        method: "POST",
        headers: init,
        body: JSON.stringify(say("hi")),
      });
      expect([query, chat.status, chat.headers.get("content-type")]).toEqual([query, 200, "application/json; charset=utf-8"]);
      expect((await gateway.get(`/v1/models${query}`)).status).toBe(200);
    }
  });
});
