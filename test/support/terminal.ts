/** The command on a terminal of util-linux's `script`. What it draws and wipes again is left out of what it shows. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { makeFolder } from "./gateway.ts";

const bin = fileURLToPath(new URL("../../bin/clawgate.js", import.meta.url));

export const hasTerminal = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;

export interface Shown {
  readonly code: number | null;
  readonly shown: string;
}

/** `output`: a file that takes stdout; what is shown is stderr then. No argument may have a quote in it. */
export async function runOnTerminal(args: readonly string[], { output }: { readonly output: string }): Promise<Shown> {
  const home = await makeFolder();
  const command = [process.execPath, bin, ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qec", `${command} > '${output}'`, "/dev/null"], {
    cwd: home,
    env: { PATH: process.env["PATH"], HOME: home, TERM: "xterm-256color", NO_COLOR: "1", CLAWGATE_OLLAMA: "off" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [shown, [code]] = await Promise.all([text(child.stdout), once(child, "close") as Promise<[number | null]>]);
  const wiped = shown.replaceAll("\r\n", "\n").split("\r\x1b[K");
  return { code, shown: wiped.filter((piece) => !/^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] [\w ]*$/.test(piece)).join("") };
}
