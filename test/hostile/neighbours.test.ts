/**
 * What other gateways fell for, tried here; `SECURITY.md` says which. What is common to all programs on the network is in the
 * files beside this one: broken HTTP, too much of everything, text that becomes a command.
 */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { onProvider, providerKey } from "../faces/provider.ts";
import { makeFolder, say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { connectRaw, head, sendRaw } from "../support/raw-http.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { good, json, post, probe } from "./support/unharmed.ts";

const otherToken = "other-token-0123456789";

let stub: StubUpstream;
/** Nobody has configured it. */
let decoy: StubUpstream;
let gateway: TestGateway;
let folder: string;

beforeAll(async () => {
  [stub, decoy] = [await startStubUpstream(), await startStubUpstream()];
  folder = await makeFolder();
  const auth = { mode: "token", token: testToken, tokens: [{ name: "other", token: otherToken }] };
  const section = { port: 0, auth, http: { endpoints: { chatCompletions: { enabled: true } } }, trustedProxies: ["127.0.0.1"] };
  gateway = await startGateway(onProvider(stub.url, {}, { gateway: section }), { folder });
});

afterAll(() => Promise.all([stub.close(), decoy.close()]));

describe("what a request names besides its agent", () => {
  const address = (): string => decoy.url;
  /** In the words of LiteLLM, Portkey, vLLM, OpenClaw and OpenAI's own SDKs. */
  const fields = (): { [field: string]: unknown } => ({
    api_base: address(),
    base_url: address(),
    baseUrl: address(),
    api_key: "sk-of-the-caller",
    custom_host: address(),
    custom_llm_provider: "openai",
    gatewayUrl: address(),
    model_list: [{ model_name: "test-model", litellm_params: { api_base: address() } }],
    extra_headers: { authorization: "Bearer sk-of-the-caller" },
    extra_body: { api_base: address() },
    user_config: { model_list: [{ litellm_params: { api_base: address() } }] },
    chat_template: "{{ ''.__class__ }}",
    chat_template_kwargs: { tokenize: true },
    best_of: 1_000_000,
    guided_regex: "(a+)+$",
    mm_processor_kwargs: { size: 1e9 },
    callbacks: ["langfuse"],
  });
  const headers = (): { [name: string]: string } => ({
    "x-portkey-custom-host": address(),
    "x-portkey-provider": "openai",
    "x-portkey-config": JSON.stringify({ custom_host: address() }),
    "x-litellm-api-base": address(),
    "openai-organization": "somebody",
    "api-key": "sk-of-the-caller",
    "x-api-key": "sk-of-the-caller",
    "x-forwarded-host": new URL(address()).host,
    forwarded: `host=${new URL(address()).host}`,
  });

  test.each([false, true])("never says where the provider is, which key it gets or what else it is asked (stream: %s)", async (stream) => {
    const reply = await post(gateway, JSON.stringify({ ...say("hi", fields()), stream }), headers());
    expect(reply.status).toBe(200);
    expect([decoy.connectionCount, stub.requests.at(-1)?.path]).toEqual([0, "/v1/chat/completions"]);
    const { headers: sent, body } = stub.requests.at(-1)!;
    expect([sent.authorization, sent.host]).toEqual([`Bearer ${providerKey}`, new URL(stub.url).host]);
    expect(Object.keys(body).filter((field) => field in fields())).toEqual([]);
    expect(Object.keys(sent).filter((name) => name in headers())).toEqual([]);
    expect(JSON.stringify([sent, body])).not.toMatch(/sk-of-the-caller|__class__/);
  });
});

describe("text that would be a part of a query", () => {
  const queries = [
    "' OR '1'='1",
    "x'; DROP TABLE sessions; --",
    '" OR 1=1 --',
    "x') UNION SELECT * FROM sessions --",
    "%27%20OR%201=1",
    "x\\'",
  ];

  test.each(queries)("opens nothing as a secret: %s", async (query) => {
    for (const authorization of [`Bearer ${query}`, `Bearer ${testToken}${query}`]) {
      expect((await sendRaw(gateway.url, head("GET /v1/sessions", { authorization, connection: "close" }))).status).toBe(401);
    }
  });

  test.each(queries)("is a key like any other, and shows nobody what is another's: %s", async (query) => {
    const key = encodeURIComponent(`mine-${query}`);
    expect((await post(gateway, good, { "x-openclaw-session-key": key })).status).toBe(200);
    const statusFor = async (token: string, path: string): Promise<number> => {
      const authorization = `Bearer ${token}`;
      return (await sendRaw(gateway.url, head(`GET ${path}`, { authorization, connection: "close" }))).status;
    };
    const path = `/v1/sessions/${encodeURIComponent(`agent:main:${decodeURIComponent(key)}`)}`;
    expect([await statusFor(testToken, path), await statusFor(otherToken, path)]).toEqual([200, 404]);
    for (const place of ["sessions", "runs", "chat/completions"]) {
      expect([place, await statusFor(otherToken, `/v1/${place}/${encodeURIComponent(query)}`)]).toEqual([place, 404]);
    }
    const listed = await (await gateway.get("/v1/sessions", { authorization: `Bearer ${otherToken}` })).json();
    expect(listed).toMatchObject({ data: [] });
  });
});

describe("a path that climbs", () => {
  const climbing = [
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..\\..\\etc\\passwd",
    "....//....//etc/passwd",
  ];

  test.each(climbing)("leads to no file: %s", async (climb) => {
    for (const place of ["docs", "openapi.json", "v1/models", "v1/sessions", "files"]) {
      const { status, text } = await sendRaw(
        gateway.url,
        head(`GET /${place}/${climb}`, { authorization: `Bearer ${testToken}`, connection: "close" }),
      );
      expect([place, status >= 400 && status < 500]).toEqual([place, true]);
      expect(text).not.toContain("root:");
    }
  });

  test("makes no file anywhere, whatever it is the name of", async () => {
    const below = (): string[] => readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
    const beside = (): string[] => readdirSync(dirname(folder)).filter((name) => name.startsWith("climbed"));
    // The database and what belongs to it are there from now on.
    expect((await post(gateway, good, { "x-openclaw-session-key": "first" })).status).toBe(200);
    const before = below();
    const climb = join("..", "climbed");
    const file = { type: "file", file: { filename: `${climb}.txt`, file_data: "data:text/plain;base64,aGk=" } };
    const body = JSON.stringify(say("hi", { user: climb, messages: [{ role: "user", content: [file] }] }));
    expect((await post(gateway, body, { "idempotency-key": climb })).status).toBe(200);
    expect((await post(gateway, good, { "x-openclaw-session-key": climb })).status).toBe(200);
    expect((await post(gateway, good, { "x-openclaw-agent-id": climb })).status).toBe(404);
    expect([below(), beside()]).toEqual([before, []]);
  });
});

describe("headers that were made to take long", () => {
  const blanks = " ".repeat(60_000);

  test.each(["x-forwarded-proto", "x-forwarded-host", "x-forwarded-for", "accept", "accept-encoding", "if-none-match", "origin", "range"])(
    "are read by nobody, or in no time, also from a trusted proxy: %s",
    async (name) => {
      const reply = await post(gateway, good, { [name]: `a${blanks}b`, connection: "close" });
      expect(reply.status).toBe(200);
      expect((await probe(gateway)).status).toBe(200);
    },
  );

  const upgrade = (more: string): string =>
    `GET / HTTP/1.1\r\nhost: gateway\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;
  const tooMany = Array.from({ length: 2_500 }, (_, n) => `x-${n}: a\r\n`).join("");

  test.each([
    ["twenty-five hundred lines", tooMany, 101],
    ["twenty-five hundred lines before those of the WebSocket", tooMany, 101],
    ["a subprotocol of sixty thousand blanks", `sec-websocket-protocol: a${blanks}b\r\n`, 400],
    ["an extension of sixty thousand blanks", `sec-websocket-extensions: permessage-deflate;${blanks}x=\r\n`, 101],
  ])("do a WebSocket's handshake no harm: %s", async (what, more, status) => {
    const raw = await connectRaw(gateway.url);
    const request = upgrade(more);
    raw.send(what.includes("before") ? request.replace(more, "").replace("host:", `${more}host:`) : request);
    expect((await raw.reply()).status).toBe(status);
    raw.destroy();
    expect((await post(gateway, good, json)).status).toBe(200);
  });
});
