/** Many sessions at the same time, each with a secret: what is said in one is never read in another, and nothing of its own is missing. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, type StubRequest, type StubScript, type StubUpstream } from "../support/stub-upstream.ts";
import { fold } from "./event-stream.ts";
import { onProvider } from "./provider.ts";

const sessionCount = 50;
const turnCount = 20;
/** Of each session's turns: those in which the model uses the memory of the session. */
const turns = { save: 5, recall: 12 };

interface Message {
  readonly role: string;
  readonly content: string | null;
}

/** A conversation as its user has it. */
interface Conversation {
  readonly number: number;
  readonly secret: string;
  /** All that was said in it so far, as the caller saw it. */
  readonly said: Message[];
}

/** Each sends its turns in one of the ways there are to have a session. */
const habits: readonly ((conversation: Conversation) => { headers: { [name: string]: string }; more: object; isResent: boolean })[] = [
  ({ number }) => ({ headers: { "x-openclaw-session-key": `chat-${number}` }, more: {}, isResent: false }),
  ({ number }) => ({ headers: {}, more: { user: `user-${number}` }, isResent: false }),
  ({ number }) => ({ headers: { "x-openclaw-session-key": `resending-${number}` }, more: { stream: true }, isResent: true }),
  ({ number }) => ({ headers: {}, more: { user: `streaming-${number}`, stream: true }, isResent: false }),
];

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream({ keepRequests: sessionCount * (turnCount + 2) });
  gateway = await startGateway(onProvider(stub.url));
});

afterAll(() => stub.close());

const questionOf = ({ number, secret }: Conversation, turn: number): string => `Turn ${turn} of conversation ${number}: it is ${secret}.`;
const answerTo = (question: string): string => `Understood: ${question}`;

/** Says every question again; in two of the turns it has used the agent's memory before. */
function answer({ body: { messages } }: StubRequest): StubScript {
  const question = messages.findLast(({ role }) => role === "user")?.content as string;
  const [, turn, secret] = /^Turn (\d+) of conversation \d+: it is (\S+)\.$/.exec(question) ?? [];
  const isTold = messages.at(-1)?.role === "tool";
  if (!isTold && Number(turn) === turns.save) {
    return { toolCalls: [{ name: "memory_save", arguments: JSON.stringify({ name: "secret", value: secret }) }] };
  }
  if (!isTold && Number(turn) === turns.recall) return { toolCalls: [{ name: "memory_recall" }] };
  return { text: answerTo(question) };
}

async function have(conversation: Conversation): Promise<void> {
  const { headers, more, isResent } = habits[conversation.number % habits.length]!(conversation);
  for (let turn = 0; turn < turnCount; turn++) {
    const content = questionOf(conversation, turn);
    const body = isResent ? { model: "openclaw", messages: [...conversation.said, { role: "user", content }] } : say(content);
    const reply = await gateway.chat({ ...body, ...more }, headers);
    const text = await reply.text();
    if (reply.status !== 200) throw new Error(`It answers ${reply.status}: ${text}`);
    const isStreamed = "stream" in more;
    const said = isStreamed ? fold(text).text : (JSON.parse(text) as { choices: { message: Message }[] }).choices[0]?.message.content;
    expect(said).toBe(answerTo(content));
    conversation.said.push({ role: "user", content }, { role: "assistant", content: answerTo(content) });
  }
}

const shown = ({ role, content }: Message): Message => ({ role, content });

test("50 conversations of 20 turns at the same time: each model input holds all of its own conversation and no other's secret", async () => {
  const conversations = Array.from({ length: sessionCount }, (_, number): Conversation => {
    return { number, secret: randomBytes(12).toString("hex"), said: [] };
  });
  stub.always(answer);
  await Promise.all(conversations.map(have));

  const owners = new Map(conversations.map((conversation) => [conversation.secret, conversation]));
  const inputs = stub.requests.map(({ text, body }) => ({ text, messages: body.messages as unknown as Message[] }));
  expect(inputs).toHaveLength(sessionCount * (turnCount + 2));
  const turnsAsked = new Map<Conversation, number[]>();
  for (const { text, messages } of inputs) {
    const secrets = new Set(text.match(/\b[0-9a-f]{24}\b/g));
    const [conversation] = Array.from(secrets, (secret) => owners.get(secret)!);
    expect(secrets).toEqual(new Set([conversation?.secret]));
    const turn = messages.filter(({ role }) => role === "user").length - 1;
    expect(messages.findLast(({ role }) => role === "user")?.content).toBe(questionOf(conversation!, turn));
    // All its earlier turns in their order, the tools' hidden turns left out.
    const visible = messages.filter(({ role, content }) => role !== "tool" && content !== null).map(shown);
    expect(visible).toEqual(conversation!.said.slice(0, 2 * turn + 1));
    const [, recalled] = messages.filter(({ role }) => role === "tool");
    if (turn > turns.recall) expect(recalled?.content).toBe(JSON.stringify({ secret: conversation!.secret }));
    turnsAsked.set(conversation!, [...(turnsAsked.get(conversation!) ?? []), turn]);
  }
  // Twice where the model was asked again after its tool.
  const everyTurn = Array.from({ length: turnCount }, (_, turn) => (Object.values(turns).includes(turn) ? [turn, turn] : [turn])).flat();
  for (const conversation of conversations) expect(turnsAsked.get(conversation)).toEqual(everyTurn);
});
