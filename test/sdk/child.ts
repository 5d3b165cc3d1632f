/** A program run to its end, in an environment of its own: nothing of the tests' environment reaches it but PATH. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

export interface ChildResult {
  /** Null when it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  readonly cwd: string;
  readonly env?: { readonly [name: string]: string };
}

export function run(command: string, args: readonly string[], { cwd, env = {} }: ChildOptions): Promise<ChildResult> {
  return new Promise((resolve) => {
    const options = { cwd, env: { PATH: process.env["PATH"], ...env }, timeout: 60_000, killSignal: "SIGKILL" } as const;
    execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : null;
      resolve({ code, stdout, stderr });
    });
  });
}

/** Runs `node` with these arguments. */
export function runNode(args: readonly string[], options: ChildOptions): Promise<ChildResult> {
  return run(process.execPath, args, options);
}
