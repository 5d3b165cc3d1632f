/**
 * Sessions that outgrow their model, by what the language model is sent and what the transcript keeps; and requests that
 * are too long and have nothing that may be left out. The rules are "What fits into the model" in docs/sessions.md.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, type StubReply, type StubRequest, type StubScript, type StubUpstream } from "../support/stub-upstream.ts";
import { foldStream } from "./event-stream.ts";

type Message = { readonly role: string; readonly content?: unknown; readonly [field: string]: unknown };

const window = 2000;
const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });
/** About 100 tokens. */
const long = (text: string): string => text.padEnd(300, ".");
const tooLong: StubScript = { status: 400, body: { error: { message: "Too long.", code: "context_length_exceeded" } } };

let stub: StubUpstream;
let gateway: TestGateway;
let before: number;
let session: string;
let count = 0;

beforeAll(async () => {
  stub = await startStubUpstream();
  const small = { id: "small", contextWindow: window, maxTokens: 200 };
  const listed = { baseUrl: stub.url, models: [small, { id: "large", contextWindow: 5 * window, maxTokens: 200 }] };
  gateway = await startGateway({
    models: { providers: { listed, open: { baseUrl: stub.url } } },
    agents: {
      defaults: { model: "listed/small" },
      entries: {
        main: { default: true },
        calculating: { tools: ["calculator"], maxTurns: 20 },
        open: { model: "open/any" },
        falling: { model: { primary: "listed/large", fallbacks: ["listed/small"] } },
      },
    },
  });
});
beforeEach(() => {
  before = stub.requestCount;
  session = `long-${++count}`;
  stub.always({ text: "Hello from the stub." });
});
afterAll(() => stub.close());

/** What the model was sent in each of its calls since the test began. */
const sent = (): Message[][] => stub.requests.slice(before).map(({ body }) => body.messages as unknown as Message[]);
const charactersOf = (messages: readonly Message[]): number => JSON.stringify(messages).length;

interface Transcript {
  readonly data: readonly Message[];
  readonly has_more: boolean;
}

