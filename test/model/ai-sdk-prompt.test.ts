/** What becomes of conversations that Anthropic would not take as they are, over real sockets. */
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { AssistantMessage, Message } from "../../src/domain/message.ts";
import type { Model, ModelCatalog, ModelRequest, ModelSettings } from "../../src/domain/model.ts";
import { openModelCatalog } from "../../src/model/catalog.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { ask, assistant, call, provider, result, system, user } from "./conversation.ts";

interface Body {
  readonly max_tokens: number;
  readonly thinking?: object;
  readonly system?: readonly { readonly text: string }[];
  readonly tools?: readonly { readonly name: string }[];
  readonly tool_choice?: object;
  readonly output_config?: object;
  readonly messages: readonly { readonly role: string; readonly content: readonly Block[] }[];
  readonly contents: readonly { readonly role: string; readonly parts: readonly object[] }[];
}

interface Block {
  readonly type: string;
  readonly id?: string;
  readonly tool_use_id?: string;
  readonly content?: string;
}

let stub: StubUpstream;
let catalog: ModelCatalog;
let claude: Model;
let gemini: Model;
beforeEach(async () => {
  stub = await startStubUpstream();
  catalog = openModelCatalog([
    provider(stub.anthropicUrl, { id: "anthropic", api: "anthropic-messages", apiKey: "key-a" }),
    provider(stub.anthropicUrl, {
      id: "listed",
      api: "anthropic-messages",
      apiKey: "key-a",
      models: [{ id: "claude-3-7-sonnet", takesImages: true, maxTokens: 4000 }],
    }),
    provider(stub.googleUrl, { id: "google", api: "google-generative-ai", apiKey: "key-g" }),
  ]);
  claude = catalog.find("anthropic/claude-sonnet-4-20250514")!;
  gemini = catalog.find("google/gemini-2.5-flash")!;
});
afterEach(async () => {
  await catalog.close();
  await stub.close();
});

async function bodyFor(model: Model, messages: string | readonly Message[], more: Partial<ModelRequest> = {}): Promise<Body> {
  await ask(model, messages, more);
  return JSON.parse(stub.requests.at(-1)!.text) as Body;
}

const tools = [{ name: "add" }, { name: "now" }];
const blocksOf = (body: Body): readonly Block[] => body.messages.flatMap(({ content }) => content);
const callIds = (body: Body) => blocksOf(body).flatMap(({ type, id }) => (type === "tool_use" ? [id] : []));
const resultsOf = (body: Body) => blocksOf(body).flatMap(({ tool_use_id: id, content }) => (id === undefined ? [] : [[id, content]]));

describe("the ids of tool calls", () => {
  test.each(["functions.add:0", "", "x".repeat(65), "ünicode", "a b"])(
    "that Anthropic refuses are changed, the same for call and result, at every turn: '%s'",
    async (id) => {
      const turn = [user("1+1?"), assistant("", call(id, "add")), result(id, "2")];
      const first = await bodyFor(claude, turn, { tools });
      const [sent] = callIds(first);
      expect(sent).toMatch(/^[a-zA-Z0-9_-]{1,64}$/u);
      expect(resultsOf(first)).toEqual([[sent, "2"]]);
      expect(callIds(await bodyFor(claude, [...turn, assistant("2."), user("Sure?")], { tools }))).toEqual([sent]);
    },
  );

  test("that Anthropic takes, and those for Google, stay", async () => {
    const turn = (id: string) => [user("1+1?"), assistant("", call(id, "add")), result(id, "2")];
    expect(callIds(await bodyFor(claude, turn("toolu_01-A"), { tools }))).toEqual(["toolu_01-A"]);
    const { contents } = await bodyFor(gemini, turn("functions.add:0"), { tools });
    expect(contents[1]!.parts[0]).toMatchObject({ functionCall: { id: "functions.add:0" } });
    expect(contents[2]!.parts[0]).toMatchObject({ functionResponse: { id: "functions.add:0" } });
  });

  test("that a reply gives its calls are the model's own", async () => {
    stub.reply({ toolCalls: [{ id: "functions.add:0", name: "add", arguments: "{}" }] });
    expect((await ask(claude, "1+1?", { tools })).calls).toMatchObject([{ id: "functions.add:0" }]);
  });

  const repeated = [
    user("Hi"),
    assistant("", call("0", "add", { a: 1 }), call("0", "now")),
    result("0", "1"),
    result("0", "noon"),
    assistant("", call("0", "add", { a: 2 })),
    result("0", "2"),
    result("0", "two"),
  ];

  test("that come again are told apart for Anthropic, and nothing is lost", async () => {
    const body = await bodyFor(claude, repeated, { tools });
    const ids = callIds(body);
    expect(ids).toEqual(["0", expect.stringMatching(/^call_/u), expect.stringMatching(/^call_/u)]);
    expect(new Set(ids).size).toBe(3);
    expect(resultsOf(body)).toEqual([
      [ids[0], "1"],
      [ids[1], "noon"],
      [ids[2], "2\ntwo"],
    ]);
  });

  test("that come again lose nothing on the way to Google", async () => {
    const { contents } = await bodyFor(gemini, repeated, { tools });
    expect(contents.flatMap(({ parts }) => parts).slice(1)).toMatchObject([
      { functionCall: { name: "add", args: { a: 1 } } },
      { functionCall: { name: "now" } },
      { functionResponse: { name: "add", response: { content: "1" } } },
      { functionResponse: { name: "now", response: { content: "noon" } } },
      { functionCall: { name: "add", args: { a: 2 } } },
      { functionResponse: { name: "add", response: { content: "2\ntwo" } } },
    ]);
  });
});

