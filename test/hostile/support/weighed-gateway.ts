/** The built gateway in a process of its own, whose memory can be looked at. Ended with the test file. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "@jest/globals";
import { configOf, makeFolder, type TestConfig } from "../../support/gateway.ts";

const command = fileURLToPath(new URL("../../../bin/clawgate.js", import.meta.url));
const probe = new URL("memory-probe.mjs", import.meta.url).href;
const running = new Set<ChildProcess>();

afterAll(async () => {
  for (const child of running) {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
});

export interface Weight {
  /** What is in use after a collection, in bytes. */
  readonly held: number;
  readonly rss: number;
}

export interface WeighedGateway {
  readonly url: string;
  weigh(): Promise<Weight>;
}

export async function startWeighedGateway(config: TestConfig): Promise<WeighedGateway> {
  const folder = await makeFolder();
  const configPath = join(folder, "openclaw.json");
  await writeFile(configPath, JSON.stringify(configOf(config)));
  const args = ["--expose-gc", "--import", probe, command, "gateway", "--config", configPath];
  const env = { PATH: process.env["PATH"], HOME: folder, CLAWGATE_OLLAMA: "off" };
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "pipe", "ignore", "ipc"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  const url = await new Promise<string>((resolve, reject) => {
    let output = "";
    child.once("exit", (code) => reject(new Error(`The gateway ended with ${code}: ${output}`)));
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const found = /listens on (http:\/\/\S+)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  return {
    url,
    weigh: async () => {
      const told = once(child, "message");
      child.send("weigh");
      return ((await told) as [Weight])[0];
    },
  };
}
