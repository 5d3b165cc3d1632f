/**
 * The built gateway as a process of its own on a host that can be made to fail it, with a provider in this process that
 * keeps account of what it was asked. Its log is all that it wrote to standard error.
 */
import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { providerKey } from "../faces/provider.ts";
import { type CliProcess, startCli } from "../support/cli.ts";
import { configOf, makeFolder, testToken } from "../support/gateway.ts";
import { type RawUpstream, startRawUpstream } from "./upstream-raw.ts";

export interface HostGateway {
  readonly pid: number;
  readonly url: string;
  readonly upstream: RawUpstream;
  readonly process: CliProcess;
  /** Where its database is, which has a folder of its own. */
  readonly database: string;
  log(): Promise<string>;
  chat(text: string, more?: object, headers?: { [name: string]: string }): Promise<HostReply>;
  get(path: string): Promise<HostReply>;
  /** The texts of the messages that the provider was sent last. */
  lastAsked(): string[];
  stop(): Promise<void>;
}

export interface HostReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of JSON, what is read of it; the rest is there too. */
  readonly body: { readonly id?: string; readonly created?: number; readonly data?: readonly { readonly content: unknown }[] };
}

export interface HostOptions {
  readonly folder?: string;
  /** Given the database's folder. */
  readonly through?: (folder: string) => readonly string[];
  readonly env?: { readonly [name: string]: string };
  readonly providers?: object;
  readonly entries?: object;
}

export async function startHostGateway({
  folder,
  through,
  env = {},
  providers = {},
  entries = {},
}: HostOptions = {}): Promise<HostGateway> {
  const upstream = await startRawUpstream();
  const home = folder ?? (await makeFolder());
  const databaseFolder = join(home, "disk");
  await mkdir(databaseFolder, { recursive: true });
  const database = join(databaseFolder, "clawgate.db");
  const config = configOf({
    models: { providers: { stub: { baseUrl: `${upstream.origin}/v1`, apiKey: providerKey }, ...providers } },
    agents: { defaults: { model: "stub/m" }, entries: { main: { default: true, tools: [] }, ...entries } },
    session: { database },
  });
  await writeFile(join(home, "openclaw.json"), JSON.stringify(config));
  const started = await startCli(["gateway", "--config", "openclaw.json"], {
    folder: home,
    env: { CLAWGATE_LOG_LEVEL: "info", ...env },
    through: through?.(databaseFolder) ?? [],
  });
  await started.waitFor("stdout", "Clawgate listens on ");
  const banner = await started.waitFor("stdout", "\n");
  const url = /listens on (\S+)/.exec(banner)?.[1] as string;
  const authorization = { authorization: `Bearer ${testToken}` };
  const read = async (response: Response): Promise<HostReply> => {
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json");
    const body = isJson ? (JSON.parse(text) as HostReply["body"]) : {};
    return { status: response.status, headers: response.headers, text, body };
  };
  return {
    pid: started.child.pid!,
    url,
    upstream,
    process: started,
    database,
    log: () => started.waitFor("stderr", ""),
    chat: async (text, more = {}, headers = {}) =>
      read(
        await fetch(`${url}/v1/chat/completions`, {
          method: "POST",
          headers: { ...authorization, "content-type": "application/json", ...headers },
          body: JSON.stringify({ model: "openclaw", messages: [{ role: "user", content: text }], ...more }),
        }),
      ),
    get: async (path) => read(await fetch(`${url}${path}`, { headers: authorization })),
    lastAsked: () => {
      const request = upstream.requests.at(-1) ?? "";
      const { messages } = JSON.parse(request.slice(request.indexOf("\r\n\r\n"))) as { messages: { content: string }[] };
      return messages.map(({ content }) => content);
    },
    stop: async () => {
      started.child.kill("SIGTERM");
      await started.result;
    },
  };
}

/** Why a command cannot be had here, or undefined. It is run once. */
export function whyNot(command: string, ...args: string[]): string | undefined {
  try {
    execFileSync(command, args, { stdio: "pipe" });
    return undefined;
  } catch (thrown) {
    return `${command}: ${String((thrown as { stderr?: Buffer }).stderr ?? thrown).trim() || String(thrown)}`;
  }
}
