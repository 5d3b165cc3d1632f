/**
 * Where a package is that the gateway does not ship: beside the gateway, or else beside the config file.
 *
 * It finds the module that `import` of the package's name would load there; it loads nothing. Node itself resolves
 * names for `import` only from the folder of the importing file, hence this.
 */
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The absolute path of the package's module; undefined when it is not installed in `folder` or above, nor with the gateway. */
export function findPackage(name: string, folder: string): string | undefined {
  const home = packageFolder(name, dirname(fileURLToPath(import.meta.url))) ?? packageFolder(name, folder);
  if (home === undefined) return undefined;
  const entry = join(home, entryOf(JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as Manifest));
  return existsSync(entry) ? realpathSync(entry) : undefined;
}

function packageFolder(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

interface Manifest {
  readonly exports?: unknown;
  readonly main?: unknown;
}

function entryOf({ exports, main }: Manifest): string {
  const root = typeof exports === "object" && exports !== null && "." in exports ? exports["."] : exports;
  return choose(root) ?? (typeof main === "string" ? main : "index.js");
}

/** The conditions are tried in the package's order, as Node does. */
const conditions: ReadonlySet<string> = new Set(["node", "import", "module-sync", "default"]);

function choose(target: unknown): string | undefined {
  if (typeof target === "string") return target;
  if (typeof target !== "object" || target === null) return undefined;
  for (const [condition, next] of Object.entries(target)) {
    const found = conditions.has(condition) ? choose(next) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
