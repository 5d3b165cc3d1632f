/**
 * Keeps the documents true. Every command they show is run, on a gateway of its own with the quickstart config and the
 * built-in model, and what it prints is written under it; tables are made from the code they describe.
 * With --check nothing is written, and each block that is stale is named and shown.
 *
 *   <!-- command: NAME -->                        before the fenced block of a command; it is run as it stands there
 *   <!-- quote: NAME [first=N] [last=N] -->       before the fenced block that takes its output, or so many lines of it
 *   <!-- generated: NAME --> … <!-- end -->       around a table
 *
 * Commands run in the order of the documents, so that a later one may continue the session of an earlier one. Only the
 * address and the token are put in; ids, times and paths are masked. Deliberately absent: a shell. A command is `curl`,
 * `npx clawgate`, `npm ci && npm start` or a block of JavaScript, so that this runs alike wherever Node does.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { loadConfig } from "../src/config/load.ts";
import { errorCodes, GatewayError } from "../src/domain/errors.ts";
import { errorReply } from "../src/http/errors.ts";
import { openProgram } from "../src/program.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const isCheck = process.argv.includes("--check");

const shownAddress = "127.0.0.1:18789";
const shownToken = "YOUR_TOKEN";
const shownFolder = "/path/to/clawgate";
const quickstart = "examples/quickstart.json5";

/** Where the commands run: a running gateway, and a copy of the quickstart config whose state stays beside it. */
interface Stage {
  readonly folder: string;
  readonly configPath: string;
  readonly address: string;
  readonly token: string;
  readonly hasCurl: boolean;
}

async function onStage<T>(work: (stage: Stage) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-quotes-"));
  try {
    mkdirSync(join(folder, "examples"));
    const configPath = join(folder, quickstart);
    copyFileSync(join(root, quickstart), configPath);
    const token = "quotes-token-0123456789";
    const config = await loadConfig({ configPath, port: 0, token }, { CLAWGATE_OLLAMA: "off" });
    const program = await openProgram(config, pino({ level: "silent" }));
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
async function run(language: string, shown: string, stage: Stage): Promise<string> {
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
    .replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "2026-01-01T00:00:00.000Z")
    .replaceAll(/^Date: .*$/gim, "Date: Thu, 01 Jan 2026 00:00:00 GMT")
    .replaceAll(/[ \t]+$/gm, "")
    .trim();
}

/** As it is shown: JSON indented; of a long output the first and last so many lines, all of it when both are 0. */
function present(output: string, language: string, first: number, last: number): string {
  if (language === "json") return JSON.stringify(JSON.parse(output), undefined, 2);
  const lines = output.split("\n");
  if (first + last === 0 || first + last >= lines.length) return output;
  return [...lines.slice(0, first), "…", ...lines.slice(lines.length - last)].join("\n");
}

type JsonSchema = {
  readonly type?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
};

const readJson = (path: string): unknown => JSON.parse(readFileSync(join(root, path), "utf8"));

/** Read, so that existing files work, and without effect yet. */
const idle = /not used yet|^For editors/;
/** Said elsewhere: the older form of `entries`, and what an agent has in common with `agents.defaults`. */
const elsewhere = /^agents\.(list$|entries\.<id>\.(?!default$))/;

/** Every key of the config file that has an effect, with its default. */
function configTable(): string {
  const rows: string[] = [];
  const describe = (path: string, { default: value, description = "" }: JsonSchema): void => {
    // The default has a column of its own.
    const meaning = value === undefined ? description : description.replace(/ Default [^.:]*(\.\d+)*\.(?= |$)/, "");
    rows.push(`| \`${path}\` | ${value === undefined ? "–" : `\`${JSON.stringify(value)}\``} | ${meaning.replaceAll(/[|<]/g, "\\$&")} |`);
  };
  const walk = (path: string, schema: JsonSchema): void => {
    if (idle.test(schema.description ?? "") || elsewhere.test(path)) return;
    const values = typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
    const children = values?.properties ? { "<id>": values } : schema.properties;
    const isSwitch = schema.description !== undefined && schema.default === undefined && !path.endsWith(".<id>");
    if (!children || isSwitch) describe(path, schema);
    for (const [key, child] of Object.entries(children ?? {})) walk(path === "" ? key : `${path}.${key}`, child);
  };
  walk("", readJson("generated/config.schema.json") as JsonSchema);
  return ["| key | default | meaning |", "|---|---|---|", ...rows].join("\n");
}

/** A path that the contract does not have is not an operation of it, so no operation shows its error. */
const outsideContract: ReadonlyMap<string, string> = new Map([["not_found", "A path that is not in the contract"]]);

interface Contract {
  readonly components: {
    readonly responses: Readonly<
      Record<string, { description: string; content: { "application/json": { examples: Record<string, Example> } } }>
    >;
    readonly examples: Readonly<Record<string, Example>>;
  };
}
type Example = { summary: string; value: { error: { code: string } }; $ref?: string };

/** Every code with its status and type as they are sent, and when the contract's responses say that it comes. */
function errorTable(): string {
  const { responses, examples } = (readJson("generated/openapi.json") as Contract).components;
  const cases = new Map<string, Set<string>>();
  const alone = new Map<string, string>();
  for (const { description, content } of Object.values(responses)) {
    const shown = Object.values(content["application/json"].examples).map((one) => examples[one.$ref?.split("/").at(-1) ?? ""] ?? one);
    for (const { summary, value } of shown) cases.set(value.error.code, (cases.get(value.error.code) ?? new Set()).add(summary));
    const codes = [...new Set(shown.map(({ value }) => value.error.code))];
    if (codes.length === 1) alone.set(codes[0]!, description.replace(/\.$/, ""));
  }
  const rows = errorCodes.map((code) => {
    const { status, body } = errorReply(new GatewayError(code, "-"));
    const shown = [...(cases.get(code) ?? [])];
    // A response that is about this code only says it in a whole sentence.
    const meaning = shown.length === 1 ? (alone.get(code) ?? shown[0]) : shown.join("; ") || outsideContract.get(code);
    if (meaning === undefined) throw new Error(`The contract has no example of the error ${code}.`);
    return { status, row: `| ${status} | \`${body.error.type}\` | \`${code}\` | ${meaning} |` };
  });
  rows.sort((a, b) => a.status - b.status);
  return ["| status | `type` | `code` | when |", "|---|---|---|---|", ...rows.map(({ row }) => row)].join("\n");
}

