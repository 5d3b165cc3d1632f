/**
 * `npm run test:hostile`: the suite of bad days, file by file: broken HTTP, too much of everything, clients and providers that
 * misbehave, faults of the host. One line per file, the last line counts the tests. `-- --full` has the slow cases as well.
 *
 * It builds nothing; some cases start what is in `dist/`. The comparison of secrets is timed at the end and printed, not judged:
 * a machine has other things to do.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AuthService } from "../src/service/auth-service.ts";

interface JestResult {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly startTime: number;
    readonly endTime: number;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const root = fileURLToPath(new URL("..", import.meta.url));
const isFull = process.argv.includes("--full");

/** Undefined when Jest ended without saying what became of the tests. */
async function runSuite(): Promise<JestResult | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-hostile-"));
  const resultPath = join(folder, "jest.json");
  const jest = [join(root, "node_modules/jest/bin/jest.js"), "test/hostile", "--json", `--outputFile=${resultPath}`];
  const args = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning", ...jest];
  const env = { ...process.env, ...(isFull ? { HOSTILE_FULL: "1" } : {}) };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "ignore", "inherit"] });
  await new Promise((resolve) => child.once("close", resolve).once("error", resolve));
  try {
    return JSON.parse(readFileSync(resultPath, "utf8")) as JestResult;
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function lineOf({ name, message, startTime, endTime, assertionResults }: JestResult["testResults"][number]): string {
  const count = (status: string): number => assertionResults.filter((result) => result.status === status).length;
  const [passed, failed, skipped] = [count("passed"), count("failed"), count("pending")];
  const isBroken = failed > 0 || (passed === 0 && message !== "");
  const seconds = ((endTime - startTime) / 1000).toFixed(1).padStart(6);
  const rest = skipped > 0 ? `, ${skipped} skipped` : "";
  return `${isBroken ? "FAILED" : "ok    "}  ${basename(name, ".test.ts").padEnd(24)} ${seconds} s  ${passed} passed, ${failed} failed${rest}`;
}

/** Microseconds that a wrong secret takes, by what of it is right; turn by turn, and the middle of all rounds. */
async function timeSecrets(): Promise<string> {
  const secret = "s".repeat(48);
  const auth = new AuthService({ mode: "token", secret, isGenerated: false, tokens: [], rateLimit: undefined });
  const wrong = { nothing: "x".repeat(48), "the first half": "s".repeat(24) + "x".repeat(24), "all but the end": `${"s".repeat(47)}x` };
  const rounds = 200;
  const perRound = 50;
  const times = new Map(Object.keys(wrong).map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, guess] of Object.entries(wrong)) {
      const startedAt = performance.now();
      for (let n = 0; n < perRound; n++) await auth.authenticate({ secret: guess, address: "192.0.2.1" }).catch(() => undefined);
      times.get(name)?.push(((performance.now() - startedAt) * 1000) / perRound);
    }
  }
  const quantile = (sorted: readonly number[], share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1);
  return [...times]
    .map(([name, all]) => [name, all.sort((a, b) => a - b)] as const)
    .map(([name, all]) => `  right: ${name.padEnd(16)} ${quantile(all, 0.5)} µs (${quantile(all, 0.25)}–${quantile(all, 0.75)})`)
    .join("\n");
}

const result = await runSuite();
console.log(`\nHostile${isFull ? ", in full" : ""}:\n`);
for (const file of [...(result?.testResults ?? [])].sort((a, b) => a.name.localeCompare(b.name))) {
  console.log(lineOf(file));
  if (file.message !== "") console.log(file.message);
}
console.log(`\nA wrong secret takes, whatever of it is right:\n${await timeSecrets()}\n`);
const { numPassedTests: passed = 0, numFailedTests = 0, numPendingTests: skipped = 0 } = result ?? {};
const broken = (result?.testResults ?? []).filter(
  ({ assertionResults, message }) => assertionResults.length === 0 && message !== "",
).length;
const failed = numFailedTests + broken + (result && result.testResults.length > 0 ? 0 : 1);
if (skipped > 0) console.log(`${skipped} skipped`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