describe("Anthropic is asked with", () => {
  test("the tools of earlier calls, and that none may be called, when none is offered any more", async () => {
    const turn = [user("1+1?"), assistant("", call("c1", "add"), call("c2", "add")), result("c1", "2"), result("c2", "2")];
    const body = await bodyFor(claude, turn);
    expect(body.tools).toMatchObject([{ name: "add", input_schema: { type: "object" } }]);
    expect(body.tool_choice).toEqual({ type: "none" });
    expect((await bodyFor(claude, turn, { tools })).tools).toHaveLength(2);
    expect((await bodyFor(gemini, turn)) as object).not.toHaveProperty("tools");
  });

  test("instructions alone as a question, and no empty ones", async () => {
    const body = await bodyFor(claude, [system("Be brief."), system(""), system("Say hello.")]);
    expect(body.system).toEqual([{ type: "text", text: "Be brief." }]);
    expect(body.messages).toEqual([{ role: "user", content: [{ type: "text", text: "Say hello." }] }]);
    expect((await bodyFor(gemini, [system("Say hello.")])).contents).toEqual([{ role: "user", parts: [{ text: "Say hello." }] }]);
  });

  test("nothing of its own that is blank", async () => {
    const body = await bodyFor(claude, [user("1+1?"), assistant("\n\n", call("c1", "add")), result("c1", "2")], { tools });
    expect(body.messages[1]!.content).toMatchObject([{ type: "tool_use" }]);
  });

  const schema = { type: "object", properties: { a: { type: "number" } }, required: ["a"], additionalProperties: false };
  const responseFormat = { type: "json_schema", name: "n", schema } as const;

  test.each(["anthropic/claude-sonnet-4-20250514", "anthropic/claude-sonnet-4-6"])(
    "a schema in words beside a tool named json: %s",
    async (ref) => {
      const body = await bodyFor(catalog.find(ref)!, "Hi", { tools: [{ name: "json" }], settings: { responseFormat } });
      expect(body.tools).toMatchObject([{ name: "json", input_schema: { type: "object", properties: {} } }]);
      expect(body.tool_choice).toBeUndefined();
      expect(body).not.toHaveProperty("output_config");
      expect(body.system![0]!.text).toContain(JSON.stringify(schema));
    },
  );

  test("which a call of is a call", async () => {
    stub.reply({ toolCalls: [{ id: "c1", name: "json", arguments: '{"b":1}' }] });
    const reply = await ask(claude, "Hi", { tools: [{ name: "json" }], settings: { responseFormat } });
    expect(reply).toMatchObject({ text: "", reason: "tool_calls", calls: [{ id: "c1", name: "json", arguments: '{"b":1}' }] });
  });
});

describe("a limit of tokens includes reasoning", () => {
  test.each<[ModelSettings, number, number | undefined]>([
    [{ maxCompletionTokens: 100 }, 100, undefined],
    [{ maxCompletionTokens: 2047 }, 2047, undefined],
    [{ maxCompletionTokens: 2048 }, 2048, 1024],
    [{ maxTokens: 5000, maxCompletionTokens: 9000 }, 5000, 3976],
    [{ maxCompletionTokens: 20_000 }, 20_000, 8192],
  ])("of %j", async (settings, limit, budget_tokens) => {
    const body = await bodyFor(claude, "Hi", { settings: { reasoningEffort: "medium", ...settings } });
    expect(body.max_tokens).toBe(limit);
    expect(body.thinking).toEqual(budget_tokens === undefined ? undefined : { type: "enabled", budget_tokens });
  });

  test("that the config gives the model, too", async () => {
    const body = await bodyFor(catalog.find("listed/claude-3-7-sonnet")!, "Hi", { settings: { reasoningEffort: "medium" } });
    expect(body).toMatchObject({ max_tokens: 4000, thinking: { budget_tokens: 2976 } });
  });
});

test("thoughts of another model behind the last calls are no thoughts of this one, which then does not think on", async () => {
  const said: AssistantMessage = { ...assistant("", call("c1", "add")), replay: { model: "google/gemini-2.5-flash", content: [] } };
  const body = await bodyFor(claude, [user("1+1?"), said, result("c1", "2")], { tools, settings: { reasoningEffort: "low" } });
  expect(body).not.toHaveProperty("thinking");
});
