/**
 * The whole program, opened for a test: a config file in a folder of its own, port 0, its log kept in memory.
 * Everything is closed and removed when the test file ends. A gateway whose log has a secret of its config in it fails its test file.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "@jest/globals";
import { pino } from "pino";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { type Applied, openProgram, type Program, type ProgramOptions } from "../../src/program.ts";

export const testToken = "test-token-0123456789";

export interface TestGateway {
  readonly url: string;
  readonly program: Program;
  readonly folder: string;
  readonly configPath: string;
  /** The log so far, a parsed line each. */
  log(): { [key: string]: unknown }[];
  logText(): string;
  /** A POST of JSON to `/v1/chat/completions` with the token. */
  chat(body: unknown, headers?: { [name: string]: string }, signal?: AbortSignal): Promise<Response>;
  get(path: string, headers?: { [name: string]: string }): Promise<Response>;
  /** Another config in the file, and applied. */
  reload(config: TestConfig): Promise<Applied>;
  close(): Promise<void>;
}

/** Config as it stands in the file; `gateway.port`, the token and the enabled endpoint are added unless given. */
export interface TestConfig {
  readonly gateway?: { readonly [key: string]: unknown };
  readonly agents?: object;
  readonly models?: object;
  readonly mcp?: object;
  readonly session?: object;
}

const cleanups: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "clawgate-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The file of a gateway with the endpoint enabled and `testToken` as its token. */
export function configOf({ gateway = {}, ...others }: TestConfig): object {
  return {
    gateway: {
      port: 0,
      auth: { mode: "token", token: testToken },
      http: { endpoints: { chatCompletions: { enabled: true } } },
      ...gateway,
    },
    agents: { defaults: { model: "builtin/offline" }, entries: { main: { default: true }, beta: {} } },
    log: { level: "debug" },
    ...others,
  };
}

export async function startGateway(
  config: TestConfig = {},
  options: { folder?: string; env?: NodeJS.ProcessEnv } & ProgramOptions = {},
): Promise<TestGateway> {
  const folder = options.folder ?? (await makeFolder());
  const configPath = join(folder, "openclaw.json");
  const secrets = new Set<string>();
  const load = async (wanted: TestConfig): Promise<Config> => {
    const file = configOf(wanted);
    for (const secret of secretsIn(file)) secrets.add(secret);
    await writeFile(configPath, JSON.stringify(file));
    return loadConfig({ configPath }, options.env ?? { CLAWGATE_OLLAMA: "off" });
  };
  const lines: string[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
  const program = openProgram(await load(config), log, options);
  const url = await program.listen();
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await program.close();
    const told = [...secrets].filter((secret) => lines.some((line) => line.includes(JSON.stringify(secret).slice(1, -1))));
    if (told.length > 0) throw new Error(`The log of a gateway has secrets of its config in it: ${told.join(", ")}`);
  };
  cleanups.push(close);
  const authorization = { authorization: `Bearer ${testToken}` };
  return {
    url,
    program,
    folder,
    configPath,
    log: () => lines.map((line) => JSON.parse(line) as { [key: string]: unknown }),
    logText: () => lines.join(""),
    chat: (body, headers = {}, signal) =>
      fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { ...authorization, "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
        ...(signal ? { signal } : {}),
      }),
    get: (path, headers = {}) => fetch(`${url}${path}`, { headers: { ...authorization, ...headers } }),
    reload: async (wanted) => program.apply(await load(wanted)),
    close,
  };
}

/** What no log may have of a config, whatever the test is about. Short ones are words that stand there for other reasons. */
function secretsIn(value: unknown, isSecret = false): string[] {
  if (typeof value === "string") return isSecret && value.length >= 16 && !value.startsWith("${") ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => secretsIn(inner, isSecret || /^(?:token|password|apiKey)$/.test(key)));
}

/** A chat body with one user message. */
export function say(text: string, more: object = {}): { model: string; messages: object[] } {
  return { model: "openclaw", messages: [{ role: "user", content: text }], ...more };
}

/** The `data:` payloads of a whole event stream, `[DONE]` included as text. */
export function dataLines(stream: string): string[] {
  return stream.split("\n").flatMap((line) => (line.startsWith("data: ") ? [line.slice("data: ".length)] : []));
}
