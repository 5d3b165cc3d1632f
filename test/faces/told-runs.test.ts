/** A run in a gateway, as its client tells it, is the run that the service had: what the command line prints needs to be written once only. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { GatewayClient } from "../../src/cli/gateway-client.ts";
import { startGatewayRun } from "../../src/cli/gateway-run.ts";
import { mainPrincipal } from "../../src/domain/principal.ts";
import { foldRun, type Run, type RunEvent } from "../../src/domain/run.ts";
import { startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubScript, type StubUpstream } from "../support/stub-upstream.ts";
import { startHeldUpstream } from "./held-upstream.ts";

let stub: StubUpstream;
let gateway: TestGateway;
let client: GatewayClient;

beforeAll(async () => {
  stub = await startStubUpstream();
  const cost = { input: 2, output: 10 };
  gateway = await startGateway({
    models: {
      providers: {
        stub: {
          baseUrl: stub.url,
          models: [
            { id: "a", cost },
            { id: "b", cost },
          ],
        },
      },
    },
    agents: { defaults: { model: { primary: "stub/a", fallbacks: ["stub/b"] }, tools: ["calculator"] }, entries: { main: {} } },
  });
  client = await GatewayClient.connect({ url: new URL(gateway.url.replace("http", "ws")), secret: testToken });
});

afterAll(async () => {
  await client.close();
  await stub.close();
});

const never = new AbortController().signal;

function inService(text: string, isFolded: boolean): Promise<Run> {
  const messages = [{ role: "user" as const, content: [{ type: "text" as const, text }] }];
  return gateway.program.runs.start({ principal: mainPrincipal, messages, tools: [], isFolded, settings: {} }, never);
}

const inGateway = (message: string, isFolded: boolean): Promise<Run> => startGatewayRun(client, { message, stream: !isFolded }, never);

type Told = { type: string; text?: string };

/** What is told of a run: neither what tools are told and answer, nor how long they took, nor into how many pieces a text fell. */
async function story(events: AsyncIterable<RunEvent>): Promise<Told[]> {
  const told: Told[] = [];
  for await (const event of events) {
    const last = told.at(-1);
    if (event.type.startsWith("tool_call_") || event.type === "turn_end") continue;
    if ("text" in event && last?.type === event.type) {
      last.text += event.text;
      continue;
    }
    const call = "call" in event ? { call: { ...event.call, arguments: "" } } : {};
    const content = "content" in event ? { content: "" } : {};
    const error = "error" in event ? { error: { code: event.error.code, message: event.error.message } } : {};
    const { durationMs: _, ...rest } = { durationMs: undefined, ...event };
    told.push({ ...rest, ...call, ...content, ...error });
  }
  return told;
}

const sum = { id: "c1", name: "calculator", arguments: '{"expression":"6 * 7"}' };
const overloaded = { status: 503, headers: { "x-should-retry": "false" }, body: { error: { message: "Too much." } } };

describe.each<{ it: string; isFolded?: boolean; turns: StubScript[] }>([
  {
    it: "with reasoning and tools",
    turns: [
      { reasoning: "Hm.", text: "Let me see.", toolCalls: [sum] },
      { reasoning: "So.", text: "42." },
    ],
  },
  { it: "that refuses", turns: [{ text: "Well: ", refusal: "that I will not do." }] },
  { it: "whose model gives way before it speaks", turns: [overloaded, { text: "Here." }] },
  {
    it: "whose model gives way in the middle, while nobody reads",
    isFolded: true,
    turns: [
      { text: "Let me see.", toolCalls: [sum] },
      { reasoning: "Hm.", text: "It is perh", ending: "cut" },
      { reasoning: "Oh.", text: "It is 42." },
    ],
  },
  { it: "that fails in the middle", turns: [{ text: "Let me see.", toolCalls: [sum] }, overloaded] },
])("a run $it", ({ isFolded = false, turns }) => {
  test("is told event by event, with how it ended and what it cost", async () => {
    stub.reply(...turns, ...turns);
    const expected = await story((await inService("hi", isFolded)).events);
    expect(await story((await inGateway("hi", isFolded)).events)).toEqual(expected);
    expect(expected.at(-1)).toMatchObject({ type: "run_end" });
  });

  test("comes to the same result", async () => {
    stub.reply(...turns, ...turns);
    const { end, ...said } = await foldRun((await inService("hi", isFolded)).events);
    const told = await foldRun((await inGateway("hi", isFolded)).events);
    expect(told).toMatchObject(said);
    expect(told.end.status).toBe(end.status);
  });
});

test("a run has the name, the agent, the session and the model that the service gave it", async () => {
  const run = await inGateway("hi", false);
  await foldRun(run.events);
  const record = (await (await gateway.get(`/v1/runs/${run.id}`)).json()) as object;
  expect(record).toMatchObject({ id: run.id, agent: "main", session_key: run.sessionKey });
  expect(run).toMatchObject({ agentId: "main", model: "stub/a", isReplay: false });
});

describe("a run that is cancelled", () => {
  test("before its gateway has taken it never begins, or ends at once", async () => {
    const stop = new AbortController();
    stop.abort(new Error("No more."));
    await expect(startGatewayRun(client, { message: "hi" }, stop.signal)).rejects.toThrow("No more.");
    const early = new AbortController();
    const held = await startHeldUpstream();
    const slow = await startGateway({
      models: { providers: { held: { baseUrl: held.url } } },
      agents: { defaults: { model: "held/any" } },
    });
    const other = await GatewayClient.connect({ url: new URL(slow.url.replace("http", "ws")), secret: testToken });
    const starting = startGatewayRun(other, { message: "hi" }, early.signal);
    early.abort();
    const { end } = await foldRun((await starting).events);
    expect(end).toMatchObject({ status: "aborted", by: "caller", model: "held/any" });
    await other.close();
  });
});
