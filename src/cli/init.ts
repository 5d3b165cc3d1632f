/**
 * `clawgate init`: writes a first config with a token of its own, and says what to do next.
 *
 * It never touches a file that is there, and never prints the token: terminals are recorded and shared, the file is not.
 */
import { randomBytes } from "node:crypto";
import { mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { ConfigError, loadConfig } from "../config/load.ts";
import { type ConfigLocation, locateConfig } from "../config/source.ts";
import { commandName } from "../config/terminal.ts";
import { exitCodes } from "./exit-codes.ts";
import { firstConfig } from "./first-config.ts";
import type { InitFlags } from "./flags.ts";
import { quoteForShell } from "./shell.ts";

export async function runInit({ config: configPath }: InitFlags): Promise<number> {
  let location: ConfigLocation;
  try {
    location = locateConfig(configPath);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    console.error(thrown.message);
    return exitCodes.config;
  }
  const { path, namedBy } = location;
  // How the next commands are told about this file; the other ways of naming it still hold for them.
  const command = (name: string): string =>
    `${commandName()} ${name}${namedBy === "--config" ? ` --config ${quoteForShell(configPath ?? path)}` : ""}`;
  try {
    await writeNew(path, firstConfig(randomBytes(32).toString("base64url")));
  } catch (thrown) {
    console.error(explain(thrown as NodeJS.ErrnoException, path, command));
    return exitCodes.failed;
  }
  console.log(await nextSteps(configPath, path, command));
  return exitCodes.ok;
}

/** Rejects with EEXIST when there is anything at `path`, also when it came there this very moment. */
async function writeNew(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (thrown) {
    // Half a config is worse than none, and the file is ours.
    await rm(path, { force: true });
    throw thrown;
  } finally {
    await file.close();
  }
}

type Command = (name: string) => string;

function explain({ code, syscall, message }: NodeJS.ErrnoException, path: string, command: Command): string {
  if (code === "EEXIST" && syscall === "open") {
    return [
      `${path} is there already, and stays as it is.`,
      `To check it, run: ${command("config check")}`,
      "To start afresh, move it away and run this again, or name another file with --config.",
    ].join("\n");
  }
  const isNoFolder = code === "EEXIST" || code === "ENOTDIR";
  const mayNot = code === "EACCES" || code === "EPERM" || code === "EROFS";
  const why = isNoFolder ? `there is a file where ${dirname(path)} should be a folder` : mayNot ? "this user may not write there" : message;
  return `${path} cannot be written: ${why}. Choose another place with --config.`;
}

async function nextSteps(configPath: string | undefined, path: string, command: Command): Promise<string> {
  const lines = [`Wrote ${path}`, "  Only you can read it. The token that callers need is in it, at gateway.auth.token."];
  let port = defaultPort;
  try {
    const { gateway, agents } = await loadConfig({ configPath });
    port = gateway.port || defaultPort;
    lines.push(`  model   ${agents[0]?.model}; the file says how to choose another`);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    // The file is sound, so it is the environment that is not.
    lines.push("", "Before the gateway can start, mend this:", "", ...thrown.issues.map((issue) => `  ${issue}`));
  }
  // Reads the line of the file that has the token, so that the shell's history does not.
  const token = `$(sed -n 's/^ *token: "\\([^"]*\\)".*/\\1/p' ${quoteForShell(path)})`;
  return [
    ...lines,
    "",
    "Start the gateway:",
    "",
    `  ${command("gateway")}`,
    "",
    "Then, in another terminal:",
    "",
    `curl -sS http://127.0.0.1:${port}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer ${token}" \\`,
    "  -H 'Content-Type: application/json' \\",
    `  -d '{"model": "openclaw", "messages": [{"role": "user", "content": "hi"}]}'`,
    "",
    `If something does not work: ${command("doctor")}`,
  ].join("\n");
}

const defaultPort = 18_789;
