/**
 * The servers of a bench or smoke run, each a child process of its own: started, found by the URL they print, weighed,
 * and ended by pid, also when the run itself fails. It knows nothing of what they serve.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";

export interface ServerProcess {
  readonly pid: number;
  readonly url: string;
  /** SIGTERM, then SIGKILL when it takes longer than five seconds. Resolves with the exit code, `null` after a SIGKILL. */
  stop(): Promise<number | null>;
  /** Resolves with what it prints next. */
  ask(signal: NodeJS.Signals): Promise<string>;
}

export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Read, so that the error of a server that does not start can show it; unless told, it goes to /dev/null and costs nothing. */
  readonly readsStderr?: boolean;
  /** How long it may take until it listens. */
  readonly listenMs?: number;
}

const running = new Set<ChildProcess>();
const patienceMs = { listen: 20_000, stop: 5_000 };

// Whatever ends this process, an error or Ctrl-C, leaves no server behind.
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

/** Runs `node` with these arguments; resolves when it has printed `listens on <url>`. */
export async function startServer(
  args: readonly string[],
  { env = process.env, cwd = process.cwd(), readsStderr = false, listenMs = patienceMs.listen }: StartOptions = {},
): Promise<ServerProcess> {
  const child = spawn(process.execPath, args, { env, cwd, stdio: ["ignore", "pipe", readsStderr ? "pipe" : "ignore"] });
  running.add(child);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve).once("error", () => resolve(null)));
  void exited.then(() => running.delete(child));
  const stop = async (): Promise<number | null> => {
    child.kill("SIGTERM");
    const giveUp = setTimeout(() => child.kill("SIGKILL"), patienceMs.stop);
    const code = await exited;
    clearTimeout(giveUp);
    return code;
  };

  let output = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-5000)));
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(giveUp);
      reject(new Error(`node ${args.join(" ")}: ${why}\n${output}`));
    };
    const giveUp = setTimeout(() => fail(`not listening after ${listenMs} ms`), listenMs);
    child.once("error", ({ message }) => fail(message));
    child.once("close", (code) => fail(`ended with ${code} before it listened`));
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-5000);
      const found = /listens on (http:\/\/\S+)/.exec(output)?.[1];
      if (found === undefined) return;
      clearTimeout(giveUp);
      resolve(found);
    });
  }).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const ask = (signal: NodeJS.Signals): Promise<string> =>
    new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error(`node ${args.join(" ")} ended.\n${output}`));
      child.once("exit", onExit);
      child.stdout?.once("data", (text: string) => {
        child.off("exit", onExit);
        resolve(text);
      });
      child.kill(signal);
    });
  return { pid: child.pid ?? 0, url, stop, ask };
}

/** The environment without what would make the gateway another one than a newcomer's: keys, providers, proxies, its own variables. */
export function plainEnvironment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = /^(OPENCLAW|CLAWGATE|OLLAMA|OPENAI|ANTHROPIC|GEMINI|GOOGLE)_|_API_KEY$|^(https?|all)_proxy$|^NODE_OPTIONS$/i;
  const kept = Object.entries(process.env).filter(([name]) => !own.test(name));
  return { ...Object.fromEntries(kept), CLAWGATE_OLLAMA: "off", ...more };
}

/** Resident memory in MB; undefined where there is no /proc. `peak`: the most it ever was. */
export function memoryMb(pid: number, which: "now" | "peak" = "now"): number | undefined {
  const kilobytes = new RegExp(`^${which === "now" ? "VmRSS" : "VmHWM"}:\\s+(\\d+) kB`, "m").exec(readProc(`${pid}/status`) ?? "")?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

/** CPU time a process has used, in milliseconds, in steps of 10; undefined where there is no /proc. */
export function cpuMs(pid: number): number | undefined {
  // The name in brackets may hold spaces: fields are counted from after it.
  const fields = readProc(`${pid}/stat`)
    ?.replace(/^.*\) /, "")
    .split(" ");
  return fields && (Number(fields[11]) + Number(fields[12])) * 10;
}

/** What a process has written, to files and sockets alike, in bytes; undefined where there is no /proc. */
export function writtenBytes(pid: number): number | undefined {
  const bytes = /^wchar: (\d+)$/m.exec(readProc(`${pid}/io`) ?? "")?.[1];
  return bytes === undefined ? undefined : Number(bytes);
}

/** Of the whole machine, since its start, in ticks; undefined where there is no /proc. */
export function cpuTicks(): { idle: number; all: number } | undefined {
  const ticks = /^cpu +(.*)$/m
    .exec(readProc("stat") ?? "")?.[1]
    ?.split(" ")
    .slice(0, 8)
    .map(Number);
  return ticks && { idle: (ticks[3] ?? 0) + (ticks[4] ?? 0), all: ticks.reduce((sum, n) => sum + n, 0) };
}

function readProc(name: string): string | undefined {
  try {
    return readFileSync(`/proc/${name}`, "utf8");
  } catch {
    return undefined;
  }
}

/** Files a process may have open: Node takes as many as it may have. Infinite where there is no /proc. */
export function fileLimit(): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readProc("self/limits") ?? "")?.[1];
  return hard === undefined || hard === "unlimited" ? Infinity : Number(hard);
}
