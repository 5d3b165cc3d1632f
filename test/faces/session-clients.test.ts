/**
 * Clients of every habit on one session, each by what the language model is sent: nothing twice, nothing missing, and
 * nothing of another conversation. The rules are docs/sessions.md.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, type StubReply, type StubUpstream } from "../support/stub-upstream.ts";
import { onProvider } from "./provider.ts";

type Message = { readonly role: string; readonly content?: unknown; readonly [field: string]: unknown };

let stub: StubUpstream;
let gateway: TestGateway;
let before: number;
let session: string;
let count = 0;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
});
beforeEach(() => {
  before = stub.requestCount;
  session = `client-${++count}`;
});
afterAll(() => stub.close());

const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });
const weather = { type: "function", function: { name: "get_weather", parameters: { type: "object" } } };
const callWeather = { id: "theirs", name: "get_weather", arguments: '{"city":"Seoul"}' };
const calculate = { id: "own", name: "calculator", arguments: '{"expression":"6*7"}' };

/** Sends it in the session of this test, and returns the answer's message. */
async function ask(messages: readonly Message[], reply: StubReply, more: object = {}): Promise<Message> {
  stub.reply(reply);
  const response = await gateway.chat({ model: "openclaw", messages, ...more }, { "x-openclaw-session-key": session });
  const body = (await response.json()) as { choices: [{ message: Message }] };
  expect({ status: response.status, body }).toMatchObject({ status: 200 });
  return body.choices[0].message;
}

/** What the model was sent in each of its calls since the test began. */
const sent = (): Message[][] => stub.requests.slice(before).map(({ body }) => body.messages as unknown as Message[]);

describe("a chat app that resends everything", () => {
  const talk = async (): Promise<Message[]> => {
    const messages = [user("one")];
    messages.push(await ask(messages, { text: "1." }), user("two"));
    messages.push(await ask(messages, { text: "2." }));
    return messages;
  };

  test("has each message read once", async () => {
    const messages = [...(await talk()), user("three")];
    await ask(messages, { text: "3." });
    expect(sent().at(-1)).toEqual([user("one"), assistant("1."), user("two"), assistant("2."), user("three")]);
  });

  test("asks for the last answer again: the first one is not read, and the second one goes on", async () => {
    const [one, first, two] = await talk();
    const again = await ask([one!, first!, two!], { text: "2, again." });
    expect(sent().at(-1)).toEqual([user("one"), assistant("1."), user("two")]);
    await ask([one!, first!, two!, again, user("three")], { text: "3." });
    expect(sent().at(-1)).toEqual([user("one"), assistant("1."), user("two"), assistant("2, again."), user("three")]);
  });

  test("edits an earlier message: what followed it is not read any more, and can be gone back to", async () => {
    const [one, first, two, second] = await talk();
    await ask([one!, first!, user("zwei")], { text: "Zwei." });
    expect(sent().at(-1)).toEqual([user("one"), assistant("1."), user("zwei")]);
    await ask([one!, first!, two!, second!, user("three")], { text: "3." });
    expect(sent().at(-1)).toEqual([user("one"), assistant("1."), user("two"), assistant("2."), user("three")]);
  });

  test("trims its oldest messages: the model reads what was sent and no more", async () => {
    const [, , two, second] = await talk();
    await ask([two!, second!, user("three")], { text: "3." });
    expect(sent().at(-1)).toEqual([user("two"), assistant("2."), user("three")]);
  });

  test("has two chats under one key: once they resend, neither reads the other", async () => {
    const [one, first, two, second] = await talk();
    await ask([user("hallo"), assistant("Hallo!"), user("eins")], { text: "Eins." });
    expect(sent().at(-1)).toEqual([user("hallo"), assistant("Hallo!"), user("eins")]);
    await ask([one!, first!, two!, second!, user("three")], { text: "3." });
    expect(sent().at(-1)).toEqual([user("one"), assistant("1."), user("two"), assistant("2."), user("three")]);
  });

  test("has the agent's own tool calls read again, though it never saw them", async () => {
    stub.reply({ text: "I calculate.", toolCalls: [calculate] });
    const answer = await ask([user("6*7?")], { text: "42." });
    expect(answer.content).toBe("I calculate.\n\n42.");
    await ask([user("6*7?"), answer, user("Sure?")], { text: "Yes." });
    expect(sent().at(-1)).toMatchObject([
      user("6*7?"),
      { role: "assistant", content: "I calculate.", tool_calls: [{ id: "own" }] },
      { role: "tool", tool_call_id: "own", content: "42" },
      assistant("42."),
      user("Sure?"),
    ]);
  });
});

