/** What a token may not do, it may not do through any face: the same refusal, and the same sessions. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runCli } from "../support/cli.ts";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { RpcClient, RpcFailure } from "../support/rpc-client.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

const secrets: { readonly [name: string]: string } = { main: testToken, laptop: "secret-of-the-laptop", phone: "p", old: "o" };

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  const tokens = [
    { name: "laptop", token: secrets["laptop"], agents: ["beta"], models: ["stub/one"] },
    { name: "phone", token: secrets["phone"] },
    { name: "old", token: secrets["old"], expiresAt: "2020-01-01" },
  ];
  gateway = await startGateway({
    gateway: {
      port: 0,
      auth: { mode: "token", token: testToken, tokens },
      http: { endpoints: { chatCompletions: { enabled: true } } },
    },
    agents: { defaults: { model: "stub/own" }, entries: { main: { default: true }, beta: {} } },
    models: { providers: { stub: { baseUrl: stub.url, models: [{ id: "own" }, { id: "one" }, { id: "two" }] } } },
  });
});

afterAll(() => stub.close());

interface Wish {
  readonly as: string;
  readonly agent?: string;
  readonly model?: string;
  readonly sessionKey?: string;
}

interface Outcome {
  readonly sessionKey?: string;
  readonly error?: { readonly code: string; readonly message: string };
}

async function overHttp({ as, agent, model, sessionKey }: Wish, text: string): Promise<Outcome> {
  const response = await gateway.chat(say(text), {
    authorization: `Bearer ${secrets[as]}`,
    ...(agent === undefined ? {} : { "x-openclaw-agent-id": agent }),
    ...(model === undefined ? {} : { "x-openclaw-model": model }),
    ...(sessionKey === undefined ? {} : { "x-openclaw-session-key": sessionKey }),
  });
  const { error } = (await response.json()) as { error?: { code: string; message: string } };
  const session = response.headers.get("x-openclaw-session-key");
  return {
    ...(error ? { error: { code: error.code, message: error.message } } : {}),
    ...(session === null ? {} : { sessionKey: session }),
  };
}

const onCommandLine = (wish: Wish, text: string): Promise<Outcome> =>
  byCommand(["--config", gateway.configPath, "--as", wish.as], wish, text);

const throughGateway = (wish: Wish, text: string): Promise<Outcome> =>
  byCommand(["--url", gateway.url, "--token", secrets[wish.as]!], wish, text);

async function byCommand(who: readonly string[], { agent, model, sessionKey }: Wish, text: string): Promise<Outcome> {
  const flags = Object.entries({ "--agent": agent, "--model": model, "--session-key": sessionKey });
  const given = flags.flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  const always = ["agent", ...who, "--json", "--message", text];
  const { code, stdout, stderr } = await runCli([...always, ...given], { folder: gateway.folder });
  const { error, sessionKey: session } = JSON.parse(stdout) as Outcome;
  expect({ code, stderr }).toEqual({ code: error ? 1 : 0, stderr: "" });
  return { ...(error ? { error } : {}), ...(session === undefined ? {} : { sessionKey: session }) };
}

async function overWebSocket({ as, agent, model, sessionKey }: Wish, text: string): Promise<Outcome> {
  try {
    const client = await RpcClient.connect(gateway.url, { auth: { token: secrets[as] } });
    const { result } = await client.request("agent", {
      message: text,
      ...(agent === undefined ? {} : { agentId: agent }),
      ...(model === undefined ? {} : { model }),
      ...(sessionKey === undefined ? {} : { sessionKey }),
    });
    await client.close();
    return { sessionKey: result.sessionKey };
  } catch (thrown) {
    if (!(thrown instanceof RpcFailure)) throw thrown;
    // Before a connection is open, clients are told in words of their own which secret was no good.
    return { error: { code: thrown.detail.startsWith("AUTH_") ? "invalid_api_key" : thrown.detail, message: thrown.message } };
  }
}

const faces = [
  { face: "HTTP", ask: overHttp },
  { face: "WebSocket", ask: overWebSocket },
  { face: "the command line", ask: onCommandLine },
  { face: "the command line, through the gateway", ask: throughGateway },
] as const;

describe.each(faces)("over $face a token", ({ ask }) => {
  test.each<[string, Wish, string, string]>([
    ["agent", { as: "laptop", agent: "main" }, "agent_not_allowed", "The token 'laptop' may not use the agent 'main'. Its agents: beta."],
    [
      "agent, by its session's key,",
      { as: "laptop", sessionKey: "agent:main:kitchen" },
      "agent_not_allowed",
      "The token 'laptop' may not use the agent 'main'. Its agents: beta.",
    ],
    [
      "language model",
      { as: "laptop", model: "stub/two" },
      "model_not_allowed",
      "The token 'laptop' may not name the model 'stub/two'. It may name: stub/one.",
    ],
    [
      "user of somebody else's",
      { as: "laptop", sessionKey: "openai-user:phone/ada" },
      "not_found",
      "There is no session 'agent:beta:openai-user:phone/ada' of yours. Use another key.",
    ],
    [
      "time that is over",
      { as: "old" },
      "invalid_api_key",
      "The token 'old' expired at 2020-01-01T00:00:00.000Z. Ask whoever runs the gateway for a new one.",
    ],
  ])("is refused a %s in the same words, and no model is asked", async (_, wish, code, message) => {
    const asked = stub.requestCount;
    expect(await ask(wish, "hi")).toEqual({ error: { code, message } });
    expect(stub.requestCount).toBe(asked);
  });

  test("has the first of its agents where it names none", async () => {
    stub.reply({ text: "Hello." });
    expect((await ask({ as: "laptop" }, "hi")).sessionKey).toMatch(/^agent:beta:openai:/);
  });
});

describe.each([
  { first: faces[0], second: faces[1] },
  { first: faces[1], second: faces[0] },
  { first: faces[0], second: faces[2] },
  { first: faces[2], second: faces[0] },
  { first: faces[2], second: faces[3] },
])("a session that was begun over $first.face", ({ first, second }) => {
  const sessionKey = `begun-${first.ask.name}-${second.ask.name}`;
  const read = (): unknown => (stub.requests.at(-1)?.body as { messages: { content: string }[] }).messages.map(({ content }) => content);

  test("is gone on with over $second.face by its owner and by the gateway's own, and by nobody else", async () => {
    stub.reply({ text: "One." });
    expect(await first.ask({ as: "phone", sessionKey }, "one")).toEqual({ sessionKey: `agent:main:${sessionKey}` });
    stub.reply({ text: "Two." });
    expect(await second.ask({ as: "phone", sessionKey }, "two")).toEqual({ sessionKey: `agent:main:${sessionKey}` });
    expect(read()).toEqual(["one", "One.", "two"]);
    stub.reply({ text: "Three." });
    expect(await second.ask({ as: "main", sessionKey }, "three")).toEqual({ sessionKey: `agent:main:${sessionKey}` });
    expect(read()).toEqual(["one", "One.", "two", "Two.", "three"]);
  });

  test("by the gateway's own secret is nobody else's", async () => {
    const mine = `${sessionKey}-mine`;
    stub.reply({ text: "One." });
    await first.ask({ as: "main", sessionKey: mine }, "one");
    for (const { ask } of faces)
      expect(await ask({ as: "phone", sessionKey: mine }, "two")).toMatchObject({ error: { code: "not_found" } });
  });
});

test("--as asks for a token that is there, and says which are", async () => {
  const args = ["agent", "--config", gateway.configPath, "--message", "hi", "--as", "tablet"];
  expect(await runCli(args, { folder: gateway.folder })).toEqual({
    code: 1,
    stdout: "",
    stderr: "There is no token of that name. There are: main, laptop, phone, old.\n",
  });
});
