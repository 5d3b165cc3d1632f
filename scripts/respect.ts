/**
 * `npm run respect`: the built program, started as a user would, and the Arazzo workflow of a first conversation run
 * against it by Redocly, which holds every reply against the contract. The last line counts its checks.
 *
 * It builds nothing and asks nothing outside this machine; folder, port and state are its own and do not stay.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { plainEnvironment, startServer } from "./server-process.ts";

interface Check {
  readonly passed: boolean;
}

interface Report {
  readonly files: {
    readonly [path: string]: {
      readonly executedWorkflows: readonly { readonly executedSteps: readonly { readonly checks: readonly Check[] }[] }[];
    };
  };
}

const root = fileURLToPath(new URL("..", import.meta.url));
const redocly = join(root, "node_modules/@redocly/cli/bin/cli.js");
const workflow = "test/contract/arazzo/first-conversation.arazzo.yaml";
const token = "a-token-for-this-run-only";
const timeLimitMs = 60_000;

const folder = mkdtempSync(join(tmpdir(), "clawgate-respect-"));
const env = plainEnvironment({ HOME: folder, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" });

/** Resolves with the exit code and what went to stderr, where Redocly also says how old Node is. */
function runRedocly(args: readonly string[]): Promise<{ code: number; errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [redocly, ...args], {
      cwd: root,
      env,
      stdio: ["ignore", "inherit", "pipe"],
      timeout: timeLimitMs,
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, errors }));
  });
}

function countChecks(reportPath: string): { passed: number; failed: number } {
  const { files } = JSON.parse(readFileSync(reportPath, "utf8")) as Report;
  const workflows = Object.values(files).flatMap(({ executedWorkflows }) => executedWorkflows);
  const checks = workflows.flatMap(({ executedSteps }) => executedSteps.flatMap((step) => step.checks));
  const passed = checks.filter((check) => check.passed).length;
  return { passed, failed: checks.length - passed };
}

async function runWorkflow(): Promise<{ passed: number; failed: number }> {
  const configPath = join(folder, "openclaw.json");
  const reportPath = join(folder, "report.json");
  const config = {
    gateway: { auth: { mode: "token", token }, http: { endpoints: { chatCompletions: { enabled: true } } } },
    agents: { defaults: { model: "builtin/offline" }, entries: { main: { default: true }, beta: {} } },
  };
  writeFileSync(configPath, JSON.stringify(config));
  const program = [join(root, "bin/clawgate.js"), "gateway", "--port", "0", "--config", configPath];
  const gateway = await startServer(program, { env, cwd: folder, readsStderr: true });
  try {
    const inputs = ["--input", `token=${token}`, "--input", "sessionKey=first-conversation"];
    const args = ["respect", workflow, "--server", `clawgate=${gateway.url}`, ...inputs, "--json-output", reportPath];
    const { code, errors } = await runRedocly(args);
    if (code !== 0) console.log(errors);
    const counts = countChecks(reportPath);
    return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } finally {
    await gateway.stop();
  }
}

let counts = { passed: 0, failed: 1 };
try {
  counts = await runWorkflow();
} catch (error) {
  console.log(error instanceof Error ? error.message : String(error));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;
