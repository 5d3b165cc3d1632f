/**
 * `npm run smoke`: the built program as a newcomer meets it: `npm start`, the two curl examples, the probes and pages,
 * memory, SIGTERM, the endpoint disabled by default, and the CLI. One line per check, the last line counts them.
 *
 * It builds nothing, and leaves nothing behind: port, state and home folder are its own. What a reply holds in detail
 * is the tests' business.
 */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { memoryMb, plainEnvironment, startServer, type ServerProcess } from "./server-process.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const limits = { memoryMb: 150, firstAnswerMs: 20_000, commandMs: 20_000 };

const plainExample = `curl -sS http://127.0.0.1:18789/v1/chat/completions \\
  -H 'Authorization: Bearer YOUR_TOKEN' \\
  -H 'Content-Type: application/json' \\
  -H 'x-openclaw-agent-id: main' \\
  -d '{
    "model": "openclaw",
    "messages": [{"role":"user","content":"hi"}]
  }'`;

const streamedExample = `curl -N http://127.0.0.1:18789/v1/chat/completions \\
  -H 'Authorization: Bearer YOUR_TOKEN' \\
  -H 'Content-Type: application/json' \\
  -H 'x-openclaw-agent-id: main' \\
  -d '{
    "model": "openclaw",
    "stream": true,
    "messages": [{"role":"user","content":"hi"}]
  }'`;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const folder = mkdtempSync(join(tmpdir(), "clawgate-smoke-"));
const home = makeFolder("home");
const curlHome = makeFolder("curl");
const env = plainEnvironment({ HOME: home, CURL_HOME: curlHome, OPENCLAW_GATEWAY_TOKEN: "YOUR_TOKEN" });
const counts = { passed: 0, failed: 0 };

/** What `verify` returns is printed beside the name; a throw fails the check, not the run. */
async function check(name: string, verify: () => string | undefined | Promise<string | undefined>): Promise<void> {
  try {
    const detail = await verify();
    counts.passed++;
    console.log(`ok      ${name}${detail === undefined ? "" : ` (${detail})`}`);
  } catch (error) {
    fail(name, error);
  }
}

function fail(name: string, error: unknown): void {
  counts.failed++;
  console.log(`FAILED  ${name}: ${error instanceof Error ? error.message : String(error)}`);
}

function expect(isAsItShouldBe: boolean, otherwise: string): asserts isAsItShouldBe {
  if (!isAsItShouldBe) throw new Error(otherwise);
}

/** Runs an example as it stands in the documents, but for the port. Its own options are in a `.curlrc`, so that the command stays as it is. */
async function runExample(example: string, gateway: ServerProcess, hasCurl: boolean): Promise<Answer> {
  const command = example.replace("http://127.0.0.1:18789", gateway.url);
  if (!hasCurl) return runByFetch(command);
  const headersPath = join(curlHome, "headers");
  writeFileSync(join(curlHome, ".curlrc"), `dump-header = "${headersPath}"\nmax-time = 20\n`);
  const { stdout } = await execute("sh", ["-c", command]);
  const headers = readFileSync(headersPath, "utf8");
  const type = /^content-type: *(.*?)\r?$/im.exec(headers)?.[1] ?? "";
  return { status: Number(/^HTTP\/\S+ (\d+)/.exec(headers)?.[1]), type, text: stdout };
}

async function runByFetch(command: string): Promise<Answer> {
  const headers = Array.from(command.matchAll(/-H '([^:]+): ([^']+)'/g), ([, name = "", value = ""]): [string, string] => [name, value]);
  const body = /-d '([^']+)'/.exec(command)?.[1] ?? "";
  return get(/http:\S+/.exec(command)?.[0] ?? "", { method: "POST", headers, body });
}

async function get(url: string, init: RequestInit = {}): Promise<Answer> {
  const reply = await fetch(url, { ...init, signal: AbortSignal.timeout(limits.commandMs) });
  return { status: reply.status, type: reply.headers.get("content-type") ?? "", text: await reply.text() };
}

/** Never rejects for an exit code: it is part of the answer. */
function execute(command: string, args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { env, cwd: folder, timeout: limits.commandMs }, (error, stdout, stderr) => {
      if (error && (error.killed || typeof error.code !== "number")) reject(new Error(error.message, { cause: error }));
      else resolve({ code: child.exitCode ?? 1, stdout, stderr });
    });
  });
}

