/** The caller's cap on tokens, over all turns of a run: what the provider is told in each, and how the run ends when it is spent. */
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { fold } from "../faces/event-stream.ts";
import { onProvider } from "../faces/provider.ts";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

let stub: StubUpstream;
let gateway: TestGateway;
let before: number;
beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
});
beforeEach(() => void (before = stub.requestCount));
afterAll(() => stub.close());

const asked = () => stub.requests.slice(before).map((request) => request.body);
const calculate = { id: "call_1", name: "calculator", arguments: '{"expression":"6*7"}' };
const wrote = (tokens: number) => ({ prompt_tokens: 10, completion_tokens: tokens, total_tokens: 10 + tokens });

interface Reply {
  readonly choices: readonly [{ readonly finish_reason: string; readonly message: { readonly content: string | null } }];
  readonly usage?: { readonly completion_tokens: number };
}

async function complete(body: object): Promise<Reply> {
  const response = await gateway.chat(body);
  expect(response.status).toBe(200);
  return (await response.json()) as Reply;
}

test.each(["max_completion_tokens", "max_tokens"])("%s is what is left of it in each turn", async (field) => {
  stub.reply(
    { toolCalls: [calculate], usage: wrote(30) },
    { toolCalls: [{ ...calculate, id: "call_2" }], usage: wrote(50) },
    { text: "42", usage: wrote(5) },
  );
  const { usage } = await complete(say("6*7?", { [field]: 100 }));
  expect(asked().map((request) => request[field])).toEqual([100, 70, 20]);
  expect(usage?.completion_tokens).toBe(85);
});

test("a turn that spends the last token ends the run with `length`, and its tool calls are not carried out", async () => {
  stub.reply({ text: "I calculate.", toolCalls: [calculate], usage: wrote(100) });
  const headers = { "x-openclaw-events": "true", "x-openclaw-session-key": "spent" };
  const response = await gateway.chat(say("6*7?", { max_completion_tokens: 100, stream: true }), headers);
  const text = await response.text();
  expect(text).toContain('"finish_reason":"length"');
  expect(fold(text).text).toBe("I calculate.");
  expect(text).not.toContain("tool_start");
  expect(asked()).toHaveLength(1);

  stub.reply({ text: "again" });
  const next = await gateway.chat(say("go on"), { "x-openclaw-session-key": "spent" });
  expect(next.status).toBe(200);
  expect(asked()[1]?.messages).toEqual([
    { role: "user", content: "6*7?" },
    { role: "assistant", content: "I calculate." },
    { role: "user", content: "go on" },
  ]);
});

test("a provider that does not count gets the whole cap in each turn", async () => {
  stub.reply({ toolCalls: [calculate], usage: null }, { text: "42", usage: null });
  expect(await complete(say("6*7?", { max_completion_tokens: 100 }))).not.toHaveProperty("usage");
  expect(asked().map((request) => request["max_completion_tokens"])).toEqual([100, 100]);
});
