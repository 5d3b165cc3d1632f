/**
 * The built gateway with a canary for each of its secrets: those of callers, of three providers, of tool servers, in the file
 * and in the environment; its log as talkative as it gets, its traces sent. Everything that it sends to anybody but a
 * provider or a tool server is kept, to be searched. What is done with it is the test's business.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type CliProcess, startCli } from "../../support/cli.ts";
import { makeFolder } from "../../support/gateway.ts";
import { type HttpServerProcess, mcpServerPath, startHttpServer } from "../../support/mcp.ts";
import { type StubUpstream, startStubUpstream } from "../../support/stub-upstream.ts";
import { type Collector, startCollector } from "../../telemetry/collector.ts";
import { type RawUpstream, startRawUpstream } from "../upstream-raw.ts";
import { makeCanary, type Place } from "./canaries.ts";

const tracing = pathToFileURL(fileURLToPath(new URL("../../../examples/tracing.mjs", import.meta.url))).href;
const hostileMcp = fileURLToPath(new URL("../../support/hostile-mcp-server.mjs", import.meta.url));

export const secrets = {
  "the main token": makeCanary(),
  "a named token": makeCanary(),
  "a token that the file has the hash of": makeCanary(),
  "a caller's wrong token": makeCanary(),
  "the key of a provider": makeCanary(),
  "a header for a provider": makeCanary(),
  "the key of Anthropic's wire": makeCanary(),
  "the key of Google's wire": makeCanary(),
  "the key of a provider made of bytes": makeCanary(),
  "the key of a package": makeCanary(),
  "the variable of a tool server": makeCanary(),
  "the variable of a hostile tool server": makeCanary(),
  "the header for a tool server": makeCanary(),
  "a variable that is nobody's business": makeCanary(),
};

/** A package that throws where nobody catches it, with all that it knows about it. */
const stray = `
  export const createStray = ({ apiKey }) => ({
    languageModel: (modelId) => ({
      specificationVersion: "v3", provider: "stray", modelId, supportedUrls: {},
      doStream: async (options) => {
        const failure = Object.assign(new Error("thrown later"), { apiKey, options, headers: { authorization: "Bearer " + apiKey } });
        if (modelId === "rejects") throw failure;
        setImmediate(() => { throw failure; });
        return new Promise(() => undefined);
      },
    }),
  });`;

export interface Life {
  readonly process: CliProcess;
  readonly url: string;
}

export class CanaryGateway {
  readonly folder: string;
  readonly database: string;
  readonly stub: StubUpstream;
  readonly raw: RawUpstream;
  readonly collector: Collector;
  /** All that was heard from the gateway so far. */
  readonly heard: Place[] = [];
  readonly #mcp: HttpServerProcess;

  private constructor(folder: string, parts: { stub: StubUpstream; raw: RawUpstream; collector: Collector; mcp: HttpServerProcess }) {
    this.folder = folder;
    this.database = join(folder, "state", "clawgate.db");
    this.stub = parts.stub;
    this.raw = parts.raw;
    this.collector = parts.collector;
    this.#mcp = parts.mcp;
  }

  static async prepare(): Promise<CanaryGateway> {
    const folder = await makeFolder();
    const [stub, raw, collector, mcp] = await Promise.all([startStubUpstream(), startRawUpstream(), startCollector(), startHttpServer()]);
    const place = join(folder, "node_modules", "stray");
    await mkdir(place, { recursive: true });
    await mkdir(join(folder, "state"));
    await writeFile(join(place, "package.json"), JSON.stringify({ name: "stray", type: "module", exports: "./index.js" }));
    await writeFile(join(place, "index.js"), stray);
    const made = new CanaryGateway(folder, { stub, raw, collector, mcp });
    made.configure(made.config());
    return made;
  }

  get configPath(): string {
    return join(this.folder, "openclaw.json");
  }

  configure(config: object | string): void {
    writeFileSync(this.configPath, typeof config === "string" ? config : JSON.stringify(config));
  }

