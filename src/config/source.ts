/**
 * Which file holds the configuration, and what is in it, as data not yet checked.
 *
 * It reads; it never writes, and creates no folder.
 */
import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import JSON5 from "json5";
import { ConfigError } from "./config-error.ts";

export interface ConfigSource {
  /** Undefined: there is no file. */
  readonly path: string | undefined;
  /** How messages name the file. */
  readonly label: string;
  /** The folder that relative paths of the file start from. */
  readonly folder: string;
  /** Where the program keeps what it makes. */
  readonly stateFolder: string;
  readonly content: unknown;
  /** Unix seconds; undefined without a file. */
  readonly modifiedAt: number | undefined;
}

const fileName = "openclaw.json";

/** What is longer was put there by mistake, and reading it would hold up everything else. */
export const maxConfigBytes = 1024 * 1024;

/** `--config` > OPENCLAW_CONFIG_PATH > $OPENCLAW_STATE_DIR/openclaw.json > ~/.openclaw/openclaw.json; only the last two may be missing. */
export function readSource(configPath: string | undefined, env: NodeJS.ProcessEnv): ConfigSource {
  const stateDir = given(env["OPENCLAW_STATE_DIR"]);
  const { path, namedBy } = locateConfig(configPath, env);
  const text = readText(path, namedBy);
  const folder = dirname(path);
  const stateFolder = stateDir === undefined ? folder : toAbsolute(stateDir, env);
  if (text === undefined) return { path: undefined, label: `${path} (not there)`, folder, stateFolder, content: {}, modifiedAt: undefined };
  const modifiedAt = Math.floor(statSync(path).mtimeMs / 1000);
  return { path, label: path, folder, stateFolder, content: parseText(text, path), modifiedAt };
}

export interface ConfigLocation {
  /** Absolute. */
  readonly path: string;
  /** The flag or variable that names this very file; undefined: it is where a config is looked for, and may be missing. */
  readonly namedBy: "--config" | "OPENCLAW_CONFIG_PATH" | undefined;
}

/** Where the configuration is, or would be. */
export function locateConfig(configPath: string | undefined, env: NodeJS.ProcessEnv = process.env): ConfigLocation {
  if (configPath !== undefined) {
    if (configPath.trim() === "") throw new ConfigError(["--config: must name a file, but is empty."]);
    return { path: toAbsolute(configPath, env), namedBy: "--config" };
  }
  const named = given(env["OPENCLAW_CONFIG_PATH"]);
  if (named !== undefined) return { path: toAbsolute(named, env), namedBy: "OPENCLAW_CONFIG_PATH" };
  const stateDir = given(env["OPENCLAW_STATE_DIR"]) ?? "~/.openclaw";
  return { path: join(toAbsolute(stateDir, env), fileName), namedBy: undefined };
}

/** Undefined when the file may be missing and is. */
function readText(path: string, namedBy: string | undefined): string | undefined {
  try {
    const { size } = statSync(path);
    if (size > maxConfigBytes) {
      throw new ConfigError([
        `${path}: it has ${size} bytes, and a config may have ${maxConfigBytes} at most; move long instructions into the workspaces of their agents.`,
      ]);
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    const isMissing = code === "ENOENT" || code === "ENOTDIR";
    if (isMissing && namedBy === undefined) return undefined;
    const why = isMissing ? "there is no such file" : code === "EISDIR" ? "it is a folder, not a file" : `it cannot be read (${code})`;
    throw new ConfigError([`${path}: ${why}${namedBy === undefined ? "; mend it or remove it." : `; correct ${namedBy}.`}`]);
  }
}

function parseText(text: string, path: string): unknown {
  try {
    return JSON5.parse(text);
  } catch (error) {
    const { message, lineNumber, columnNumber } = error as SyntaxError & { lineNumber?: number; columnNumber?: number };
    const what = message.replace(/^JSON5: /, "").replace(/ at \d+:\d+$/, "");
    throw new ConfigError([`${path}:${lineNumber ?? 1}:${columnNumber ?? 1}: not valid JSON5: ${what}.`]);
  }
}

/** Relative to `folder`, by default the working directory; a leading `~/` is the home folder. */
export function toAbsolute(path: string, env: NodeJS.ProcessEnv, folder = "."): string {
  if (path === "~" || path.startsWith("~/")) return resolve(given(env["HOME"]) ?? homedir(), path.slice(2));
  return resolve(folder, path);
}

/** An environment variable that is there and not blank, without outer whitespace. */
export function given(value: string | undefined): string | undefined {
  const trimmed = value?.trim();
  return trimmed === "" ? undefined : trimmed;
}