const tables: Readonly<Record<string, () => string>> = { config: configTable, errors: errorTable };

const commandBlock = /<!-- command: ([\w-]+) -->\n```(\w+)\n([\s\S]*?)\n```/g;
const quoteBlock = /(<!-- quote: ([\w-]+)(?: first=(\d+))?(?: last=(\d+))? -->\n```(\w*)\n)([\s\S]*?)```/g;
const generatedBlock = /(<!-- generated: ([\w-]+) -->\n)([\s\S]*?)(?=<!-- end -->)/g;

/** A document with all its blocks as they should be, and the names of those that were not. */
interface Renewed {
  readonly content: string;
  readonly stale: readonly { readonly name: string; readonly difference: string }[];
}

/** The lines that are to go and those that are to come. */
function compare(old: string, fresh: string): string {
  const [before, after] = [old.split("\n"), fresh.split("\n")];
  const gone = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`);
  const added = after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`);
  return [...gone, ...added].join("\n");
}

function renew(document: string, outputs: ReadonlyMap<string, string>): Renewed {
  const stale: { name: string; difference: string }[] = [];
  const put = (name: string, opening: string, old: string, fresh: string): string => {
    if (old !== fresh) stale.push({ name, difference: compare(old, fresh) });
    return opening + fresh;
  };
  const content = document
    .replaceAll(
      quoteBlock,
      (_whole, opening: string, name: string, first: string | undefined, last: string | undefined, language: string, old: string) => {
        const output = outputs.get(name);
        if (output === undefined) throw new Error(`The quote '${name}' has no command of that name.`);
        const shown = present(output, language, Number(first ?? 0), Number(last ?? 0));
        return put(name, opening, old, `${shown}\n`) + "```";
      },
    )
    .replaceAll(generatedBlock, (_whole, opening: string, name: string, old: string) => {
      const table = tables[name];
      if (!table) throw new Error(`There is no table '${name}'.`);
      return put(name, opening, old, `\n${table()}\n\n`);
    });
  return { content, stale };
}

function documentPaths(): string[] {
  const inDocs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" });
  return ["README.md", "CONTRIBUTING.md", ...inDocs.filter((name) => name.endsWith(".md")).map((name) => join("docs", name))].sort();
}

await onStage(async (stage) => {
  if (!stage.hasCurl) console.log("curl is not here: its commands are carried out with node:http instead.");
  const outputs = new Map<string, string>();
  const documents = documentPaths().map((path) => ({ path, content: readFileSync(join(root, path), "utf8") }));
  for (const { path, content } of documents) {
    for (const [, name = "", language = "", command = ""] of content.matchAll(commandBlock)) {
      if (outputs.has(name)) throw new Error(`${path}: there are two commands '${name}'.`);
      outputs.set(name, await run(language, command, stage));
    }
  }
  for (const { path, content } of documents) {
    const { content: fresh, stale } = renew(content, outputs);
    for (const block of stale) {
      if (isCheck) console.error(`${path}: the block '${block.name}' is stale:\n${block.difference}`);
      else console.log(`${path}: wrote '${block.name}'`);
    }
    if (stale.length === 0) continue;
    if (!isCheck) writeFileSync(join(root, path), fresh);
    else process.exitCode = 1;
  }
  if (isCheck && process.exitCode) console.error("Run `node --import tsx scripts/quotes.ts`, read what it changed, and commit it.");
  console.log(`${outputs.size} commands were run for ${documents.length} documents.`);
});