describe.each([
  ["not streamed", false],
  ["streamed", true],
])("%s", (_how, stream) => {
  async function request(
    messages: readonly Message[],
    { agent = "main", key = session }: { agent?: string; key?: string | null } = {},
  ): Promise<Response> {
    return gateway.chat(
      { model: `openclaw:${agent}`, messages, stream },
      key === null ? {} : { "x-openclaw-session-key": `agent:${agent}:${key}` },
    );
  }

  async function ask(messages: readonly Message[], of: { agent?: string } = {}): Promise<string> {
    const response = await request(messages, of);
    if (!response.ok) throw new Error(await response.text());
    if (stream) return (await foldStream(response)).text;
    return ((await response.json()) as { choices: [{ message: { content: string } }] }).choices[0].message.content;
  }

  async function refusalOf(response: Response): Promise<{ status: number; code: string; param: string | null; message: string }> {
    const { error } = (await response.json()) as { error: { code: string; param: string | null; message: string } };
    return { status: response.status, code: error.code, param: error.param, message: error.message };
  }

  /** A session of so many turns, each said on its own. */
  async function talk(turns: number, of: { agent?: string } = {}): Promise<Message[]> {
    const said: Message[] = [];
    for (let turn = 1; turn <= turns; turn++) {
      stub.reply({ text: long(`answer ${turn}`) });
      said.push(user(long(`question ${turn}`)), assistant(await ask([user(long(`question ${turn}`))], of)));
    }
    return said;
  }

  async function readTranscript(agent = "main"): Promise<Message[]> {
    const path = `/v1/sessions/${encodeURIComponent(`agent:${agent}:${session}`)}/messages?limit=100`;
    const { data, has_more } = (await (await gateway.get(path)).json()) as Transcript;
    expect(has_more).toBe(false);
    return data.map(({ role, content }) => ({ role, content }));
  }

  test("a session that outgrows its model is read in its newest whole turns, and its transcript keeps them all", async () => {
    const said = await talk(20);
    const system = { role: "system", content: long("Be brief.") };
    await ask([system, user("next")]);
    const [instructions, ...read] = sent().at(-1)!;
    expect(instructions).toEqual(system);
    const all = [...said, user("next")];
    expect(read).toEqual(all.slice(-read.length));
    expect(read[0]).toMatchObject({ role: "user" });
    expect(read.length).toBeGreaterThan(10);
    expect(read.length).toBeLessThan(20);
    expect(await readTranscript()).toEqual([...all, assistant("Hello from the stub.")]);
  });

  test("the agent's calls and their results are never read without each other", async () => {
    for (let turn = 1; turn <= 16; turn++) {
      const id = `own-${turn}`;
      stub.reply(
        { text: long("I calculate."), toolCalls: [{ id, name: "calculator", arguments: '{"expression":"6*7"}' }] },
        { text: "42." },
      );
      await ask([user(`question ${turn}`)], { agent: "calculating" });
    }
    const read = sent().at(-2)!;
    expect(read.length).toBeLessThan(16 * 4 - 3);
    expect(read.map(({ role }) => role)).toEqual([
      ...Array.from({ length: (read.length - 1) / 4 }, () => ["user", "assistant", "tool", "assistant"]).flat(),
      "user",
    ]);
    expect(await readTranscript("calculating")).toHaveLength(16 * 4);
  });

  test("what the agent's tools answer pushes out older turns, never the run's own", async () => {
    await talk(7, { agent: "calculating" });
    const call = (id: string): StubReply => ({
      text: long(id),
      toolCalls: [{ id, name: "calculator", arguments: '{"expression":"6*7"}' }],
    });
    stub.reply(...Array.from({ length: 8 }, (_, index) => call(`own-${index}`)), { text: "Done." });
    await ask([user("question 8")], { agent: "calculating" });
    const [first, ...later] = sent().slice(-9);
    const last = later.at(-1)!;
    expect(first).toHaveLength(7 * 2 + 1);
    expect(last.slice(-8 * 2 - 1)[0]).toEqual(user("question 8"));
    expect(last.length).toBeLessThan(7 * 2 + 8 * 2 + 1);
    for (const read of later) expect(read[0]).toMatchObject({ role: "user" });
  });

  test("history that is resent and clearly too long answers 400 context_length_exceeded, with a session or without", async () => {
    const said = Array.from({ length: 40 }, (_, index) => [user(long(`question ${index}`)), assistant(long(`answer ${index}`))]).flat();
    const wanted = { status: 400, code: "context_length_exceeded", param: "messages" };
    expect(await refusalOf(await request([...said, user("next")]))).toMatchObject(wanted);
    expect(await refusalOf(await request([...said, user("next")], { key: null }))).toMatchObject(wanted);
    expect(sent()).toEqual([]);
  });

  test("input that is clearly too long by itself answers 400 context_length_exceeded, and the session goes on without it", async () => {
    const said = await talk(1);
    const asked = stub.requestCount;
    expect(await refusalOf(await request([user("x".repeat(20_000))]))).toEqual({
      status: 400,
      code: "context_length_exceeded",
      param: "messages",
      message:
        "The input has at least 3333 tokens, and the model 'listed/small' reads no more than 2000 (its contextWindow in models.providers). Shorten it.",
    });
    expect(stub.requestCount).toBe(asked);
    await ask([user("next")]);
    expect(sent().at(-1)).toEqual([...said, user("next")]);
  });

  test("a session that its provider finds too long is read in fewer turns, until the provider takes it", async () => {
    const said = await talk(16, { agent: "open" });
    const most = charactersOf(said) / 3;
    stub.always(({ body }: StubRequest) => (charactersOf(body.messages) > most ? tooLong : { text: "At last." }));
    const asked = stub.requestCount - before;
    expect(await ask([user("next")], { agent: "open" })).toBe("At last.");
    const all = [...said, user("next")];
    const read = sent().slice(asked);
    expect(read.map((messages) => messages.length)).toEqual([33, 15, 7]);
    for (const messages of read) expect(messages).toEqual(all.slice(-messages.length));
    expect(await readTranscript("open")).toEqual([...all, assistant("At last.")]);
  });

  test("a session of which its provider takes nothing answers with the provider's words", async () => {
    await talk(3, { agent: "open" });
    stub.always(tooLong);
    const { message, ...refusal } = await refusalOf(await request([user("next")], { agent: "open" }));
    expect(refusal).toEqual({ status: 400, code: "context_length_exceeded", param: null });
    expect(message).toContain("Too long.");
    expect(sent().at(-1)).toEqual([user("next")]);
  });

  test("history that is resent is not asked for again when its provider finds it too long", async () => {
    const said = await talk(3, { agent: "open" });
    stub.always(tooLong);
    const asked = stub.requestCount;
    for (const key of [session, null]) {
      const refusal = await refusalOf(await request([...said, user("next")], { agent: "open", key }));
      expect(refusal).toMatchObject({ status: 400, code: "context_length_exceeded" });
      expect(refusal.message).toContain("Too long.");
    }
    expect(stub.requestCount).toBe(asked + 2);
    expect(sent().at(-1)).toEqual([...said, user("next")]);
  });

  test("a fallback with a smaller window reads less than the model that it stands in for", async () => {
    const said = await talk(20, { agent: "falling" });
    stub.always(({ body }: StubRequest) => (body.model === "large" ? { status: 404 } : { text: "Here I am." }));
    expect(await ask([user("next")], { agent: "falling" })).toBe("Here I am.");
    const [large, small] = sent().slice(-2);
    const all = [...said, user("next")];
    expect(large).toEqual(all);
    expect(small).toEqual(all.slice(-small!.length));
    expect(small!.length).toBeLessThan(20);
  });
});
