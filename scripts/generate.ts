/**
 * Writes what is derived from the contract and from the configuration's schema into generated/.
 * With --check it writes nothing and fails, naming each file that is stale.
 *
 * Types are made through openapi-typescript's API and not its command, which would take its input from redocly.yaml.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";
import { z } from "zod";

const root = fileURLToPath(new URL("..", import.meta.url));
const redocly = join(root, "node_modules/@redocly/cli/bin/cli.js");
const isCheck = process.argv.includes("--check");

/** The contract as one JSON document, `$ref`s kept. */
function bundleContract(): string {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-contract-"));
  try {
    const output = join(folder, "openapi.json");
    execFileSync(process.execPath, [redocly, "bundle", join(root, "openapi.yaml"), "--output", output], {
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

const contract = bundleContract();
const files: Record<string, string> = {
  "generated/openapi.json": contract,
  "generated/openapi.ts": await contractTypes(contract),
  "generated/config.schema.json": await configSchema(),
};

mkdirSync(join(root, "generated"), { recursive: true });
for (const [name, content] of Object.entries(files)) {
  const path = join(root, name);
  if (readIfThere(path) === content) continue;
  if (!isCheck) {
    writeFileSync(path, content);
    console.log(`wrote ${name}`);
    continue;
  }
  console.error(`${name} is stale: run \`npm run generate\` and commit the result.`);
  process.exitCode = 1;
}
