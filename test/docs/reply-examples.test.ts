/**
 * The examples on the documentation page are real: each request is taken by a running gateway, and each reply and chunk
 * is one that it gave, behind a language model that says what the example says. Ids and times are samples.
 *
 * Deliberately absent: errors, which test/contract/error-examples.test.ts provokes.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { contract } from "../support/contract-check.ts";
import { dataLines, say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubScript, type StubUpstream } from "../support/stub-upstream.ts";

type Examples = { readonly [name: string]: { readonly value: unknown } };
interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: { readonly [type: string]: { readonly examples: Examples } } };
  readonly responses: { readonly [status: string]: { readonly content: { readonly [type: string]: { readonly examples: Examples } } } };
}

const operations = Object.values(contract["paths"] as unknown as { [path: string]: { [method: string]: Operation } })
  .flatMap((item) => Object.values(item))
  .filter(({ operationId }) => operationId !== undefined);

const shown = operations.flatMap(({ operationId, responses }) =>
  Object.entries(responses)
    .filter(([status]) => status.startsWith("2"))
    .flatMap(([, { content }]) => Object.entries(content))
    .flatMap(([type, { examples }]) =>
      Object.entries(examples).map(([name, { value }]) => ({ example: `${operationId} ${type} ${name}`, value })),
    ),
);
const requests = operations.flatMap(({ operationId, requestBody }) =>
  Object.entries(requestBody?.content["application/json"]?.examples ?? {}).map(([name, { value }]) => ({ operationId, name, value })),
);

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway({
    agents: { defaults: { model: "stub/any" }, entries: { main: { default: true, tools: ["calculator"] }, beta: {} } },
    models: {
      providers: {
        stub: { baseUrl: stub.url },
        local: { baseUrl: stub.url, models: [{ id: "qwen3" }] },
        priced: { baseUrl: stub.url, models: [{ id: "any", cost: { input: 5, output: 15 } }] },
      },
    },
  });
});

afterAll(() => stub.close());

const weather = { type: "function", function: { name: "get_weather", parameters: { type: "object", properties: {} } } };
const greeting = {
  text: "Hello! What can I do for you?",
  chunks: 5,
  usage: { prompt_tokens: 21, completion_tokens: 9, total_tokens: 30 },
};
const call = { toolCalls: [{ id: "call_1", name: "get_weather", arguments: '{"city":"Seoul"}' }], usage: null };
const thought = {
  text: "42",
  reasoning: "Six times seven.",
  usage: {
    prompt_tokens: 120,
    completion_tokens: 14,
    total_tokens: 134,
    prompt_tokens_details: { cached_tokens: 96 },
    completion_tokens_details: { reasoning_tokens: 8 },
  },
};
/** The language model's own chunks, where the example shows a certain piece. */
const pieces = (...deltas: object[]): StubScript => ({
  frames: [
    ...deltas.map((delta, n) => ({ choices: [{ index: 0, delta, finish_reason: n === deltas.length - 1 ? "stop" : null }] })),
    "data: [DONE]\n\n",
  ],
  // What comes in one go would be joined.
  gapMs: 10,
});
const piecemealCall = pieces(
  { tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "get_weather", arguments: "" } }] },
  { tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] },
  { tool_calls: [{ index: 0, function: { arguments: '"Seoul"}' } }] },
);

/** Two turns, the first with a call of the agent's own tool. */
const worked: readonly StubScript[] = [
  {
    toolCalls: [{ id: "call_1", name: "calculator", arguments: '{"expression":"6 * 7"}' }],
    usage: { prompt_tokens: 110, completion_tokens: 25, total_tokens: 135 },
  },
  { text: "6 * 7 = 42.", usage: { prompt_tokens: 140, completion_tokens: 15, total_tokens: 155 } },
];
const events = { "x-openclaw-events": "true", "x-openclaw-model": "priced/any" };

async function reply(script: StubScript, more: object = {}): Promise<unknown[]> {
  stub.reply(script);
  return [await (await gateway.chat(say("hi", more))).json()];
}

async function chunks(script: StubScript, more: object = {}): Promise<unknown[]> {
  stub.reply(script);
  return chunksOf(await gateway.chat(say("hi", { stream: true, ...more })));
}

