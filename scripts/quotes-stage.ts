/**
 * Where the documents' commands run: a gateway of their own with the quickstart config and the built-in model, and what a
 * terminal would show of them, with everything that differs from run to run replaced by one example of it.
 *
 * Deliberately absent: a shell. A command is `curl`, `npx clawgate`, `npm ci && npm start` or a block of JavaScript, so
 * that this runs alike wherever Node does.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { loadConfig } from "../src/config/load.ts";
import { openProgram } from "../src/program.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

const shownAddress = "127.0.0.1:18789";
const shownToken = "YOUR_TOKEN";
const shownFolder = "/path/to/clawgate";
const quickstart = "examples/quickstart.json5";

/** Where the commands run: a running gateway, and a copy of the quickstart config whose state stays beside it. */
export interface Stage {
  readonly folder: string;
  readonly configPath: string;
  readonly address: string;
  readonly token: string;
  readonly hasCurl: boolean;
}

export async function onStage<T>(work: (stage: Stage) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-quotes-"));
  try {
    mkdirSync(join(folder, "examples"));
    const configPath = join(folder, quickstart);
    copyFileSync(join(root, quickstart), configPath);
    const token = "quotes-token-0123456789";
    const config = await loadConfig({ configPath, port: 0, token }, { CLAWGATE_OLLAMA: "off" });
    const program = openProgram(config, pino({ level: "silent" }));
    try {
      const address = new URL(await program.listen()).host;
      return await work({ folder, configPath, address, token, hasCurl: spawnSync("curl", ["--version"]).status === 0 });
    } finally {
      await program.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs the text of a command block and resolves with what a terminal would show, masked. */
export async function run(language: string, shown: string, stage: Stage): Promise<string> {
  const command = shown.replaceAll(shownAddress, stage.address).replaceAll(shownToken, stage.token);
  if (language === "js") return mask(await runNode(["--input-type=module"], stage, command), stage);
  if (command.trim() === "npm ci && npm start") return mask(await startGateway(stage), stage);
  const [program, ...args] = words(command);
  if (program === "curl") return mask(stage.hasCurl ? await runCurl(args, stage) : await requestLikeCurl(args), stage);
  if (program === "npx" && args.shift() === "clawgate") {
    const own = args.map((arg) => (arg === quickstart ? stage.configPath : arg));
    return mask(await runNode(["--import", "tsx", join(root, "src/main.ts"), ...own], stage), stage);
  }
  throw new Error(`A documented command must be curl, npx clawgate or npm ci && npm start, but is: ${shown}`);
}

/** Shell words: blanks separate them, quotes hold them together, a backslash before a line's end joins lines. */
function words(command: string): string[] {
  const pieces = command.replaceAll("\\\n", " ").matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g);
  return [...pieces].map(([word]) =>
    word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_whole, single?: string, double?: string) => single ?? double ?? ""),
  );
}

/** Nothing of this machine's environment decides what the documents say. */
function environment({ folder, configPath }: Stage): NodeJS.ProcessEnv {
  const { PATH, SystemRoot } = process.env;
  return { PATH, SystemRoot, HOME: folder, OPENCLAW_CONFIG_PATH: configPath, OPENCLAW_GATEWAY_PORT: "0", CLAWGATE_OLLAMA: "off" };
}

async function exitCodeOf(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, "close")) as [number | null];
  return code;
}

async function runNode(args: readonly string[], stage: Stage, input = ""): Promise<string> {
  const child = spawn(process.execPath, args, { cwd: root, env: environment(stage) });
  child.stdin.end(input);
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exitCodeOf(child)]);
  if (code !== 0 && input !== "") throw new Error(`A documented program failed:\n${err}`);
  return out + err;
}

async function runCurl(args: readonly string[], stage: Stage): Promise<string> {
  const child = spawn("curl", ["-sS", ...args], { env: environment(stage), stdio: ["ignore", "pipe", "pipe"] });
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exitCodeOf(child)]);
  if (code !== 0) throw new Error(`curl ${args.join(" ")} failed: ${err}`);
  return out;
}

/** What curl would do, for machines without it: as much of its command line as the documents use. */
async function requestLikeCurl(args: readonly string[]): Promise<string> {
  const headers: Record<string, string> = {};
  let [url, method, body, showsHead] = ["", "", "", false];
  const rest = args.values();
  for (const arg of rest) {
    const value = (): string => String(rest.next().value);
    if (arg === "-H") {
      const [, name = "", content = ""] = /^([^:]+):\s*(.*)$/.exec(value()) ?? [];
      headers[name] = content;
    } else if (arg === "-X") method = value();
    else if (arg === "-d") body = value();
    else if (/^-[sSNi]+$/.test(arg)) showsHead ||= arg.includes("i");
    else if (arg.startsWith("http://")) url = arg;
    else throw new Error(`Without curl, its option ${arg} is not understood. Install curl.`);
  }
  const sent = request(url, { method: method || (body === "" ? "GET" : "POST"), headers }).end(body);
  const [reply] = (await once(sent, "response")) as [IncomingMessage];
  const raw = reply.rawHeaders;
  const head = raw.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${raw[at + 1]}`] : []));
  const lines = [`HTTP/${reply.httpVersion} ${reply.statusCode} ${reply.statusMessage}`, ...head, "", ""];
  return (showsHead ? lines.join("\n") : "") + (await text(reply));
}

/** What `npm start` runs, up to the end of its greeting. */
async function startGateway(stage: Stage): Promise<string> {
  const child = spawn(process.execPath, ["--import", "tsx", join(root, "src/main.ts"), "gateway"], { env: environment(stage) });
  const exited = exitCodeOf(child);
  let out = "";
  let err = "";
  child.stderr.on("data", (piece: Buffer) => (err += String(piece)));
  for await (const piece of child.stdout) {
    out += String(piece);
    if (/^ {2}-d .*\n/m.test(out)) child.kill("SIGTERM");
  }
  if ((await exited) !== 0) throw new Error(`The gateway did not start:\n${out}${err}`);
  return out;
}

/** Whatever differs from run to run becomes one example of it. */
function mask(output: string, { folder, address, token }: Stage): string {
  const made = /^ {2}token {3}(\S+)/m.exec(output)?.[1] ?? token;
  return output
    .replaceAll("\r\n", "\n")
    .replaceAll(address, shownAddress)
    .replaceAll(/127\.0\.0\.1:\d{4,5}\b/g, shownAddress)
    .replaceAll(token, shownToken)
    .replaceAll(made, shownToken)
    .replaceAll(folder, shownFolder)
    .replaceAll(/\b[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\b/g, "3f2b8a54-7c1e-4d09-9b6a-0e5d2c81f7a4")
    .replaceAll(/\b[\da-f]{32}\b/g, "9d1c04e7b5a84f6c8e23a71f60bd9c52")
    .replaceAll(/"created":\d+/g, '"created":1767225600')
    .replaceAll(/"timestamp":\d{13}/g, '"timestamp":1767225600000')
    .replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "2026-01-01T00:00:00.000Z")
    .replaceAll(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, "2026-01-01 00:00:00Z")
    .replaceAll(/^Date: .*$/gim, "Date: Thu, 01 Jan 2026 00:00:00 GMT")
    .replaceAll(/[ \t]+$/gm, "")
    .trim();
}
