/**
 * A config file in a folder of its own that is gone after the test, loaded with an environment the test gives.
 * The developer's home folder and environment are never read.
 */
import { afterEach } from "@jest/globals";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Config } from "../../src/config/config.ts";
import { ConfigError, loadConfig, type LoadOptions } from "../../src/config/load.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-config-"));
  folders.push(folder);
  return folder;
}

export function writeFileAt(path: string, content: unknown): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** Loads `content` as the file named by `--config`. No Ollama is looked for unless `env` says so. */
export async function load(content: unknown = {}, env: NodeJS.ProcessEnv = {}, options: LoadOptions = {}): Promise<Config> {
  const folder = makeFolder();
  const configPath = writeFileAt(join(folder, "openclaw.json"), content);
  return loadConfig({ configPath, ...options }, { HOME: folder, CLAWGATE_OLLAMA: "off", ...env });
}

/** The problems that stop `content` from being loaded, without the file's name in front. */
export async function problems(content: unknown, env: NodeJS.ProcessEnv = {}, options: LoadOptions = {}): Promise<string[]> {
  const error = await rejection(load(content, env, options));
  return error.issues.map((line) => line.replace(/^\S*openclaw\.json(:(?= )|(?=:\d))[: ]*/, ""));
}

export async function rejection(promise: Promise<unknown>): Promise<ConfigError> {
  const error = await promise.then(
    () => new Error("It loaded."),
    (thrown: unknown) => thrown,
  );
  if (error instanceof ConfigError) return error;
  throw error;
}
