/** How a command is stopped that has children which do not want to end. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider, providerKey } from "../faces/provider.ts";
import { type CliProcess, startCli } from "../support/cli.ts";
import { makeFolder, say } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

const server = fileURLToPath(new URL("../support/hostile-mcp-server.mjs", import.meta.url));
let stub: StubUpstream;

beforeAll(async () => void (stub = await startStubUpstream()));
afterAll(() => stub.close());

async function folderWith(config: object): Promise<string> {
  const folder = await makeFolder();
  await writeFile(join(folder, "openclaw.json"), JSON.stringify(config));
  return folder;
}

const withStubborn = (): object => ({
  gateway: { auth: { mode: "none" }, http: { endpoints: { chatCompletions: { enabled: true } } } },
  models: { providers: { stub: { baseUrl: stub.url, apiKey: providerKey } } },
  agents: { defaults: { model: "stub/test-model" }, entries: { main: { default: true, tools: ["it__*"] } } },
  mcp: { servers: { it: { command: process.execPath, args: [server, "stubborn"] } } },
});

function pidSaid(): number {
  const { content } = stub.requests.at(-1)?.body.messages.at(-1) as { content: string };
  return Number(content);
}

/** The test's own time limit is the end of patience. */
async function untilGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await sleep(5);
  }
}

/** Sends `signal` again and again until the command ends. */
async function insist({ child, result }: CliProcess, signal: NodeJS.Signals): Promise<number | null> {
  const again = setInterval(() => child.kill(signal), 50);
  try {
    return (await result).code;
  } finally {
    clearInterval(again);
  }
}

describe("a gateway whose tool server does not want to end", () => {
  const start = async (): Promise<CliProcess & { pid: number }> => {
    const folder = await folderWith(withStubborn());
    const gateway = await startCli(["gateway", "--config", "openclaw.json", "--port", "0"], { folder });
    const banner = await gateway.waitFor("stdout", "Try it");
    stub.reply({ toolCalls: [{ name: "it__pid" }] }, { text: "Done." });
    const response = await fetch(`${/listens on (\S+)/.exec(banner)?.[1]}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(say("go")),
    });
    expect(response.status).toBe(200);
    return { ...gateway, pid: pidSaid() };
  };

  test("ends it by force, and exits 0 after one signal", async () => {
    const gateway = await start();
    gateway.child.kill("SIGTERM");
    expect((await gateway.result).code).toBe(0);
    await untilGone(gateway.pid);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("exits at once at the second %s, with %i, and leaves no process behind", async (signal, code) => {
    const gateway = await start();
    gateway.child.kill(signal);
    expect(await insist(gateway, signal)).toBe(code);
    await untilGone(gateway.pid);
  });
});

test("`clawgate agent` ended by SIGTERM exits 143, after what came of the answer", async () => {
  const held = await startHeldUpstream();
  const started = await startCli(["agent", "--config", "openclaw.json", "--message", "hi"], {
    folder: await folderWith(onProvider(held.url)),
  });
  const exchange = await held.next();
  exchange.say("Well");
  await started.waitFor("stdout", "Well");
  started.child.kill("SIGTERM");
  await exchange.aborted;
  expect(await started.result).toEqual({ code: 143, stdout: "Well\n", stderr: "The run was aborted.\n" });
});