describe("a voice assistant that sends only what is new", () => {
  test("has all that was said before read, and each of it once", async () => {
    await ask([user("one")], { text: "1." });
    await ask([user("two")], { text: "2." });
    await ask([{ role: "system", content: "Be brief." }, user("three")], { text: "3." });
    expect(sent().at(-1)).toEqual([
      { role: "system", content: "Be brief." },
      user("one"),
      assistant("1."),
      user("two"),
      assistant("2."),
      user("three"),
    ]);
  });

  test("goes on where a client that resends has left the session", async () => {
    const first = await ask([user("one")], { text: "1." });
    await ask([user("one"), first, user("two")], { text: "2." });
    await ask([user("one"), first, user("zwei")], { text: "Zwei." });
    await ask([user("three")], { text: "3." });
    expect(sent().at(-1)).toEqual([user("one"), assistant("1."), user("zwei"), assistant("Zwei."), user("three")]);
  });
});

describe("a client with tools", () => {
  const result = { role: "tool", tool_call_id: "theirs", content: "21 °C" };

  test.each([
    ["sends the result alone", false],
    ["resends everything with it", true],
  ])("%s, and the turn goes on behind the agent's own call", async (_how, isResent) => {
    const asked = await ask([user("Weather, and 6*7?")], { toolCalls: [calculate, callWeather] }, { tools: [weather] });
    expect(asked).toMatchObject({ tool_calls: [{ id: "theirs" }] });
    const messages = isResent ? [user("Weather, and 6*7?"), asked, result] : [result];
    await ask(messages, { text: "21 °C, and 42." }, { tools: [weather] });
    const [question, call, ...results] = sent().at(-1)!;
    expect(question).toEqual(user("Weather, and 6*7?"));
    expect(call).toMatchObject({ role: "assistant", tool_calls: [{ id: "own" }, { id: "theirs" }] });
    expect(results).toHaveLength(2);
    expect(results).toEqual(expect.arrayContaining([{ role: "tool", tool_call_id: "own", content: "42" }, result]));
  });

  test("is refused a result that nobody waits for", async () => {
    await ask([user("hi")], { text: "Hello." });
    const response = await gateway.chat(
      { model: "openclaw", messages: [{ role: "system", content: "Be brief." }, result] },
      { "x-openclaw-session-key": session },
    );
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "invalid_value", param: "messages[1].tool_call_id" } });
  });
});

test("a run that failed leaves no trace in what is read next, whichever way it is sent again", async () => {
  const first = await ask([user("one")], { text: "1." });
  stub.reply({ status: 400, body: { error: { message: "no" } } });
  const failed = await gateway.chat({ model: "openclaw", messages: [user("broken")] }, { "x-openclaw-session-key": session });
  expect(failed.status).toBe(400);
  await ask([user("one"), first, user("broken")], { text: "Mended." });
  expect(sent().at(-1)).toEqual([user("one"), assistant("1."), user("broken")]);
  await ask([user("next")], { text: "Next." });
  expect(sent().at(-1)).toEqual([user("one"), assistant("1."), user("broken"), assistant("Mended."), user("next")]);
});
