/**
 * `npm run dev`: the gateway from source, restarted whenever src/ or the generated contract changes. Arguments are the gateway's own.
 * Without a config of yours it takes the quickstart config and one token for as long as this runs, so that a client needs
 * to be told only once. A `.env` file in this folder is read; what is set outside of it wins.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const own = process.argv.slice(2);
const env = { ...process.env };
const envFile = existsSync(`${root}.env`) ? [`--env-file=${root}.env`] : [];

const inFile = envFile.length > 0 ? parseEnv(readFileSync(`${root}.env`, "utf8")) : {};

const hasConfig = Boolean(env.OPENCLAW_CONFIG_PATH || inFile.OPENCLAW_CONFIG_PATH) || own.some((arg) => arg.startsWith("--config"));
if (!hasConfig) {
  env.OPENCLAW_CONFIG_PATH = `${root}examples/quickstart.json5`;
  if (!env.OPENCLAW_GATEWAY_TOKEN && !inFile.OPENCLAW_GATEWAY_TOKEN) {
    env.OPENCLAW_GATEWAY_TOKEN = randomBytes(24).toString("base64url");
    process.stdout.write(`token for this session: ${env.OPENCLAW_GATEWAY_TOKEN}\n`);
  }
}

const watch = ["--watch-path=src", "--watch-path=generated/openapi.json", "--watch-preserve-output"];
const gateway = spawn(process.execPath, [...watch, ...envFile, "--import", "tsx", "src/main.ts", "gateway", ...own], {
  cwd: root,
  env,
  stdio: "inherit",
});
// A terminal's Ctrl-C reaches both; what is sent to this process alone is handed on.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => gateway.kill(signal));
gateway.on("exit", (code) => process.exit(code ?? 0));
