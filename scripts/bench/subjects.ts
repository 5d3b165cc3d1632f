/**
 * The servers of one bench run and where they are reached: the built gateway as a user starts it, and its baselines.
 * The gateway keeps its defaults except for the token, the port, the provider and how many runs may be at work; its state
 * is in a folder that goes.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { plainEnvironment, startServer, type ServerProcess } from "../server-process.ts";
import { probeFlags } from "./loop-delay.ts";
import { models } from "./requests.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const token = "bench-token-0123456789";
/** At the same time, in any scenario but that of idle streams. */
const mostStreams = 512;
/** In the folder of the config. */
export const databaseName = "clawgate.db";

export interface Subjects {
  readonly gateway: ServerProcess;
  readonly floor: ServerProcess;
  readonly stub: ServerProcess;
  readonly proxy: ServerProcess;
  readonly reader: ServerProcess;
  readonly all: readonly ServerProcess[];
}

/** Gone with this process. */
const folders = new Set<string>();
process.once("exit", () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** Makes a folder with the gateway's config in it; gone when this process is. */
export function writeConfig(
  upstreamUrl: string,
  { maxConcurrent, session = {} }: { maxConcurrent?: number; session?: object } = {},
): string {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-bench-"));
  folders.add(folder);
  const agentOf = (model: string): object => ({ model: `stub/${model}` });
  const config = {
    gateway: { auth: { mode: "token", token }, http: { endpoints: { chatCompletions: { enabled: true } } } },
    agents: {
      ...(maxConcurrent === undefined ? {} : { defaults: { maxConcurrent } }),
      entries: {
        main: { default: true, model: "builtin/offline" },
        plain: agentOf(models.plain),
        long: agentOf(models.long),
        paced: agentOf(models.paced),
        steady: agentOf(models.steady),
        slow: agentOf(models.slow),
        brief: agentOf(models.brief),
        held: agentOf(models.held),
        tools: { ...agentOf(models.tools), tools: ["calculator"] },
        counting: agentOf(models.counting),
      },
    },
    models: { providers: { stub: { baseUrl: upstreamUrl, models: Object.values(models).map((id) => ({ id })) } } },
    session: { database: databaseName, ...session },
  };
  const path = join(folder, "openclaw.json");
  writeFileSync(path, JSON.stringify(config, undefined, 2));
  return path;
}

/** As `npm start` has it, for all alike: with it, what is under way at 64 requests at a time is not copied about so often. */
const youngFlag = "--max-semi-space-size=32";

/** `nodeFlags`: for a profiler. `flags`: the gateway's own. */
export function startGateway(configPath: string, nodeFlags: readonly string[] = [], flags: readonly string[] = []): Promise<ServerProcess> {
  const command = [join(root, "bin/clawgate.js"), "gateway", "--config", configPath, "--port", "0", ...flags];
  return startServer([youngFlag, ...nodeFlags, ...command], { env: plainEnvironment({}) });
}

/** One of `servers.ts`. */
export function startBaseline(...args: string[]): Promise<ServerProcess> {
  const program = fileURLToPath(new URL("servers.ts", import.meta.url));
  return startServer([youngFlag, ...probeFlags, "--import", "tsx", program, ...args], { env: plainEnvironment({}) });
}

export async function startSubjects(nodeFlags: readonly string[]): Promise<Subjects> {
  const start = startBaseline;
  const stub = await start("stub");
  const [floor, proxy, reader, gateway] = await Promise.all([
    start("floor"),
    start("proxy", stub.url),
    start("reader", stub.url),
    startGateway(writeConfig(stub.url, { maxConcurrent: mostStreams }), [...probeFlags, ...nodeFlags]),
  ]);
  return { gateway, floor, stub, proxy, reader, all: [gateway, reader, proxy, stub, floor] };
}