function makeFolder(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

function startGateway(configPath: string): Promise<ServerProcess> {
  return startServer(["--max-semi-space-size=32", join(root, "scripts/start.js"), "--port", "0", "--config", configPath], {
    env,
    cwd: folder,
    readsStderr: true,
  });
}

async function checkQuickstart(hasCurl: boolean): Promise<void> {
  // In a folder like the checkout's, because its state lies beside the file's folder.
  const configPath = join(makeFolder("examples"), "quickstart.json5");
  copyFileSync(join(root, "examples/quickstart.json5"), configPath);
  const startedAt = performance.now();
  const gateway = await startGateway(configPath);

  await check("the example of a completion answers 200 with text", async () => {
    const { status, type, text } = await runExample(plainExample, gateway, hasCurl);
    const elapsedMs = performance.now() - startedAt;
    expect(status === 200 && type.startsWith("application/json"), `${status} ${type}: ${text}`);
    const { choices } = JSON.parse(text) as { choices: { message: { content: string } }[] };
    expect((choices[0]?.message.content ?? "") !== "", `no text in ${text}`);
    expect(elapsedMs < limits.firstAnswerMs, `the first answer took ${Math.round(elapsedMs)} ms`);
    return `first answer ${Math.round(elapsedMs)} ms after the start`;
  });
  await check("the example of a stream ends with data: [DONE]", async () => {
    const { status, type, text } = await runExample(streamedExample, gateway, hasCurl);
    expect(status === 200 && type.startsWith("text/event-stream"), `${status} ${type}: ${text}`);
    expect(text.endsWith("data: [DONE]\n\n"), `it ends with ${JSON.stringify(text.slice(-100))}`);
    expect(/"content":"[^"]/.test(text), "no text in it");
    return `${text.split("data: {").length - 1} chunks`;
  });
  await check(`memory is under ${limits.memoryMb} MB after the first answers`, () => {
    const megabytes = memoryMb(gateway.pid);
    if (megabytes === undefined) return "not measured: there is no /proc here";
    expect(megabytes < limits.memoryMb, `${Math.round(megabytes)} MB`);
    return `${Math.round(megabytes)} MB`;
  });
  await checkPages(gateway);
  await checkStop(gateway);
  await check("the home folder is untouched", () => {
    const found = readdirSync(home);
    expect(found.length === 0, `in it: ${found.join(", ")}`);
    return undefined;
  });
}

async function checkPages({ url, pid }: ServerProcess): Promise<void> {
  const pages = {
    "/healthz": "application/json",
    "/readyz": "application/json",
    "/metrics": "text/plain; version=0.0.4",
    "/openapi.json": "application/json",
    "/docs": "text/html",
  };
  for (const [path, expected] of Object.entries(pages)) {
    await check(`${path} answers without a token`, async () => {
      const { status, type, text } = await get(url + path);
      expect(status === 200 && type.startsWith(expected), `${status} ${type}: ${text.slice(0, 300)}`);
      const megabytes = memoryMb(pid);
      return `${text.length} characters${megabytes === undefined ? "" : `, memory then ${Math.round(megabytes)} MB`}`;
    });
  }
}

async function checkStop(gateway: ServerProcess): Promise<void> {
  await check("SIGTERM ends it with exit code 0", async () => {
    const startedAt = performance.now();
    const code = await gateway.stop();
    expect(code === 0, `exit code ${code}`);
    return `${Math.round(performance.now() - startedAt)} ms`;
  });
}

async function checkDisabled(): Promise<void> {
  const configPath = join(folder, "disabled.json5");
  writeFileSync(configPath, "{}");
  const gateway = await startGateway(configPath);
  await check("without a chatCompletions key the endpoint answers 404 endpoint_disabled", async () => {
    const headers = { authorization: "Bearer YOUR_TOKEN", "content-type": "application/json" };
    const { status, text } = await get(`${gateway.url}/v1/chat/completions`, { method: "POST", headers, body: "{}" });
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    expect(status === 404 && error.code === "endpoint_disabled", `${status}: ${text}`);
    expect(error.message.includes("gateway.http.endpoints.chatCompletions.enabled"), `its message does not name the key: ${error.message}`);
    return undefined;
  });
  await check("… and /healthz answers", async () => {
    const { status } = await get(`${gateway.url}/healthz`);
    expect(status === 200, `${status}`);
    return undefined;
  });
  await checkStop(gateway);
}

async function checkCommands(): Promise<void> {
  const program = join(root, "bin/clawgate.js");
  await check("clawgate agent answers", async () => {
    const { code, stdout, stderr } = await execute(process.execPath, [program, "agent", "--message", "What is 6 * 7?"]);
    expect(code === 0 && stdout.trim() !== "", `exit code ${code}: ${stdout}${stderr}`);
    return undefined;
  });
  await check("a wrong config does not start: exit code 78", async () => {
    const configPath = join(folder, "wrong.json5");
    writeFileSync(configPath, '{ gateway: { auth: { tokn: "x" } } }');
    const { code, stderr } = await execute(process.execPath, [program, "gateway", "--port", "0", "--config", configPath]);
    expect(code === 78 && stderr.includes("gateway.auth.tokn"), `exit code ${code}: ${stderr}`);
    return undefined;
  });
}

const hasCurl = await execute("curl", ["--version"]).then(
  ({ code }) => code === 0,
  () => false,
);
console.log(hasCurl ? "The examples are run by curl." : "There is no curl here: the examples are sent by fetch.");
try {
  for (const part of [() => checkQuickstart(hasCurl), checkDisabled, checkCommands]) {
    try {
      await part();
    } catch (error) {
      fail("the gateway starts", error);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;
