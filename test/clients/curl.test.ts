/** curl against the running gateway: the two examples of the documents word for word, and what only curl does. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider } from "../faces/provider.ts";
import { dataLines, makeFolder, say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { printSkipped, type ProcessResult, runProcess, startProcess } from "./processes.ts";

const hasCurl = await runProcess("curl", ["--version"]).then(
  ({ code }) => code === 0,
  () => false,
);
if (!hasCurl) printSkipped("curl's tests, because there is no curl here.");
const withCurl = hasCurl ? describe : describe.skip;

const plainExample = `curl -sS http://127.0.0.1:18789/v1/chat/completions \\
  -H 'Authorization: Bearer YOUR_TOKEN' \\
  -H 'Content-Type: application/json' \\
  -H 'x-openclaw-agent-id: main' \\
  -d '{
    "model": "openclaw",
    "messages": [{"role":"user","content":"hi"}]
  }'`;

const streamedExample = `curl -N http://127.0.0.1:18789/v1/chat/completions \\
  -H 'Authorization: Bearer YOUR_TOKEN' \\
  -H 'Content-Type: application/json' \\
  -H 'x-openclaw-agent-id: main' \\
  -d '{
    "model": "openclaw",
    "stream": true,
    "messages": [{"role":"user","content":"hi"}]
  }'`;

/** No `.curlrc` and no proxy of the machine's own. */
let env: { [name: string]: string | undefined };
let gateway: TestGateway;
let chatUrl: string;

const json = ["-H", "Content-Type: application/json"];
const authorized = ["-H", `Authorization: Bearer ${testToken}`, ...json];

function curl(args: readonly string[]): Promise<ProcessResult> {
  return runProcess("curl", ["-sS", "--max-time", "20", ...args], { env });
}