  config(): { gateway: { auth: object }; models: object; mcp: object } {
    const { stub, raw } = this;
    const hashed = createHash("sha256").update(secrets["a token that the file has the hash of"]).digest("hex");
    const wrongHeader = { Authorization: `Bearer ${secrets["the header for a tool server"]}` };
    const auth = {
      mode: "token",
      token: "${GATEWAY_SECRET}",
      tokens: [
        { name: "laptop", token: secrets["a named token"], agents: ["main"] },
        { name: "ci", sha256: hashed },
      ],
      rateLimit: { maxAttempts: 100_000, exemptLoopback: false },
    };
    const providers = {
      stub: {
        baseUrl: stub.url,
        apiKey: "${PROVIDER_KEY}",
        headers: { "x-team-key": secrets["a header for a provider"] },
      },
      claude: { api: "anthropic-messages", baseUrl: stub.anthropicUrl, apiKey: secrets["the key of Anthropic's wire"] },
      gemini: { api: "google-generative-ai", baseUrl: stub.googleUrl, apiKey: secrets["the key of Google's wire"] },
      raw: { baseUrl: `${raw.origin}/v1`, apiKey: secrets["the key of a provider made of bytes"] },
      stray: { api: "ai-sdk", package: "stray", options: { apiKey: secrets["the key of a package"] } },
    };
    const hostile = (list: string): object => ({
      command: process.execPath,
      args: [hostileMcp, list],
      env: { TEST_KEY: secrets["the variable of a hostile tool server"] },
    });
    return {
      gateway: { auth, port: 0, http: { endpoints: { chatCompletions: { enabled: true } } } } as { auth: object },
      models: { providers },
      mcp: {
        servers: {
          files: { command: process.execPath, args: [mcpServerPath], env: { TEST_MCP_KEY: secrets["the variable of a tool server"] } },
          hostile: hostile("plain"),
          refusing: hostile("refusing"),
          locked: { url: this.#mcp.entry.url, headers: wrongHeader },
        },
      },
      ...{
        agents: {
          defaults: { model: "stub/m", maxTurns: 4 },
          entries: {
            main: { default: true, tools: ["calculator", "memory_save", "memory_recall", "http_fetch", "files__*", "hostile__*"] },
            claude: { model: "claude/m" },
            gemini: { model: "gemini/m" },
            raw: { model: "raw/m" },
            stray: { model: "stray/throws" },
            locked: { tools: ["locked__*", "refusing__*"] },
          },
        },
        session: { database: this.database },
        log: { level: "trace" },
      },
    };
  }

  /** Of the gateway, and of each command. */
  get env(): { readonly [name: string]: string } {
    return {
      GATEWAY_SECRET: secrets["the main token"],
      PROVIDER_KEY: secrets["the key of a provider"],
      AWS_SECRET_ACCESS_KEY: secrets["a variable that is nobody's business"],
    };
  }

  async start(): Promise<Life> {
    const env = {
      ...this.env,
      NODE_OPTIONS: `--import=${tracing}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: this.collector.url,
      TMPDIR: join(this.folder, "state"),
    };
    const started = await startCli(["gateway", "--config", "openclaw.json"], { folder: this.folder, env });
    void started.result.then(({ stdout, stderr }) => this.hear("what the gateway printed", stdout).hear("the log", stderr));
    const banner = await started.waitFor("stdout", "Try it");
    return { process: started, url: /listens on (\S+)/.exec(banner)![1]! };
  }

  hear(name: string, content: string): this {
    this.heard.push({ name, content });
    return this;
  }

  async command(name: string, args: readonly string[], more: { readonly [name: string]: string } = {}): Promise<number | null> {
    const started = await startCli(args, { folder: this.folder, env: { ...this.env, OPENCLAW_CONFIG_PATH: this.configPath, ...more } });
    const { code, stdout, stderr } = await started.result;
    this.hear(`the output of ${name}`, stdout).hear(`the diagnostics of ${name}`, stderr);
    return code;
  }

  async close(): Promise<void> {
    await this.stub.close();
  }

  /** All files of the gateway: its database with what belongs to it, and whatever else it left. */
  files(): Place[] {
    const state = join(this.folder, "state");
    const names = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return names.map(({ parentPath, name }) => ({ name: join(parentPath, name), content: readFileSync(join(parentPath, name)) }));
  }
}

/** The arguments of a process and of all that it started; of those, the environment too. */
export function processesOf(pid: number): { readonly commands: Place[]; readonly environments: Place[] } {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  const below = children.map(processesOf);
  const read = (child: number, file: string): Place => ({
    name: `/proc/${child}/${file}`,
    content: readFileSync(`/proc/${child}/${file}`),
  });
  return {
    commands: [read(pid, "cmdline"), read(pid, "comm"), ...below.flatMap(({ commands }) => commands)],
    environments: [...children.map((child) => read(child, "environ")), ...below.flatMap(({ environments }) => environments)],
  };
}
