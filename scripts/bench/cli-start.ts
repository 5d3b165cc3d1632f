/** (f) How long the command line takes to start and end, beside a Node that does nothing, in the same run. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { median, round, type ScenarioResult } from "./report.ts";
import { token } from "./subjects.ts";

const program = fileURLToPath(new URL("../../bin/clawgate.js", import.meta.url));
const limitMs = 300;

/** `gatewayUrl`: of a gateway that runs. */
export function cliStart(configPath: string, gatewayUrl: string, rounds: number): ScenarioResult {
  const here = ["--local", "--config", configPath];
  const through = ["--url", gatewayUrl, "--token", token];
  const commands: { readonly [name: string]: readonly string[] } = {
    "node, nothing": ["-e", "0"],
    "--version": [program, "--version"],
    "--help": [program, "--help"],
    "config check": [program, "config", "check", "--config", configPath],
    "agent --local --message hi": [program, "agent", "--message", "hi", ...here],
    "agent --url … --message hi": [program, "agent", "--message", "hi", ...through],
    "sessions list --local": [program, "sessions", "list", ...here],
    "sessions list --url …": [program, "sessions", "list", ...through],
    "agents --url …": [program, "agents", ...through],
    "models --url …": [program, "models", ...through],
    "health --url …": [program, "health", ...through],
  };
  const times = new Map(Object.keys(commands).map((name) => [name, [] as number[]]));
  for (let n = 0; n < rounds; n++) for (const [name, args] of Object.entries(commands)) times.get(name)?.push(timeOf(args));
  const medians = new Map([...times].map(([name, taken]) => [name, median(taken)]));
  const bare = medians.get("node, nothing") ?? NaN;
  const slowest = Math.max(...medians.values());
  return {
    title: `(f) start of the command line, ${rounds} rounds, interleaved`,
    rows: [...medians].map(([what, ms]) => ({ what, server: "", cells: { median: `${round(ms)} ms`, "to bare node": round(ms / bare) } })),
    targets: [{ name: `every command under ${limitMs} ms`, isMet: slowest < limitMs, measured: `slowest ${round(slowest)} ms` }],
  };
}

function timeOf(args: readonly string[]): number {
  const startedAt = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`node ${args.join(" ")} ended with ${status}: ${stderr}`);
  return performance.now() - startedAt;
}