withCurl("curl", () => {
  beforeAll(async () => {
    const home = await makeFolder();
    env = { PATH: process.env["PATH"], HOME: home, CURL_HOME: home };
    gateway = await startGateway();
    chatUrl = `${gateway.url}/v1/chat/completions`;
  });

  describe("runs the examples word for word, but for the port:", () => {
    let example: TestGateway;
    const run = (command: string): Promise<ProcessResult> =>
      runProcess("sh", ["-c", command.replace("127.0.0.1:18789", new URL(example.url).host)], { env });

    beforeAll(async () => {
      example = await startGateway({
        gateway: {
          port: 0,
          auth: { mode: "token", token: "YOUR_TOKEN" },
          http: { endpoints: { chatCompletions: { enabled: true } } },
        },
      });
    });

    test("a completion", async () => {
      const { code, stdout, stderr } = await run(plainExample);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const completion = JSON.parse(stdout) as { choices: { message: { content: string } }[] };
      expect(completion).toMatchObject({ object: "chat.completion", model: "openclaw", choices: [{ finish_reason: "stop" }] });
      expect(completion.choices[0]?.message.content).not.toBe("");
    });

    test("a stream", async () => {
      const { code, stdout } = await run(streamedExample);
      expect(code).toBe(0);
      expect(stdout.endsWith("data: [DONE]\n\n")).toBe(true);
      const frames = dataLines(stdout).slice(0, -1);
      const chunks = frames.map((line) => JSON.parse(line) as { choices: { delta: { content?: string } }[] });
      expect(chunks[0]).toMatchObject({ object: "chat.completion.chunk", choices: [{ delta: { role: "assistant" } }] });
      expect(chunks.at(-1)).toMatchObject({ choices: [{ delta: {}, finish_reason: "stop" }] });
      expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).not.toBe("");
    });

    test("both give the same text", async () => {
      const completion = JSON.parse((await run(plainExample)).stdout) as { choices: { message: { content: string } }[] };
      const frames = dataLines((await run(streamedExample)).stdout).slice(0, -1);
      const chunks = frames.map((line) => JSON.parse(line) as { choices: { delta: { content?: string } }[] });
      expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe(completion.choices[0]?.message.content);
    });
  });

  describe("-N", () => {
    test("shows each piece before the next one is there", async () => {
      const held = await startHeldUpstream();
      const { url } = await startGateway(onProvider(held.url));
      const body = JSON.stringify(say("hi", { stream: true }));
      const stream = startProcess("curl", ["-sSN", `${url}/v1/chat/completions`, ...authorized, "-d", body], { env });
      const exchange = await held.next();
      exchange.say("the first");
      const sofar = await stream.waitFor('"content":"the first"');
      expect(sofar).not.toContain("the second");
      exchange.say("the second");
      expect(await stream.waitFor('"content":"the second"')).not.toContain("[DONE]");
      exchange.finish();
      const { code, stdout } = await stream.result;
      expect(code).toBe(0);
      expect(stdout.endsWith("data: [DONE]\n\n")).toBe(true);
    });

    test("ended by its user ends the run", async () => {
      const held = await startHeldUpstream();
      const { url } = await startGateway(onProvider(held.url));
      const body = JSON.stringify(say("hi", { stream: true }));
      const stream = startProcess("curl", ["-sSN", `${url}/v1/chat/completions`, ...authorized, "-d", body], { env });
      const exchange = await held.next();
      exchange.say("the first");
      await stream.waitFor("the first");
      stream.child.kill("SIGINT");
      await exchange.aborted;
      await stream.result;
    });

    test("sees a stream that failed, or whose gateway stops, as an error frame", async () => {
      const held = await startHeldUpstream();
      const doomed = await startGateway(onProvider(held.url));
      const args = ["-sSN", `${doomed.url}/v1/chat/completions`, ...authorized, "-d", JSON.stringify(say("hi", { stream: true }))];
      const failed = startProcess("curl", args, { env });
      const first = await held.next();
      first.say("so far");
      await failed.waitFor("so far");
      first.cut();
      const { code, stdout } = await failed.result;
      expect(code).toBe(0);
      expect(dataLines(stdout).slice(-2)).toEqual([expect.stringMatching(/^\{"error":\{.*"code":"upstream_error"/), "[DONE]"]);

      const stopped = startProcess("curl", args, { env });
      (await held.next()).say("so far");
      await stopped.waitFor("so far");
      await doomed.close();
      const last = await stopped.result;
      expect(last.code).toBe(0);
      expect(dataLines(last.stdout).slice(-2)).toEqual([expect.stringMatching(/^\{"error":\{.*"code":"draining"/), "[DONE]"]);
    });
  });

  test("--compressed gets a readable answer", async () => {
    const { code, stdout } = await curl(["--compressed", chatUrl, ...authorized, "-d", JSON.stringify(say("hi"))]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ object: "chat.completion" });
  });

  test("may send its body compressed", async () => {
    const path = join(await makeFolder(), "body.json.gz");
    await writeFile(path, gzipSync(JSON.stringify(say("What is 6 * 7?"))));
    const { stdout } = await curl([chatUrl, ...authorized, "-H", "Content-Encoding: gzip", "--data-binary", `@${path}`]);
    expect(JSON.parse(stdout)).toMatchObject({ object: "chat.completion", choices: [{ finish_reason: "stop" }] });
  });

  describe("with a large body, which waits for '100 Continue',", () => {
    let large: string;
    beforeAll(async () => {
      large = join(await makeFolder(), "large.json");
      await writeFile(large, JSON.stringify(say(`hi${" ".repeat(2 * 1024 * 1024)}`)));
    });
    // It would send the body by itself after a second.
    const patient = ["--expect100-timeout", "15", "-w", "\n%{http_code} %{size_upload}"];

    test("sends it when it may", async () => {
      const { stdout } = await curl([...patient, chatUrl, ...authorized, "--data-binary", `@${large}`]);
      const [status, sent] = stdout.split("\n").at(-1)!.split(" ").map(Number);
      expect(status).toBe(200);
      expect(sent).toBeGreaterThan(2 * 1024 * 1024);
    });

    test("keeps it when its token is wrong", async () => {
      const { stdout } = await curl([...patient, chatUrl, "-H", "Authorization: Bearer wrong", ...json, "--data-binary", `@${large}`]);
      expect(stdout.split("\n").at(-1)).toBe("401 0");
    });
  });

  test.each([
    ["without a token", [], "No secret was sent."],
    ["with a wrong one", ["-H", "Authorization: Bearer wrong"], "The secret that was sent is wrong."],
  ])("%s is told 401 and how to mend it", async (_, header, message) => {
    const { stdout } = await curl(["-i", chatUrl, ...header, ...json, "-d", JSON.stringify(say("hi", { stream: true }))]);
    const [head = "", body = ""] = stdout.split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1\.1 401 /);
    expect(head).toMatch(/^www-authenticate: Bearer$/im);
    expect(JSON.parse(body)).toEqual({
      error: {
        message: expect.stringContaining(message),
        type: "authentication_error",
        param: null,
        code: "invalid_api_key",
      },
    });
  });

  test("--fail-with-body fails for an error and shows it", async () => {
    const { code, stdout } = await curl(["--fail-with-body", chatUrl, ...authorized, "-d", JSON.stringify(say("hi", { n: 2 }))]);
    expect(code).toBe(22);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "unsupported_parameter", param: "n" } });
  });

  test("-d without a JSON content type is told what to send", async () => {
    const { stdout } = await curl([chatUrl, "-H", `Authorization: Bearer ${testToken}`, "-d", JSON.stringify(say("hi"))]);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "unsupported_media_type", param: "content-type" } });
  });

  test("-I gets the headers of a list without its body", async () => {
    const { stdout } = await curl(["-I", `${gateway.url}/v1/models`, ...authorized]);
    expect(stdout).toMatch(/^HTTP\/1\.1 200 /);
    expect(stdout.endsWith("\r\n\r\n")).toBe(true);
  });

  test("asks twice over one connection", async () => {
    const ask = [chatUrl, ...authorized, "-d", JSON.stringify(say("hi")), "-o", join(await makeFolder(), "out"), "-w", "%{num_connects} "];
    const { stdout } = await curl([...ask, "--next", "-sS", ...ask]);
    expect(stdout.trim()).toBe("1 0");
  });
});
