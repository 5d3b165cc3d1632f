/**
 * The built command, run as its users run it: a process of its own with an environment of its own. Nothing of the
 * environment of the tests reaches it but PATH, and its home is the folder it is given.
 *
 * The build in `dist/` is what runs, so it must be fresh: `npm test` makes it first.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll } from "@jest/globals";
import { makeFolder } from "./gateway.ts";

const command = fileURLToPath(new URL("../../bin/clawgate.js", import.meta.url));
const build = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));

export interface CliOptions {
  /** HOME and the working directory; a new one unless given. */
  readonly folder?: string;
  readonly env?: { readonly [name: string]: string };
  /** For standard input, which is empty without it. */
  readonly input?: string | Buffer;
  /** A command that runs the one it is given, in its own place: `prlimit --nofile=64`. */
  readonly through?: readonly string[];
}

export interface CliResult {
  /** Null when a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly child: ChildProcess;
  /** Resolves with the output so far once it contains `text`; rejects when the process ends without having said it. */
  waitFor(stream: "stdout" | "stderr", text: string): Promise<string>;
  /** Resolves when the process has ended and all of its output has been read. */
  readonly result: Promise<CliResult>;
}

const running = new Set<CliProcess>();

afterAll(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all([...running].map(({ result }) => result));
});

export async function startCli(
  args: readonly string[],
  { folder, env = {}, input = "", through = [] }: CliOptions = {},
): Promise<CliProcess> {
  if (!existsSync(build)) throw new Error("There is no build to test: run `npm run build` first.");
  const home = folder ?? (await makeFolder());
  const [program = "", ...rest] = [...through, process.execPath, command, ...args];
  const child = spawn(program, rest, {
    cwd: home,
    env: { PATH: process.env["PATH"], HOME: home, CLAWGATE_OLLAMA: "off", ...env },
    stdio: "pipe",
  });
  child.stdin.on("error", () => undefined).end(input);
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
  const result = once(child, "close").then(([code]: (number | null)[]): CliResult => {
    hasEnded = true;
    running.delete(started);
    notify();
    return { code: code ?? null, ...output };
  });
  const started: CliProcess = {
    child,
    result,
    waitFor: (stream, text) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (!output[stream].includes(text) && !hasEnded) return;
          waiting.delete(check);
          if (output[stream].includes(text)) resolve(output[stream]);
          else reject(new Error(`The process ended and never said '${text}'.\n${output.stdout}\n${output.stderr}`));
        };
        waiting.add(check);
        check();
      }),
  };
  running.add(started);
  return started;
}

export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return (await startCli(args, options)).result;
}
