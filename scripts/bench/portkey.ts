/**
 * (p) Portkey's gateway, as npm has it, for the same completions: it is told the provider and where it is in headers of each
 * request, and checks no secret. It is no dependency: it is installed into a folder that goes, and left out where it cannot be.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { plainEnvironment, startServer, type ServerProcess } from "../server-process.ts";
import { worstDelay } from "./loop-delay.ts";
import { ask, models, type Question } from "./requests.ts";
import { targetsOf, type LoopDelay, type Row, type ScenarioResult, type Target } from "./report.ts";
import { isStubCompletion } from "./scenarios.ts";
import { token, type Subjects } from "./subjects.ts";
import { measureThroughput, type Effort } from "./throughput.ts";

const version = "1.15.2";
const installMs = 90_000;
export const portkey = `@portkey-ai/gateway ${version}`;

export async function besidePortkey({ gateway, stub, proxy }: Subjects, effort: Effort): Promise<ScenarioResult> {
  const title = `(p) completion, stub upstream, not streamed, beside ${portkey}`;
  const folder = mkdtempSync(join(tmpdir(), "clawgate-bench-portkey-"));
  let other: ServerProcess | undefined;
  try {
    const started = await installAndStart(folder);
    if (typeof started === "string") return { title: `${title}: skipped, ${started}`, rows: [], targets: [] };
    other = started;
    return { title, ...(await compare({ gateway, proxy, other }, askThroughPortkey(stub.url), effort)) };
  } finally {
    await other?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare(
  { gateway, proxy, other }: { readonly [server in "gateway" | "proxy" | "other"]: ServerProcess },
  throughIt: Question,
  effort: Effort,
): Promise<Omit<ScenarioResult, "title">> {
  const rows: Row[] = [];
  const targets: Target[] = [];
  const figures: { [name: string]: number } = {};
  const delays: [string, LoopDelay | undefined][] = [];
  for (const concurrency of [8, 64]) {
    const contenders = [
      { name: "gateway", server: gateway, question: ask("openclaw:plain", { token }), isProbed: true },
      { name: "Portkey", server: other, question: throughIt },
      { name: "node:http proxy", server: proxy, question: ask(models.plain) },
    ];
    const measured = await measureThroughput(contenders, concurrency, effort, { check: isStubCompletion });
    const ratio = measured.ratioTo("Portkey");
    rows.push(...measured.rows);
    delays.push([`completion beside Portkey, c=${concurrency}`, measured.loopDelay]);
    figures[`req/s, gateway / Portkey, c=${concurrency}`] = ratio;
    figures[`req/s, Portkey / proxy, c=${concurrency}`] = measured.ratioTo("node:http proxy") / ratio;
    targets.push(...targetsOf(`req/s, stateless, c=${concurrency}, to Portkey's`, ratio, { floor: 1.5, goal: 2.5, unit: " ×" }));
  }
  return { rows, targets, figures, loopDelay: worstDelay(delays) };
}

/** Says why it could not be. */
function install(spec: string, folder: string): string | undefined {
  // What `npm run` tells its scripts is not meant for another npm.
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(package|lifecycle|command|execpath|config_local)|NODE_OPTIONS$)/.test(name),
  );
  const args = ["install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund", "--loglevel", "error", spec];
  const { status, stderr, error } = spawnSync("npm", args, {
    cwd: folder,
    env: { ...Object.fromEntries(kept), npm_config_fetch_retries: "0" },
    encoding: "utf8",
    timeout: installMs,
  });
  if (error) return `npm did not install it: ${error.message}`;
  return status === 0 ? undefined : `npm could not install it: ${stderr.trim().split("\n")[0] ?? ""}`;
}

/** Why not, where it cannot be had or does not start. */
async function installAndStart(folder: string): Promise<ServerProcess | string> {
  const problem = install(`@portkey-ai/gateway@${version}`, folder);
  if (problem !== undefined) return problem;
  const program = join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js");
  const loopbackOnly = fileURLToPath(new URL("loopback-only.js", import.meta.url));
  const args = ["--import", loopbackOnly, program, "--headless", "--port=0"];
  return startServer(args, { env: plainEnvironment({}), cwd: folder, readsStderr: true }).catch(
    (error: unknown) => (error as Error).message,
  );
}

function askThroughPortkey(upstreamUrl: string): Question {
  const question = ask(models.plain, { token: "no-key-is-needed" });
  return { ...question, headers: { ...question.headers, "x-portkey-provider": "openai", "x-portkey-custom-host": upstreamUrl } };
}
