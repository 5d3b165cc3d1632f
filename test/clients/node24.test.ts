/**
 * The built gateway and the `openai` package on Node 24, fetched from npm into a folder of its own for the time of the
 * test. Where it cannot be had (no registry, no install scripts, no such platform) the test is skipped, and says why.
 *
 * The build in `dist/` is what runs, so it must be fresh: `npm test` makes it first.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "@jest/globals";
import { onProvider } from "../faces/provider.ts";
import { configOf, makeFolder, testToken } from "../support/gateway.ts";
import { startStubUpstream } from "../support/stub-upstream.ts";
import { askWeather, turns, weatherRoundTrip } from "./conversation.ts";
import { installFromNpm } from "./npm-install.ts";
import { printSkipped, runProcess, startProcess } from "./processes.ts";

const version = "24.21.0";

const command = fileURLToPath(new URL("../../bin/clawgate.js", import.meta.url));
const build = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));
const clientScript = fileURLToPath(new URL("scripts/openai-client.ts", import.meta.url));

const prefix = await mkdtemp(join(tmpdir(), "clawgate-node24-"));
const removePrefix = (): Promise<void> => rm(prefix, { recursive: true, force: true });
const node = join(prefix, "node_modules", "node", "bin", "node");

/** Why Node 24 cannot be had here; undefined when it can. */
async function install(): Promise<string | undefined> {
  const problem = await installFromNpm(`node@${version}`, prefix);
  if (problem !== undefined) return problem;
  try {
    const { code, stdout, stderr } = await runProcess(node, ["--version"], { timeoutMs: 10_000 });
    return code === 0 && stdout.trim() === `v${version}` ? undefined : `what npm installed is not it: ${stdout}${stderr}`;
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

const reason = await install();
if (reason !== undefined) {
  printSkipped(`the test on Node ${version}, because ${reason}`);
  // When every test is skipped, nothing is called afterwards.
  await removePrefix();
}

afterAll(removePrefix);

const withNode24 = reason === undefined ? test : test.skip;

withNode24(
  "the built gateway serves the openai package, both on Node 24",
  async () => {
    if (!existsSync(build)) throw new Error("There is no build to test: run `npm run build` first.");
    const stub = await startStubUpstream();
    try {
      const home = await makeFolder();
      const configPath = join(home, "openclaw.json");
      await writeFile(configPath, JSON.stringify(configOf(onProvider(stub.url))));
      const env = { PATH: process.env["PATH"], HOME: home, CLAWGATE_OLLAMA: "off" };
      const gateway = startProcess(node, [command, "gateway", "--port", "0", "--config", configPath], { env, cwd: home });
      const banner = await gateway.waitFor("Try it:");
      const url = /listens on (http:\/\/\S+)/.exec(banner)?.[1] ?? "";

      stub.reply(
        askWeather,
        { text: "It is sunny." },
        { text: "one two three", chunks: 4, gapMs: 10 },
        { text: "Noted." },
        { text: "You are Ada." },
      );
      const client = await runProcess(node, [clientScript, `${url}/v1`, testToken], { env, cwd: home, timeoutMs: 20_000 });
      expect(client).toMatchObject({ code: 0, stderr: "" });
      expect(JSON.parse(client.stdout)).toEqual({
        node: `v${version}`,
        models: ["openclaw", "openclaw/default", "openclaw/main", "openclaw/plain"],
        call: {
          finishReason: "tool_calls",
          id: "call_seoul",
          type: "function",
          function: { name: "get_weather", arguments: '{"city":"Seoul"}' },
        },
        answer: "It is sunny.",
        pieces: ["one ", "two ", "thre", "e"],
        usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 },
        sessionKeys: ["agent:main:openai-user:ada", "agent:main:openai-user:ada"],
        refused: ["NotFoundError", 404, "model_not_found"],
      });
      expect(stub.requests[1]?.body.messages).toEqual(weatherRoundTrip);
      expect(turns(stub)).toEqual([
        { role: "user", content: "I am Ada." },
        { role: "assistant", content: "Noted." },
        { role: "user", content: "Who am I?" },
      ]);

      gateway.child.kill("SIGTERM");
      const { code, stderr } = await gateway.result;
      expect(code).toBe(0);
      // What Node itself complains about is no line of the log.
      expect(stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"))).toEqual([]);
    } finally {
      await stub.close();
    }
  },
  40_000,
);
