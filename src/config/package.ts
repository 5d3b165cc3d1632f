/** What this installation is: its version and where the files that ship with it lie, from source as from the build. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

function findRoot(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error("Clawgate's package.json is missing: the installation is incomplete.");
  return findRoot(parent);
}

export const packageRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

export const packageVersion = (JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { version: string }).version;

/** The bundled contract, as it is served. */
export const contractPath = join(packageRoot, "generated", "openapi.json");

/** What the WebSocket face is held against. */
export const rpcContractPath = join(packageRoot, "generated", "rpc.json");

/** The contract for people; the build makes it. */
export const docsPagePath = join(packageRoot, "dist", "docs", "index.html");

/** The JSON Schema of the config file, for editors. */
export const configSchemaPath = join(packageRoot, "generated", "config.schema.json");
