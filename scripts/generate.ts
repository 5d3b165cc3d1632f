/**
 * Writes what is derived from the contracts and from the configuration's schema into generated/, the client package
 * included. With --check it writes nothing and fails, naming each file that is stale.
 *
 * Types are made through openapi-typescript's API and not its command, which would take its input from redocly.yaml.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";
import { z } from "zod";
import { clientFiles } from "./client/client-files.ts";
import { rpcContract } from "./rpc-contract.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const redocly = join(root, "node_modules/@redocly/cli/bin/cli.js");
const isCheck = process.argv.includes("--check");
const clientFolder = "generated/client";

/** A contract as one JSON document, `$ref`s kept. */
function bundleContract(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-contract-"));
  try {
    const output = join(folder, "bundle.json");
    execFileSync(process.execPath, [redocly, "bundle", join(root, name), "--output", output], {
      env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    return asJson(JSON.parse(readFileSync(output, "utf8")));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function contractTypes(contract: string): Promise<string> {
  // A property with a default stays optional: the caller need not send it.
  const nodes = await openapiTS(JSON.parse(contract) as OpenAPI3, { defaultNonNullable: false });
  return `// Generated from openapi.yaml by \`npm run generate\`. Do not edit.\n\n${astToString(nodes).trimEnd()}\n`;
}

async function configSchema(): Promise<string> {
  const { configFileSchema } = await import("../src/config/schema.ts");
  return asJson(z.toJSONSchema(configFileSchema, { io: "input" }));
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Files of the client package that nothing writes any more; what is built or installed there is nobody's business here. */
function strayClientFiles(files: { readonly [name: string]: string }): string[] {
  if (!existsSync(join(root, clientFolder))) return [];
  return readdirSync(join(root, clientFolder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .filter((name) => !/^generated\/client\/(?:dist|node_modules)\//.test(name) && !name.endsWith(".tgz") && !(name in files));
}

function reportStale(name: string): void {
  console.error(`${name} is stale: run \`npm run generate\` and commit the result.`);
  process.exitCode = 1;
}

const contract = bundleContract("openapi.yaml");
const types = await contractTypes(contract);
const rpc = await rpcContract(JSON.parse(bundleContract("asyncapi.yaml")) as object);
const client = Object.entries(await clientFiles({ root, contract, types }));
const files: Record<string, string> = {
  "generated/openapi.json": contract,
  "generated/openapi.ts": types,
  "generated/rpc.json": asJson(rpc.json),
  "generated/rpc.ts": rpc.types,
  "generated/config.schema.json": await configSchema(),
  ...Object.fromEntries(client.map(([name, content]) => [join(clientFolder, name), content])),
};

for (const [name, content] of Object.entries(files)) {
  const path = join(root, name);
  if (readIfThere(path) === content) continue;
  if (isCheck) {
    reportStale(name);
    continue;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  console.log(`wrote ${name}`);
}
for (const name of strayClientFiles(files)) {
  if (isCheck) {
    reportStale(name);
    continue;
  }
  rmSync(join(root, name));
  console.log(`removed ${name}`);
}
