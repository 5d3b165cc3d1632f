/** Any program run as a child of a test: its output as it comes, ended by its process group when the test file ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll } from "@jest/globals";

export interface ProcessResult {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TestProcess {
  readonly child: ChildProcess;
  /** Resolves with stdout so far once it contains `text`; rejects when the process ends without having said it. */
  waitFor(text: string): Promise<string>;
  /** Resolves when the process has ended and all of its output has been read; rejects when it could not be started. */
  readonly result: Promise<ProcessResult>;
}

export interface ProcessOptions {
  readonly env?: { readonly [name: string]: string | undefined };
  readonly cwd?: string;
  /** Ended by force after this time. */
  readonly timeoutMs?: number;
}

const running = new Set<TestProcess>();

afterAll(async () => {
  for (const { child } of running) killGroup(child);
  await Promise.allSettled([...running].map(({ result }) => result));
});

export function startProcess(command: string, args: readonly string[], { env, cwd, timeoutMs }: ProcessOptions = {}): TestProcess {
  // A process group of its own, so that its children end with it.
  const child = spawn(command, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const output = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  let hasEnded = false;
  const notify = (): void => waiting.forEach((check) => check());
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
      notify();
    });
  }
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => killGroup(child), timeoutMs);
  const settle = (): void => {
    clearTimeout(timer);
    hasEnded = true;
    running.delete(started);
    notify();
  };
  const result = once(child, "close")
    .then(([code]: (number | null)[]): ProcessResult => ({ code: code ?? null, ...output }))
    .finally(settle);
  // Whoever waits for the result is told; nobody has to.
  result.catch(() => undefined);
  const started: TestProcess = {
    child,
    result,
    waitFor: (text) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const isThere = output.stdout.includes(text);
          if (!isThere && !hasEnded) return;
          waiting.delete(check);
          if (isThere) resolve(output.stdout);
          else reject(new Error(`The process ended and never said '${text}'.\n${output.stdout}\n${output.stderr}`));
        };
        waiting.add(check);
        check();
      }),
  };
  running.add(started);
  return started;
}

export function runProcess(command: string, args: readonly string[], options: ProcessOptions = {}): Promise<ProcessResult> {
  return startProcess(command, args, options).result;
}

/** Why the tests of a file are skipped, said where the run is read. */
export function printSkipped(reason: string): void {
  process.stderr.write(`skipped: ${reason}\n`);
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
