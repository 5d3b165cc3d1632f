/** What the `openai` package does by itself when a call fails: it tries again, unless the gateway says that it must not. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import OpenAI, { APIUserAbortError, BadRequestError, InternalServerError, RateLimitError } from "openai";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider } from "../faces/provider.ts";
import { startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubAnswer, type StubUpstream } from "../support/stub-upstream.ts";
import { thrownBy } from "./conversation.ts";

const hi = { model: "openclaw", messages: [{ role: "user" as const, content: "hi" }] };

/** The gateway does not ask the provider again for these, so that what is counted is the client's doing. */
const onceOnly = { "x-should-retry": "false" };
const limited: StubAnswer = { status: 429, headers: onceOnly, body: { error: { message: "Slow down." } } };
const broken: StubAnswer = { status: 500, headers: onceOnly, body: "" };

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
});

afterAll(() => stub.close());

/** A client with the package's own settings, and the statuses of the answers it got. */
function watchedClient({ url }: TestGateway, apiKey = testToken): { client: OpenAI; statuses: number[]; retryCounts: (string | null)[] } {
  const statuses: number[] = [];
  const retryCounts: (string | null)[] = [];
  const client = new OpenAI({
    baseURL: `${url}/v1`,
    apiKey,
    fetch: async (input, init) => {
      retryCounts.push(new Headers(init?.headers).get("x-stainless-retry-count"));
      const response = await fetch(input, init);
      statuses.push(response.status);
      return response;
    },
  });
  return { client, statuses, retryCounts };
}

describe("a call is tried again", () => {
  test("twice after 429, then thrown", async () => {
    stub.reply(limited, limited, limited);
    const { client, statuses, retryCounts } = watchedClient(gateway);
    expect(await thrownBy(client.chat.completions.create(hi))).toBeInstanceOf(RateLimitError);
    expect(statuses).toEqual([429, 429, 429]);
    expect(retryCounts).toEqual(["0", "1", "2"]);
  });

  test("after a failure of the provider, until it succeeds", async () => {
    stub.reply(broken, broken, { text: "Hello!" });
    const { client, statuses } = watchedClient(gateway);
    const completion = await client.chat.completions.create(hi);
    expect(completion.choices[0]?.message.content).toBe("Hello!");
    expect(statuses).toEqual([502, 502, 200]);
  });

  test("as a stream, too, while nothing has been sent", async () => {
    stub.reply(broken, { text: "Hello!" });
    const { client, statuses } = watchedClient(gateway);
    let text = "";
    for await (const chunk of await client.chat.completions.create({ ...hi, stream: true })) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toBe("Hello!");
    expect(statuses).toEqual([502, 200]);
  });

  test("with a session, without leaving the failed attempt's message twice in it", async () => {
    stub.reply(broken, { text: "Hello!" }, { text: "Still here." });
    const { client, statuses } = watchedClient(gateway);
    await client.chat.completions.create({ ...hi, user: "ada" });
    await client.chat.completions.create({ model: "openclaw", messages: [{ role: "user", content: "And now?" }], user: "ada" });
    expect(statuses).toEqual([502, 200, 200]);
    expect(stub.requests.at(-1)?.body.messages).toEqual([
      { role: "user", content: "hi" },
      { role: "assistant", content: "Hello!" },
      { role: "user", content: "And now?" },
    ]);
  });
});

describe("a call is not tried again", () => {
  test.each([false, true])("once a tool was run (stream: %s)", async (stream) => {
    stub.reply({ toolCalls: [{ name: "calculator", arguments: '{"expression":"1+1"}' }] }, broken);
    const { client, statuses } = watchedClient(gateway);
    const thrown = await thrownBy(client.chat.completions.create({ ...hi, stream }));
    expect(thrown).toBeInstanceOf(InternalServerError);
    expect((thrown as InternalServerError).headers?.get("x-should-retry")).toBe("false");
    expect(statuses).toEqual([502]);
  });

  test("while its address is locked out for longer than the client would wait", async () => {
    const auth = { mode: "token", token: testToken, rateLimit: { maxAttempts: 1, lockoutMs: 300_000, exemptLoopback: false } };
    const locked = await startGateway({ gateway: { port: 0, auth, http: { endpoints: { chatCompletions: { enabled: true } } } } });
    await thrownBy(watchedClient(locked, "wrong").client.chat.completions.create(hi));
    const { client, statuses } = watchedClient(locked);
    const thrown = await thrownBy(client.chat.completions.create(hi));
    expect(thrown).toBeInstanceOf(RateLimitError);
    expect(thrown).toMatchObject({ code: "too_many_failed_logins" });
    expect((thrown as RateLimitError).headers?.get("x-should-retry")).toBe("false");
    expect(statuses).toEqual([429]);
  });

  test("when it is wrong", async () => {
    const { client, statuses } = watchedClient(gateway);
    expect(await thrownBy(client.chat.completions.create({ ...hi, n: 2 }))).toBeInstanceOf(BadRequestError);
    expect(statuses).toEqual([400]);
  });

  test("when it fails as a stream that has begun", async () => {
    const held = await startHeldUpstream();
    const { client, statuses } = watchedClient(await startGateway(onProvider(held.url)));
    const opening = client.chat.completions.create({ ...hi, stream: true });
    const exchange = await held.next();
    exchange.say("so far");
    const stream = await opening;
    const thrown = await thrownBy(
      (async () => {
        for await (const chunk of stream) if (chunk.choices[0]?.delta.content === "so far") exchange.cut();
      })(),
    );
    expect(thrown).toMatchObject({ code: "upstream_error" });
    expect(statuses).toEqual([200]);
    expect(held.count).toBe(1);
  });
});

describe("the stream() helper", () => {
  test("aborts the run when it is told to", async () => {
    const held = await startHeldUpstream();
    const { client } = watchedClient(await startGateway(onProvider(held.url)));
    const runner = client.chat.completions.stream(hi);
    runner.on("content", () => runner.abort());
    const exchange = await held.next();
    exchange.say("enough");
    expect(await thrownBy(runner.done())).toBeInstanceOf(APIUserAbortError);
    await exchange.aborted;
  });

  test("is an iterable of chunks beside its events", async () => {
    stub.reply({ text: "one two three", chunks: 4, gapMs: 10 });
    const runner = watchedClient(gateway).client.chat.completions.stream(hi);
    let text = "";
    for await (const chunk of runner) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toBe("one two three");
    expect((await runner.finalMessage()).content).toBe(text);
  });
});