async function chunksOf(response: Response): Promise<unknown[]> {
  return dataLines(await response.text()).flatMap((line) => (line === "[DONE]" ? [] : [JSON.parse(line) as unknown]));
}

async function json(path: string, method = "GET"): Promise<unknown[]> {
  const headers = { authorization: `Bearer ${testToken}` };
  return [await (await fetch(`${gateway.url}${path}`, { method, headers })).json()];
}

/** A run in the background, after which nothing is kept in its session. */
async function runInBackground(script: StubScript, ask: (id: string) => Promise<unknown[]>): Promise<unknown[]> {
  stub.reply(script);
  const seen = stub.requestCount;
  const headers = { "x-openclaw-background": "true", "x-openclaw-session-key": "project-7", "x-openclaw-model": "local/qwen3" };
  const begun = (await (await gateway.chat(say("hi"), headers)).json()) as { id: string };
  await stub.waitForRequest(seen + 1);
  if (script !== "hang") await (await gateway.get(`/v1/runs/${begun.id}/events`)).text();
  const said = [begun, ...(await ask(begun.id))];
  await json(`/v1/runs/${begun.id}/cancel`, "POST");
  await json("/v1/sessions/project-7", "DELETE");
  return said;
}

/** After one turn in the only session there is. */
async function aboutSession(ask: () => Promise<unknown[]>): Promise<unknown[]> {
  await json("/v1/sessions/project-7", "DELETE");
  stub.reply(greeting);
  await (await gateway.chat(say("hi"), { "x-openclaw-session-key": "project-7" })).arrayBuffer();
  return ask();
}

/** The id of the only stored completion there is. */
async function storeCompletion(metadata: object): Promise<string> {
  const [{ data }] = (await json("/v1/chat/completions?limit=100")) as [{ data: { id: string }[] }];
  for (const { id } of data) await json(`/v1/chat/completions/${id}`, "DELETE");
  const [{ id }] = (await reply(greeting, { store: true, metadata })) as [{ id: string }];
  return id;
}

async function aboutCompletion(rest = "", method = "GET"): Promise<unknown[]> {
  return json(`/v1/chat/completions/${await storeCompletion({ ticket: "4711" })}${rest}`, method);
}

