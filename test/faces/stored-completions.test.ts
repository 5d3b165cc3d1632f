/** The official `openai` package against stored completions, used as its own documentation shows. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import OpenAI, { BadRequestError, NotFoundError } from "openai";
import { startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { onProvider } from "./provider.ts";

let stub: StubUpstream;
let gateway: TestGateway;
let client: OpenAI;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testToken, maxRetries: 0 });
});

afterAll(() => stub.close());

const completions = () => client.chat.completions;

async function store(text: string, metadata: OpenAI.Metadata, model = "openclaw"): Promise<OpenAI.ChatCompletion> {
  stub.reply({ text });
  return completions().create({ model, messages: [{ role: "user", content: `Say ${text}.` }], store: true, metadata });
}

async function textsOf(pages: AsyncIterable<OpenAI.ChatCompletion>): Promise<(string | null | undefined)[]> {
  const texts = [];
  for await (const { choices } of pages) texts.push(choices[0]?.message.content);
  return texts;
}

describe("chat.completions", () => {
  test("create with store: true, then retrieve", async () => {
    const created = await store("hello", { test: "retrieve" });
    const found = await completions().retrieve(created.id);
    expect(found).toMatchObject({ ...created, metadata: { test: "retrieve" } });
  });

  test("create, streamed and stored, then retrieve", async () => {
    stub.reply({ text: "one two three", chunks: 3 });
    const stream = await completions().create({
      model: "openclaw",
      messages: [{ role: "user", content: "count" }],
      stream: true,
      store: true,
    });
    let id = "";
    for await (const chunk of stream) id = chunk.id;
    expect((await completions().retrieve(id)).choices[0]?.message.content).toBe("one two three");
  });

  test("stream() and parse() store too", async () => {
    const hi = [{ role: "user" as const, content: "hi" }];
    stub.reply({ text: "streamed" }, { text: "parsed" });
    const streamed = await completions().stream({ model: "openclaw", messages: hi, store: true }).finalChatCompletion();
    const parsed = await completions().parse({ model: "openclaw", messages: hi, store: true });
    for (const { id, choices } of [streamed, parsed]) {
      expect((await completions().retrieve(id)).choices[0]?.message.content).toBe(choices[0]?.message.content);
    }
  });

  test("list is read to its end, whatever the size of its pages", async () => {
    for (let n = 0; n < 7; n++) await store(`${n}`, { test: "pages" });
    const metadata = { test: "pages" };
    const [texts, reversed] = [
      ["0", "1", "2", "3", "4", "5", "6"],
      ["6", "5", "4", "3", "2", "1", "0"],
    ];
    for (const limit of [1, 3, 7, 100]) {
      expect(await textsOf(completions().list({ metadata, limit }))).toEqual(texts);
      expect(await textsOf(completions().list({ metadata, limit, order: "desc" }))).toEqual(reversed);
    }
    const page = await completions().list({ metadata, limit: 3 });
    expect([page.data.length, page.hasNextPage()]).toEqual([3, true]);
    expect((await page.getNextPage()).data[0]?.choices[0]?.message.content).toBe("3");
    const after = page.data[1]?.id as string;
    expect(await textsOf(completions().list({ metadata, after }))).toEqual(["2", "3", "4", "5", "6"]);
  });

  test("list of one model, and of some metadata", async () => {
    await store("beta's", { test: "filters", 민지: "a&b=[c]" }, "openclaw:plain");
    await store("main's", { test: "filters" });
    const of = (query: OpenAI.Chat.ChatCompletionListParams) => textsOf(completions().list({ metadata: { test: "filters" }, ...query }));
    expect(await of({})).toEqual(["beta's", "main's"]);
    expect(await of({ model: "openclaw" })).toEqual(["main's"]);
    expect(await of({ model: "openclaw:plain" })).toEqual(["beta's"]);
    expect(await of({ metadata: { test: "filters", 민지: "a&b=[c]" } })).toEqual(["beta's"]);
    expect(await of({ metadata: { test: "nothing" } })).toEqual([]);
    expect((await of({ metadata: null })).length).toBeGreaterThanOrEqual(2);
  });

  test("update puts other metadata in place", async () => {
    const { id } = await store("labelled", { old: "1" });
    expect(await completions().update(id, { metadata: { new: "2" } })).toMatchObject({ id, metadata: { new: "2" } });
    expect(await completions().update(id, { metadata: null })).toMatchObject({ id, metadata: {} });
  });

  test("delete does away with it", async () => {
    const { id } = await store("short-lived", {});
    expect(await completions().delete(id)).toMatchObject({ id, object: "chat.completion.deleted", deleted: true });
    await expect(completions().retrieve(id)).rejects.toBeInstanceOf(NotFoundError);
  });

  test("messages.list gives what was asked, page by page", async () => {
    stub.reply({ text: "ok" });
    const messages: OpenAI.ChatCompletionMessageParam[] = [
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "one" },
          { type: "text", text: "two" },
        ],
      },
      { role: "user", content: "three" },
    ];
    const { id } = await completions().create({ model: "openclaw", messages, store: true });
    const found = [];
    for await (const message of completions().messages.list(id, { limit: 2 })) found.push(message);
    expect(found.map(({ id: messageId, content }) => [messageId, content])).toEqual([
      [`${id}-0`, "Be brief."],
      [`${id}-1`, null],
      [`${id}-2`, "three"],
    ]);
    expect(found[1]?.content_parts).toEqual([
      { type: "text", text: "one" },
      { type: "text", text: "two" },
    ]);
    expect((await completions().messages.list(id, { order: "desc", limit: 1 })).data[0]?.content).toBe("three");
  });
});

describe("errors are of the classes that their callers catch:", () => {
  test("NotFoundError for what is not there", async () => {
    const thrown = await completions()
      .retrieve("chatcmpl-0")
      .catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(NotFoundError);
    expect(thrown).toMatchObject({ status: 404, code: "not_found", param: "completion_id" });
  });

  test("BadRequestError for metadata that is too much", async () => {
    const { id } = await store("full", {});
    const thrown = await completions()
      .update(id, { metadata: { ["k".repeat(65)]: "x" } })
      .catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(BadRequestError);
    expect(thrown).toMatchObject({ status: 400, param: "metadata" });
  });
});
