/** The built gateway as a child process on one database, killed and started again, and its replies as JSON. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { plainEnvironment, startServer, type ServerProcess } from "../server-process.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const token = "chaos-token-0123456789";
const longestAnswerMs = 30_000;
export const authorization = { authorization: `Bearer ${token}` };

export class Gateway {
  readonly folder = mkdtempSync(join(tmpdir(), "clawgate-chaos-"));
  readonly database = join(this.folder, "clawgate.db");
  readonly #args: readonly string[];
  #server: ServerProcess | undefined;

  constructor(upstreamUrl: string) {
    const configPath = join(this.folder, "openclaw.json");
    const config = {
      gateway: { auth: { mode: "token", token }, http: { endpoints: { chatCompletions: { enabled: true } } } },
      agents: { entries: { main: { default: true, model: "stub/stub-model", tools: ["calculator"] } } },
      models: { providers: { stub: { baseUrl: upstreamUrl, models: [{ id: "stub-model" }] } } },
      session: { database: "clawgate.db" },
    };
    writeFileSync(configPath, JSON.stringify(config, undefined, 2));
    this.#args = [join(root, "bin/clawgate.js"), "gateway", "--config", configPath, "--port", "0"];
  }

  get url(): string {
    return this.#running.url;
  }

  get pid(): number {
    return this.#running.pid;
  }

  async start(): Promise<void> {
    this.#server = await startServer(this.#args, { env: plainEnvironment({}), cwd: this.folder, readsStderr: true });
  }

  async kill(): Promise<void> {
    process.kill(this.pid, "SIGKILL");
    await this.#running.stop();
  }

  /** Starts one and kills it after so long, be it ready or not. */
  async startInVain(killedAfterMs: number): Promise<void> {
    const child = spawn(process.execPath, this.#args, { env: plainEnvironment({}), cwd: this.folder, stdio: "ignore" });
    const exit = once(child, "exit");
    await sleep(killedAfterMs);
    child.kill("SIGKILL");
    await exit;
  }

  /** As an operator does it. Resolves with the exit code. */
  stop(): Promise<number | null> {
    return this.#running.stop();
  }

  removeFolder(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async get<Body>(path: string): Promise<{ readonly status: number; readonly body: Body }> {
    const reply = await fetch(`${this.url}${path}`, { headers: authorization, signal: AbortSignal.timeout(longestAnswerMs) });
    return { status: reply.status, body: (await reply.json()) as Body };
  }

  get #running(): ServerProcess {
    if (!this.#server) throw new Error("The gateway was not started.");
    return this.#server;
  }
}
