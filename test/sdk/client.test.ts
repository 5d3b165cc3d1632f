/** The client package against the running gateway. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ClawgateError, createClawgateClient, type ChatCompletionChunk, type ClawgateClient } from "@clawgate/client";
import { startHeldUpstream, type HeldUpstream } from "../faces/held-upstream.ts";
import { gatewayWith, onProvider } from "../faces/provider.ts";
import { startGateway, testToken, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

let stub: StubUpstream;
let gateway: TestGateway;
let client: ClawgateClient;

function clientOf({ url }: TestGateway, token: string | undefined = testToken): ClawgateClient {
  return createClawgateClient({ baseUrl: url, token });
}

function question(content: string) {
  return { model: "openclaw", messages: [{ role: "user" as const, content }] };
}

async function errorOf(call: PromiseLike<unknown>): Promise<ClawgateError> {
  const thrown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(ClawgateError);
  return thrown as ClawgateError;
}

async function collect<T>(stream: AsyncIterable<T>, chunks: T[] = []): Promise<T[]> {
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function textOf(chunks: readonly ChatCompletionChunk[]): string {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
}

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
  client = clientOf(gateway);
});

afterAll(() => stub.close());

describe("every operation", () => {
  test("a completion comes as one object", async () => {
    stub.reply({ text: "안녕하세요 👋" });
    const completion = await client.createChatCompletion(question("hi"));
    expect(completion.object).toBe("chat.completion");
    expect(completion.choices[0]?.message.content).toBe("안녕하세요 👋");
    expect(completion.usage?.total_tokens).toBe(14);
  });

  test("a streamed completion comes in the same words, with its usage where that was asked for", async () => {
    stub.reply({ text: "안녕하세요 👋", chunks: 6, pieceBytes: 5 });
    const stream = await client.streamChatCompletion({ ...question("hi"), stream_options: { include_usage: true } });
    const chunks = await collect(stream);
    expect(textOf(chunks)).toBe("안녕하세요 👋");
    expect(chunks[0]?.choices[0]?.delta.role).toBe("assistant");
    expect(chunks.at(-1)?.usage?.total_tokens).toBe(14);
    expect(chunks[0]?.id).toBe(`chatcmpl-${stream.headers.runId}`);
  });

  test("the agents are listed and looked up, with a slash in the name too", async () => {
    const { data } = await client.listModels();
    expect(data.map(({ id }) => id)).toContain("openclaw/main");
    expect(await client.getModel("openclaw/main")).toEqual(data.find(({ id }) => id === "openclaw/main"));
  });

  test("sessions are listed page by page, read, emptied and deleted, whatever their keys", async () => {
    const keys = ["agent:main:민지/집 100%", "agent:plain:sdk?x=1#y"];
    for (const sessionKey of keys) {
      stub.reply({ text: "hello" });
      await client.createChatCompletion({ ...question("hi") }, { sessionKey });
    }
    const first = await client.listSessions({ limit: 1 });
    expect(first).toMatchObject({ data: [{ id: keys[1], agent: "plain", owner: "main", message_count: 2 }], has_more: true });
    const next = await client.listSessions({ limit: 1, after: first.last_id ?? "" });
    expect(next.data.map(({ id }) => id)).toEqual([keys[0]]);
    expect((await client.listSessions({ agent: "plain", order: "asc" })).data.at(-1)).toEqual(first.data[0]);
    for (const key of keys) {
      expect((await client.getSession(key)).id).toBe(key);
      const { data } = await client.listSessionMessages(key, { branches: true, limit: 50 });
      expect(data.map(({ role, content }) => [role, content])).toEqual([
        ["user", "hi"],
        ["assistant", "hello"],
      ]);
      expect((await client.resetSession(key)).message_count).toBe(0);
      expect(await client.deleteSession(key)).toEqual({ id: key, object: "session.deleted", deleted: true });
      expect(await errorOf(client.getSession(key))).toMatchObject({ status: 404, code: "not_found", param: "key" });
    }
    expect(await errorOf(client.listSessions({ limit: 0 }))).toMatchObject({ status: 400, param: "limit" });
  });

  test("stored completions are found by their metadata, read, labelled and deleted", async () => {
    const metadata = { "a&b=[c]": "50 % + 1", 팀: "파랑" };
    stub.reply({ text: "hello" });
    const { id } = await client.createChatCompletion({ ...question("hi"), store: true, metadata });
    await client.createChatCompletion({ ...question("hi"), store: true, metadata: { 팀: "파랑" } });
    const { data } = await client.listChatCompletions({ metadata, limit: 5, model: "openclaw" });
    expect(data.map((completion) => [completion.id, completion.metadata])).toEqual([[id, metadata]]);
    expect((await client.getChatCompletion(id)).choices[0]?.message.content).toBe("hello");
    expect((await client.listChatCompletionMessages(id, { order: "desc" })).data).toMatchObject([{ role: "user", content: "hi" }]);
    expect((await client.updateChatCompletion(id, { metadata: null })).metadata).toEqual({});
    expect(await client.deleteChatCompletion(id)).toEqual({ id, object: "chat.completion.deleted", deleted: true });
    expect(await errorOf(client.getChatCompletion(id))).toMatchObject({ status: 404, code: "not_found", param: "completion_id" });
  });

  test("the probes and the contract need no token", async () => {
    const anyone = createClawgateClient({ baseUrl: gateway.url });
    expect((await anyone.getHealth()).status).toBe("ok");
    expect((await anyone.getReadiness()).checks.store).toBe("ok");
    expect(await anyone.getContract()).toMatchObject({ openapi: "3.1.0", info: { title: "Clawgate" } });
  });

  test("a base URL may end as the official client has it", async () => {
    for (const end of ["/", "/v1", "/v1/"]) {
      const { object } = await createClawgateClient({ baseUrl: gateway.url + end, token: testToken }).listModels();
      expect(object).toBe("list");
    }
  });
});

describe("headers", () => {
  test("a session key of any characters goes out and comes back as it was written", async () => {
    const sessionKey = "agent:main:민지 100% 📝";
    const { headers } = await client.createChatCompletion(question("My city is Seoul."), { sessionKey }).withHeaders();
    expect(headers.sessionKey).toBe(sessionKey);
    const stream = await client.streamChatCompletion(question("What is my city?"), { sessionKey: headers.sessionKey });
    await collect(stream);
    expect(stream.headers.sessionKey).toBe(sessionKey);
    expect(stub.requests.at(-1)?.text).toContain("My city is Seoul.");
  });

  test("the session of a user is named, decoded, in the reply", async () => {
    const { headers } = await client.createChatCompletion({ ...question("hi"), user: "민지" }).withHeaders();
    expect(headers.sessionKey).toBe("agent:main:openai-user:민지");
  });

  test("request id, agent and further headers are sent, and the reply's are there to be read", async () => {
    const asked = client.createChatCompletion(question("hi"), {
      requestId: "checkout-42.7",
      agentId: "plain",
      headers: { "x-trace": "1" },
    });
    const { data, headers } = await asked.withHeaders();
    expect(headers.requestId).toBe("checkout-42.7");
    expect(headers.sessionKey).toMatch(/^agent:plain:openai:/);
    expect(data.id).toBe(`chatcmpl-${headers.runId}`);
    expect(headers.all.get("x-content-type-options")).toBe("nosniff");
  });

  test("the client's own headers and fetch are used for every request", async () => {
    const seen: Request[] = [];
    const own = createClawgateClient({
      baseUrl: gateway.url,
      token: testToken,
      headers: { "x-request-id": "own-1" },
      fetch: (request, init) => {
        seen.push(request);
        return fetch(request, init);
      },
    });
    const { headers } = await own.listModels().withHeaders();
    expect(headers.requestId).toBe("own-1");
    expect(seen.map(({ url }) => url)).toEqual([`${gateway.url}/v1/models`]);
  });
});

describe("errors", () => {
  test("a refused body says what was wrong and where, streamed or not", async () => {
    const body = { ...question("hi"), temperature: 3 };
    for (const call of [client.createChatCompletion(body), client.streamChatCompletion(body)]) {
      const error = await errorOf(call);
      expect(error).toMatchObject({ status: 400, code: "invalid_value", type: "invalid_request_error", param: "temperature" });
      expect(error.message).toContain("temperature");
      expect(error.requestId).toMatch(/^[\w.-]{1,128}$/);
      expect(error.isRetryable).toBe(false);
    }
  });

  test("a wrong token and an unknown agent are told apart", async () => {
    expect(await errorOf(clientOf(gateway, "wrong").listModels())).toMatchObject({ status: 401, code: "invalid_api_key" });
    expect(await errorOf(client.getModel("openclaw/nobody"))).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
  });

  test("a locked-out caller is told when to come back, and that a retry is no use before", async () => {
    const auth = { mode: "token", token: testToken, rateLimit: { maxAttempts: 1, lockoutMs: 120_000, exemptLoopback: false } };
    const strict = await startGateway({ gateway: { ...gatewayWith({}), auth } });
    expect((await errorOf(clientOf(strict, "wrong").listModels())).status).toBe(401);
    const error = await errorOf(clientOf(strict).listModels());
    expect(error).toMatchObject({ status: 429, code: "too_many_failed_logins", isRetryable: false });
    expect(error.retryAfterMs).toBeGreaterThan(60_000);
    expect(error.retryAfterMs).toBeLessThanOrEqual(120_000);
  });

  test("a failure after the first words throws in the loop and keeps the words", async () => {
    stub.reply({ text: "half an answer", ending: "cut" });
    const stream = await client.streamChatCompletion(question("hi"));
    const chunks: ChatCompletionChunk[] = [];
    const error = await errorOf(collect(stream, chunks));
    expect(textOf(chunks)).toBe("half an answer");
    expect(error).toMatchObject({ status: undefined, code: "upstream_error", type: "server_error", isRetryable: false });
    expect(error.requestId).toBe(stream.headers.requestId);
  });

  test("a gateway that is not there is an error with its address", async () => {
    const gone = await startGateway();
    await gone.close();
    const error = await errorOf(clientOf(gone).getHealth());
    expect(error).toMatchObject({ status: undefined, code: "connection_failed", type: "transport_error", isRetryable: true });
    expect(error.message).toContain(gone.url);
  });

  test("a failure is reported once, whichever form of the reply is awaited", async () => {
    const call = client.getModel("openclaw/nobody");
    expect(await errorOf(call.withHeaders())).toBe(await errorOf(call));
  });
});

describe("aborting ends the run", () => {
  let upstream: HeldUpstream;
  let held: ClawgateClient;

  beforeAll(async () => {
    upstream = await startHeldUpstream();
    held = clientOf(await startGateway(onProvider(upstream.url)));
  });

  test.each(["createChatCompletion", "streamChatCompletion"] as const)("before the reply has begun: %s", async (name) => {
    const controller = new AbortController();
    const call = held[name](question("hi"), { signal: controller.signal });
    const exchange = await upstream.next();
    controller.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    await exchange.aborted;
  });

  test("in the middle of a stream", async () => {
    const controller = new AbortController();
    const opening = held.streamChatCompletion(question("hi"), { signal: controller.signal });
    const exchange = await upstream.next();
    exchange.say("one ");
    const chunks: ChatCompletionChunk[] = [];
    const reading = (async () => {
      for await (const chunk of await opening) {
        chunks.push(chunk);
        if (textOf(chunks) === "one ") controller.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    await exchange.aborted;
  });

  test("by leaving the loop, and by a stream that nobody reads", async () => {
    const opening = held.streamChatCompletion(question("hi"));
    const left = await upstream.next();
    left.say("one ");
    for await (const _ of await opening) break;
    await left.aborted;

    const unread = held.streamChatCompletion(question("hi"));
    const unwanted = await upstream.next();
    unwanted.say("one ");
    await (await unread).cancel();
    await unwanted.aborted;
  });
});

test("the body of a request is what its caller wrote, and `stream` where it is streamed", async () => {
  const bodies: unknown[] = [];
  const spy = createClawgateClient({
    baseUrl: gateway.url,
    token: testToken,
    fetch: async (request, init) => {
      bodies.push(await request.clone().json());
      return fetch(request, init);
    },
  });
  const body = { ...question("hi"), user: null, seed: 7 };
  await spy.createChatCompletion(body);
  await collect(await spy.streamChatCompletion(body));
  expect(bodies).toEqual([body, { ...body, stream: true }]);
});
