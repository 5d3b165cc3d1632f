/** The tool http_fetch: what a model gets of an address, and that an agent has it only when it is named. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { FetchLimits } from "../../src/domain/agent.ts";
import { AgentTools, type ToolOutcome } from "../../src/runtime/agent-tools.ts";
import { GuardedFetcher } from "../../src/runtime/guarded-fetch.ts";
import { createHttpFetch } from "../../src/runtime/http-fetch.ts";
import { onProvider } from "../faces/provider.ts";
import { say, startGateway } from "../support/gateway.ts";
import { startStubUpstream } from "../support/stub-upstream.ts";
import { agentWith, contextOf } from "./tool-context.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

let server: WebServer;
beforeAll(async () => void (server = await startWebServer()));
beforeEach(() => server.answer((_req, res) => void res.setHeader("content-type", "text/plain").end("hello")));
afterAll(() => server.close());

const limits: FetchLimits = { allowHosts: ["*"], maxBytes: 10_000, maxRedirects: 1, timeoutMs: 20_000 };
/** To this one the test's server is public. */
const fetcher = new GuardedFetcher({
  lookup: () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]),
  isAllowedAddress: (address) => address === "127.0.0.1",
});
const tools = new AgentTools([createHttpFetch((...asked) => fetcher.fetch(...asked))]);
const at = (path = "/"): string => `http://page.example:${server.port}${path}`;

async function fetchPage(url: unknown, httpFetch = limits): Promise<ToolOutcome> {
  const agent = agentWith({ allow: ["http_fetch"], httpFetch });
  const set = await tools.open(agent, new AbortController().signal);
  return set.call({ id: "call_1", name: "http_fetch", arguments: JSON.stringify({ url }) }, contextOf(agent));
}

/** What the server says from now on. */
function serve(contentType: string | undefined, body: string | Buffer, status = 200): void {
  server.answer((_req, res) => void res.writeHead(status, contentType === undefined ? {} : { "content-type": contentType }).end(body));
}

test("a model gets the status, the type and the text", async () => {
  expect(await fetchPage(at())).toEqual({ content: "Status: 200\nContent-Type: text/plain\n\nhello", isError: false });
  serve("text/html; charset=utf-8", "<p>gone</p>", 404);
  expect(await fetchPage(at())).toEqual({ content: "Status: 404\nContent-Type: text/html; charset=utf-8\n\n<p>gone</p>", isError: false });
});

test("it is told where a redirect led", async () => {
  server.answer((req, res) => void (req.url === "/" ? res.writeHead(302, { location: "/there" }).end() : res.end("here")));
  expect((await fetchPage(at())).content).toBe(`Status: 200\nAddress: ${at("/there")}\nContent-Type: not given\n\nhere`);
});

describe("text is read in its encoding", () => {
  test.each([
    ["text/plain; charset=euc-kr", Buffer.from("b0a1b3aa", "hex"), "가나"],
    ['text/html; Charset="ISO-8859-1"', Buffer.from([0xe9]), "é"],
    ["application/json", Buffer.from('"가"'), '"가"'],
    ["application/problem+json", Buffer.from("{}"), "{}"],
    ["text/plain; charset=nonsense", Buffer.from("가"), "가"],
    [undefined, Buffer.from("가"), "가"],
  ])("%s", async (contentType, bytes, text) => {
    serve(contentType, bytes);
    const { content, isError } = await fetchPage(at());
    expect([isError, content.split("\n\n")[1]]).toEqual([false, text]);
  });
});

test.each([
  ["image/png", "image/png"],
  ["application/pdf", "application/pdf"],
  ["application/octet-stream", "application/octet-stream"],
  [undefined, "not given"],
])("what is not text is refused with a sentence: %s", async (contentType, shown) => {
  serve(contentType, Buffer.from([1, 0, 2]));
  expect(await fetchPage(at())).toEqual({
    content: `Error: The address answered with status 200 and 3 bytes that are not text (${shown}).`,
    isError: true,
  });
});

test("the agent's limits hold: hosts, size, redirects", async () => {
  expect((await fetchPage(at(), { ...limits, allowHosts: ["*.example.org"] })).content).toMatch(
    /^Error: The host 'page\.example' is not on the list/,
  );
  serve("text/plain", "x".repeat(10_001));
  expect((await fetchPage(at())).content).toBe("Error: The address sends more than 10000 bytes.");
  server.answer((_req, res) => void res.writeHead(302, { location: "/again" }).end());
  expect((await fetchPage(at())).content).toBe("Error: The address redirects more often than allowed (1).");
});

test("an argument that is no address is an error the model can read", async () => {
  expect((await fetchPage("/etc/passwd")).content).toBe("Error: The address is not a URL.");
  expect((await fetchPage(7)).content).toBe("Error: The arguments are wrong: url must be string.");
});

test("only an agent that names it has it, and a private address is refused in the middle of a run", async () => {
  const stub = await startStubUpstream();
  try {
    const config = onProvider(stub.url, {}, {});
    const entries = { main: { default: true, tools: ["calculator"] }, web: { tools: { allow: ["http_fetch"] } } };
    const gateway = await startGateway({ ...config, agents: { ...config.agents, entries } });
    const url = `http://127.0.0.1:${server.port}/`;
    stub.reply({ text: "No." }, { toolCalls: [{ name: "http_fetch", arguments: JSON.stringify({ url }) }] }, { text: "Refused." });
    expect((await gateway.chat(say("hi"))).status).toBe(200);
    const answer = await gateway.chat(say("fetch it", { model: "openclaw/web" }));
    expect([answer.status, stub.requestCount]).toEqual([200, 3]);
    const offered = stub.requests.map(({ body }) =>
      ((body["tools"] ?? []) as { function: { name: string } }[]).map((one) => one.function.name),
    );
    expect(offered).toEqual([["calculator"], ["http_fetch"], ["http_fetch"]]);
    expect(stub.requests[2]?.body.messages.at(-1)).toMatchObject({
      role: "tool",
      content: "Error: The host '127.0.0.1' has an address that is not public; only public ones may be reached.",
    });
    expect(server.connections).toBe(0);
    await gateway.close();
  } finally {
    await stub.close();
  }
});
