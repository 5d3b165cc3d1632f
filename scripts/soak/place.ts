/** The built gateway on a database of its own, the provider behind it, and whoever only says how late this machine's timers are. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startStubUpstream, type StubRequest, type StubScript, type StubUpstream } from "../../test/support/stub-upstream.ts";
import { plainEnvironment, startServer, type ServerProcess } from "../server-process.ts";
import { probeFlags } from "./inside.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const token = "soak-token-0123456789";

/** Agents, each with a model of the same name, by which the provider chooses what it answers. */
export const agents = ["plain", "counting", "slow", "tools", "failing", "cutting"] as const;
export const plainText = "Hello from the provider.";
export const slowText = Array.from({ length: 20 }, (_, n) => `word ${n} `).join("");
const slowGapMs = 15;

export interface Place {
  readonly gateway: ServerProcess;
  readonly stub: StubUpstream;
  /** Does nothing: the timers of nobody on this machine can be less late than its own. */
  readonly bystander: ServerProcess;
  readonly database: string;
  close(): Promise<void>;
}

export async function openPlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-soak-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const stub = await startStubUpstream({ keepRequests: 0 });
  stub.always(answer);
  const config = {
    gateway: { auth: { mode: "token", token }, http: { endpoints: { chatCompletions: { enabled: true } } } },
    agents: { entries: Object.fromEntries(agents.map((name) => [name, agentOf(name)])) },
    models: { providers: { stub: { baseUrl: stub.url, models: agents.map((id) => ({ id })) } } },
    session: { database: "clawgate.db" },
  };
  const configPath = join(folder, "openclaw.json");
  writeFileSync(configPath, JSON.stringify(config, undefined, 2));
  const command = [join(root, "bin/clawgate.js"), "gateway", "--config", configPath, "--port", "0"];
  const options = { env: plainEnvironment({}), cwd: folder };
  const gateway = await startServer([...probeFlags, ...command], options);
  const idle = "console.log('nobody listens on http://127.0.0.1'); setInterval(() => {}, 60_000)";
  const bystander = await startServer([...probeFlags, "--eval", idle], options);
  const close = async (): Promise<void> => {
    await Promise.all([gateway.stop(), bystander.stop(), stub.close()]);
    rmSync(folder, { recursive: true, force: true });
  };
  return { gateway, stub, bystander, database: join(folder, "clawgate.db"), close };
}

function agentOf(name: (typeof agents)[number]): object {
  return { model: `stub/${name}`, ...(name === "plain" ? { default: true } : {}), ...(name === "tools" ? { tools: ["calculator"] } : {}) };
}

function answer({ body: { model, messages } }: StubRequest): StubScript {
  switch (model as (typeof agents)[number]) {
    case "plain":
      return { text: plainText };
    case "counting":
      return { text: questionsRead(messages.filter(({ role }) => role === "user").length) };
    case "slow":
      return { text: slowText, chunks: 20, gapMs: slowGapMs };
    case "tools":
      return messages.at(-1)?.role === "tool"
        ? { text: `It is ${String(messages.at(-1)?.content)}.` }
        : { toolCalls: [{ name: "calculator", arguments: '{"expression":"6 * 7"}' }] };
    case "failing":
      return { status: 500, message: "Out of order." };
    case "cutting":
      return { text: plainText, chunks: 3, ending: "cut" };
  }
}

/** What `counting` says: a session from which something is missing, or in which something is doubled, shows. */
export const questionsRead = (count: number): string => `I have read ${count} questions.`;