async function update(body: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${testToken}`, "content-type": "application/json" };
  const path = `/v1/chat/completions/${await storeCompletion({})}`;
  return fetch(`${gateway.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}

const chat = "createChatCompletion application/json";
const stream = "createChatCompletion text/event-stream";
const followed = "streamRunEvents text/event-stream";
const eventsOf = async (id: string): Promise<unknown[]> => chunksOf(await gateway.get(`/v1/runs/${id}/events`));
/** What the gateway sent when it was asked for this; the example is one of them. */
const provocations: { readonly [example: string]: () => Promise<unknown[]> } = {
  [`${chat} text`]: () => reply(greeting),
  [`${chat} toolCalls`]: () => reply(call, { tools: [weather] }),
  [`${chat} reasoning`]: () => reply(thought, { model: "openclaw:main" }),
  [`${chat} events`]: async () => {
    stub.reply(...worked);
    return [await (await gateway.chat(say("What is 6 * 7?"), events)).json()];
  },
  [`${stream} progress`]: async () => {
    stub.reply(...worked);
    return chunksOf(await gateway.chat(say("What is 6 * 7?", { stream: true }), events));
  },
  [`${stream} role`]: () => chunks(greeting),
  [`${stream} text`]: () => chunks(pieces({ content: "Hello! " }, { content: "What can I do for you?" })),
  [`${stream} reasoning`]: () => chunks(pieces({ reasoning_content: "Six times" }, { content: "42" }), { model: "openclaw:main" }),
  [`${stream} toolCallStart`]: () => chunks(piecemealCall, { tools: [weather] }),
  [`${stream} toolCallArguments`]: () => chunks(piecemealCall, { tools: [weather] }),
  [`${stream} finish`]: () => chunks(greeting),
  [`${stream} usage`]: () => chunks(greeting, { stream_options: { include_usage: true } }),
  "listModels application/json twoAgents": () => json("/v1/models"),
  "getModel application/json main": () => json("/v1/models/openclaw/main"),
  "listSessions application/json one": () => aboutSession(() => json("/v1/sessions?limit=5")),
  "getSession application/json session": () => aboutSession(() => json("/v1/sessions/project-7")),
  "listSessionMessages application/json turn": () => aboutSession(() => json("/v1/sessions/project-7/messages")),
  "deleteSession application/json deleted": () => aboutSession(() => json("/v1/sessions/project-7", "DELETE")),
  "resetSession application/json emptied": () => aboutSession(() => json("/v1/sessions/project-7/reset", "POST")),
  "listChatCompletions application/json one": async () => {
    await storeCompletion({ ticket: "4711" });
    return json("/v1/chat/completions?metadata[ticket]=4711");
  },
  "getChatCompletion application/json stored": () => aboutCompletion(),
  "updateChatCompletion application/json labelled": async () => [
    await (await update({ metadata: { ticket: "4711", team: "blue" } })).json(),
  ],
  "deleteChatCompletion application/json deleted": () => aboutCompletion("", "DELETE"),
  "listChatCompletionMessages application/json question": () => aboutCompletion("/messages"),
  [`${chat} background`]: () => runInBackground("hang", () => Promise.resolve([])),
  "getRun application/json running": () => runInBackground("hang", (id) => json(`/v1/runs/${id}`)),
  "getRun application/json completed": () => runInBackground(greeting, (id) => json(`/v1/runs/${id}`)),
  "getRun application/json failed": () => runInBackground({ text: "half", ending: "cut" }, (id) => json(`/v1/runs/${id}`)),
  "cancelRun application/json cancelled": () => runInBackground("hang", (id) => json(`/v1/runs/${id}/cancel`, "POST")),
  [`${followed} role`]: () => runInBackground(greeting, eventsOf),
  [`${followed} text`]: () => runInBackground(pieces({ content: "Hello! " }, { content: "What can I do for you?" }), eventsOf),
  [`${followed} usage`]: () => runInBackground(greeting, eventsOf),
  "getHealth application/json alive": () => json("/healthz"),
  "getReadiness application/json ready": () => json("/readyz"),
};

/** Without what is new each time. */
function masked(value: unknown): unknown {
  const text = JSON.stringify(value).replaceAll(/"chatcmpl-[0-9a-f]+(-\d+)?"/g, '"chatcmpl-$1"');
  const ids = text
    .replaceAll(/"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}"/g, '"message"')
    .replaceAll(/"(run_)?id":"[0-9a-f]{32}"/g, '"$1id":"run"');
  return JSON.parse(ids.replaceAll(/"(created|ended_at|last_active_at|bytes)":[1-9]\d*/g, '"$1":1')) as unknown;
}

test.each(shown.filter(({ example }) => !example.endsWith(" beginning")))(
  "the gateway answers what the contract shows as $example",
  async ({ example, value }) => {
    const sent = (await provocations[example]?.()) ?? [];
    expect(sent.map(masked)).toContainEqual(masked(value));
  },
);

test("the documents begin as the contract shows", async () => {
  const beginnings = shown.filter(({ example }) => example.endsWith(" beginning"));
  const [metrics, document] = beginnings;
  expect(beginnings.map(({ example }) => example)).toEqual([
    "getMetrics text/plain beginning",
    "getContract application/json beginning",
    "getDocs text/html beginning",
  ]);
  const fresh = await startGateway();
  await fresh.chat(say("hi"));
  expect((await (await fresh.get("/metrics")).text()).startsWith(metrics?.value as string)).toBe(true);
  expect((await json("/openapi.json"))[0]).toMatchObject(document?.value as object);
  expect((await (await gateway.get("/docs")).text()).trimStart().toLowerCase()).toMatch(/^<!doctype html>/);
});

test.each(requests)("the gateway takes the request that the contract shows as $operationId $name", async ({ operationId, value }) => {
  if (operationId === "updateChatCompletion") {
    expect((await update(value)).status).toBe(200);
    return;
  }
  const { tool_choice: choice, response_format: format } = value as { tool_choice?: string; response_format?: object };
  stub.reply(choice === "required" ? call : format ? { text: '{"name":"blue"}' } : greeting);
  const { status } = await gateway.chat(value);
  expect(status).toBe(200);
});
