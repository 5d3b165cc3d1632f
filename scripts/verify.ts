/**
 * `npm run verify`: everything a change must pass, step by step as package.json has them, each timed. A failed step does
 * not keep the others from telling what they find. The last line counts steps, tests, smoke checks,
 * promises kept under chaos, and costs that are as before.
 *
 * Where a few test files fail beside the others they are run again alone, because a machine that does other work
 * besides is no fault of the change. What passes only then is named as unsteady, so that it is looked into.
 * It repairs nothing: no `--fix`, no regenerated file.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Step {
  /** A script of package.json and what is added to its command line. */
  readonly script: string;
  readonly args?: readonly string[];
  /** Without this one having passed, the step would tell nothing. */
  readonly needs?: string;
  /** What the step itself counted, read when it has ended; a step that broke off has counted nothing. */
  readonly countsIn?: (output: string) => Counts;
  /** Takes one processor and a minute: it runs beside the next ones, until this one has ended, and is shown then. */
  readonly isDoneBy?: string;
  /** What of it failed, to be run again alone; undefined when that would be most of it. */
  readonly failures?: () => Failures | undefined;
}

interface Failures {
  readonly names: readonly string[];
  /** Added to the script's command line. */
  readonly args: readonly string[];
}

interface JestResult {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: "passed" | "failed";
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "clawgate-verify-"));
const jestResultPath = join(folder, "jest.json");
/** Of more than these it is the change that broke them. */
const maxRunAgain = 4;
const none: Counts = { passed: 0, failed: 0, skipped: 0 };

const steps: readonly Step[] = [
  { script: "generate", args: ["--check"] },
  { script: "lint:contract" },
  { script: "contract:diff" },
  { script: "lint:code", isDoneBy: "build" },
  { script: "typecheck" },
  { script: "build" },
  { script: "test", args: ["--json", `--outputFile=${jestResultPath}`], countsIn: readJestCounts, failures: readJestFailures },
  { script: "smoke", needs: "build", countsIn: readLastLine },
  { script: "respect", needs: "build", countsIn: readLastLine },
  { script: "test:chaos", args: ["--quick"], needs: "build", countsIn: readPromises },
  { script: "check:dependencies", countsIn: readLastLine },
  { script: "regression", needs: "build", countsIn: readLastLine },
];

interface Run {
  readonly code: number;
  readonly output: string;
}

/** Shows what the script prints while it runs, unless it is quiet; resolves with its exit code and what it wrote to stdout. */
function runScript({ script, args = [] }: Step, isQuiet = false): Promise<Run> {
  return new Promise((resolve) => {
    // The build has just been made: the script's own pre-script would make it again.
    const npmArgs = ["run", "--silent", "--ignore-scripts", script, "--", ...args];
    const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
    const child = spawn("npm", npmArgs, { cwd: root, env, stdio: ["ignore", "pipe", isQuiet ? "pipe" : "inherit"] });
    let output = "";
    const take = (text: string): void => {
      output += text;
      // Jest's JSON goes to its file.
      if (!isQuiet) process.stdout.write(text);
    };
    child.stdout!.setEncoding("utf8").on("data", take);
    if (isQuiet) child.stderr!.setEncoding("utf8").on("data", take);
    child.once("error", ({ message }) => {
      console.log(message);
      resolve({ code: 1, output });
    });
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

function readJestCounts(): Counts {
  const result = JSON.parse(readFileSync(jestResultPath, "utf8")) as JestResult;
  return { passed: result.numPassedTests, failed: result.numFailedTests, skipped: result.numPendingTests + result.numTodoTests };
}

function readJestFailures(): Failures | undefined {
  if (!existsSync(jestResultPath)) return undefined;
  const { testResults } = JSON.parse(readFileSync(jestResultPath, "utf8")) as JestResult;
  const failed = testResults.filter(({ status }) => status === "failed");
  if (failed.length === 0 || failed.length > maxRunAgain) return undefined;
  const tests = failed.flatMap(({ assertionResults }) => assertionResults.filter(({ status }) => status === "failed"));
  return { names: tests.map(({ fullName }) => fullName), args: ["--runInBand", ...failed.map(({ name }) => name)] };
}

/** Whether what failed passes alone. What it is called is told either way. */
async function passesAlone(step: Step): Promise<boolean> {
  const failures = step.failures?.();
  if (!failures) return false;
  console.log("\n── what failed, alone");
  const { code } = await runScript({ script: step.script, args: failures.args });
  if (code !== 0) return false;
  for (const name of failures.names) lines.push(`unsteady  ${name}`);
  return true;
}

function readLastLine(output: string): Counts {
  const [, passed, failed, skipped] = /(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/.exec(output) ?? [];
  return { passed: Number(passed ?? 0), failed: Number(failed ?? 0), skipped: Number(skipped ?? 0) };
}

function readPromises(output: string): Counts {
  const [, passed, failed] = /(\d+) promises held, (\d+) broken; violations: \d+\s*$/.exec(output) ?? [];
  return { passed: Number(passed ?? 0), failed: Number(failed ?? 0), skipped: 0 };
}

function countsOf({ countsIn }: Step, output: string): Counts {
  try {
    return countsIn?.(output) ?? none;
  } catch {
    return none;
  }
}

const results = new Map<string, "passed" | "failed" | "skipped">();
let total = none;
const add = ({ passed, failed, skipped }: Counts): void =>
  void (total = { passed: total.passed + passed, failed: total.failed + failed, skipped: total.skipped + skipped });
const lines: string[] = [];

const beside = new Map<Step, { readonly startedAt: number; readonly run: Promise<Run> }>();
for (const step of steps) {
  if (step.isDoneBy !== undefined) beside.set(step, { startedAt: performance.now(), run: runScript(step, true) });
  else await report(step, performance.now(), () => runScript(step));
  for (const [other, { startedAt, run }] of beside) {
    if (other.isDoneBy !== step.script) continue;
    await report(other, startedAt, async () => {
      const done = await run;
      process.stdout.write(done.output);
      return done;
    });
  }
}

async function report(step: Step, startedAt: number, run: () => Promise<Run>): Promise<void> {
  const name = [step.script, ...(step.args ?? []).filter((arg) => !arg.includes(folder))].join(" ");
  console.log(`\n── ${name}`);
  const isPossible = step.needs === undefined || results.get(step.needs) === "passed";
  const { code, output } = isPossible ? await run() : { code: 1, output: "" };
  const firstCounts = countsOf(step, output);
  const isSteady = code === 0 && firstCounts.failed === 0;
  const isPassed = isSteady || (isPossible && (await passesAlone(step)));
  const counts = isPassed ? { ...firstCounts, passed: firstCounts.passed + firstCounts.failed, failed: 0 } : firstCounts;
  const result = !isPossible ? "skipped" : isPassed ? "passed" : "failed";
  results.set(step.script, result);
  add({ ...none, [result]: 1 });
  add(counts);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const why = isPossible ? `${seconds} s` : `${step.needs} did not pass`;
  lines.push(`${result.padEnd(7)}  ${name} (${[why, ...(isPossible ? describe(step, counts) : [])].join("; ")})`);
  console.log(lines.at(-1));
}

function describe({ countsIn }: Step, { passed, failed, skipped }: Counts): string[] {
  return countsIn ? [`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`] : [];
}

rmSync(folder, { recursive: true, force: true });
console.log(`\n${lines.join("\n")}`);
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
process.exitCode = total.failed > 0 || [...results.values()].some((result) => result !== "passed") ? 1 : 0;
