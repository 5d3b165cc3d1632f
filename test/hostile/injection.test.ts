/**
 * What callers send never becomes more than text: no line of the log, no header of a reply, no command to a terminal. And what
 * they say of their own address or name is believed of nobody.
 */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { expectError } from "../support/contract-check.ts";
import { type CliProcess, startCli } from "../support/cli.ts";
import { configOf, makeFolder, say, startGateway } from "../support/gateway.ts";
import { head, type RawReply, sendRaw } from "../support/raw-http.ts";
import { bearer, chat, good, json } from "./support/unharmed.ts";

/** Ends a line, begins a header, and speaks to a terminal, in each of the ways there are. */
const evil = 'x\r\nset-cookie: evil=1\r\n\r\n{"level":60,"msg":"evil"}\n\u2028\u2029\u0085\u001b[31m\u009b31m\u0000\u202e';
const encoded = encodeURIComponent(evil);

let cli: CliProcess;
let url: string;
let lines: () => string[];

beforeAll(async () => {
  const folder = await makeFolder();
  const configPath = join(folder, "openclaw.json");
  await writeFile(configPath, JSON.stringify(configOf({})));
  cli = await startCli(["gateway", "--config", configPath], { folder });
  url = /listens on (http:\/\/\S+)/.exec(await cli.waitFor("stdout", "Try it"))?.[1] ?? "";
  let log = "";
  cli.child.stderr?.on("data", (text: string) => (log += text));
  lines = () => log.split("\n").slice(0, -1);
});

afterAll(async () => {
  cli.child.kill("SIGTERM");
  await cli.result;
});

async function post(body: object, headers: { readonly [name: string]: string } = {}): Promise<RawReply> {
  const text = JSON.stringify(body);
  return sendRaw(url, head(chat, { ...bearer, ...json, "content-length": String(Buffer.byteLength(text)), ...headers }), text);
}

/** Each line of what was logged for this request, as it stands on standard error. */
async function linesOf(requestId: string): Promise<string[]> {
  await cli.waitFor("stderr", `"requestId":"${requestId}"`);
  return lines();
}

const tool = (name: string) => ({ type: "function", function: { name } });
const asked = (message: object) => say("hi", { messages: [message] });
const bodies: { readonly [where: string]: object } = {
  model: { ...say("hi"), model: `openclaw:${evil}` },
  user: say("hi", { user: evil }),
  "the name of a chosen tool": say("hi", { tools: [tool("f")], tool_choice: tool(evil) }),
  "the name of a tool": say("hi", { tools: [tool(evil)] }),
  "a key of metadata": say("hi", { metadata: { [evil]: 5 } }),
  "a bias": say("hi", { logit_bias: { [evil]: 1000 } }),
  "a role": asked({ role: evil, content: "hi" }),
  "the id of a tool call": asked({ role: "tool", tool_call_id: evil, content: "hi" }),
  "an address": asked({ role: "user", content: [{ type: "image_url", image_url: { url: evil } }] }),
  "the name of a file": asked({
    role: "user",
    content: [{ type: "file", file: { filename: evil, file_data: "data:text/plain;base64,AAAA" } }],
  }),
  "a field that nobody knows": say("hi", { [evil]: evil }),
  "a user that turns the writing around": say("hi", { user: "a\u202eb" }),
};
const headers: { readonly [name: string]: string } = {
  "x-openclaw-session-key": encoded,
  "x-openclaw-agent-id": encoded,
  "x-openclaw-model": encoded,
  "x-openclaw-events": encoded,
  "idempotency-key": encoded,
  "x-forwarded-for": encoded,
  "x-openclaw-nothing": encoded,
  "user-agent": "\u009b31m\u0085",
  origin: "\u009b31m\u0085",
};
const paths = [
  `/v1/models/${encoded}`,
  `/v1/sessions/${encoded}`,
  `/v1/runs/${encoded}`,
  `/v1/chat/completions/${encoded}`,
  `/nowhere/${encoded}`,
];

/** Nothing of it began a line, or stands in one as anything but ASCII and letters. */
async function expectHarmless(reply: RawReply): Promise<void> {
  expect(Object.keys(reply.headers)).not.toContain("set-cookie");
  for (const value of Object.values(reply.headers)) expect(value).toMatch(/^[\x20-\x7e]*$/);
  expect(reply.status).toBeLessThan(500);
  const logged = await linesOf(reply.headers["x-request-id"] ?? "");
  for (const line of logged) {
    // eslint-disable-next-line no-control-regex -- they are what must not be there
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
    expect((JSON.parse(line) as { msg: string; level: number }).level).toBeLessThan(60);
  }
}

test.each(Object.keys(bodies))("text that would begin a line or a header stays text: %s", async (where) => {
  await expectHarmless(await post(bodies[where]!));
});

test.each(Object.keys(headers))("a header that would begin another stays text: %s", async (name) => {
  await expectHarmless(await post(say("hi"), { [name]: headers[name]! }));
});

test.each(paths.map((path) => [path.replace(encoded, "…"), path]))(
  "a path that would begin a line stays text: %s",
  async (_shown, path) => {
    await expectHarmless(await sendRaw(url, head(`GET ${path}`, bearer)));
  },
);

test("a request id is kept only if it is one", async () => {
  for (const id of ["a%0d%0ab", 'a"b', "a b", "\u0085", "x".repeat(129)]) {
    const reply = await post(say("hi"), { "x-request-id": id });
    expect(reply.headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
    await expectHarmless(reply);
  }
});

describe("where no secret is asked for", () => {
  test("names that were made to lead here are not answered", async () => {
    const gateway = await startGateway({ gateway: { auth: { mode: "none" } } });
    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1"]) {
      for (const line of ["GET /v1/models", "GET /v1/sessions", chat]) {
        const more = line === chat ? { ...json, "content-length": String(good.length) } : {};
        const reply = await sendRaw(gateway.url, head(line, { ...more, host }) + (line === chat ? good : ""));
        expectError(reply, { status: 400, code: "invalid_value", param: "host" });
      }
      expect((await sendRaw(gateway.url, head("GET /healthz", { host }))).status).toBe(200);
    }
    for (const host of ["localhost", "LOCALHOST:18789", "127.0.0.1:18789", "127.1.2.3", "[::1]:18789"]) {
      expect((await sendRaw(gateway.url, head("GET /v1/models", { host }))).status).toBe(200);
    }
    await gateway.close();
  });
});

test("a hundred thousand addresses with wrong secrets cost a bounded amount of memory, and lock nobody else out", async () => {
  const program = fileURLToPath(new URL("support/limiter-memory.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", program, "100000"]);
  const [bytes, name] = stdout.trim().split("\n");
  expect(Number(bytes) / 2 ** 20).toBeLessThan(100);
  expect(name).toBe("main");
});
