/**
 * `llama:<path>`: a model file that runs in this process, through the package node-llama-cpp, which the user installs.
 *
 * Only files that the config names can be run: a caller cannot make the gateway open others.
 */
import { statSync } from "node:fs";
import type { ProviderConfig } from "./config.ts";
import { findPackage } from "./installed-package.ts";
import { defaultProviderTimeoutMs } from "./schema-models.ts";

const prefix = "llama:";
const packageName = "node-llama-cpp";

export function isLlamaRef(ref: string): boolean {
  return ref.startsWith(prefix);
}

/** With the path absolute, so that one file has one name. */
export function toLlamaRef(ref: string, toPath: (path: string) => string): string {
  return prefix + toPath(ref.slice(prefix.length).trim());
}

/** What is wrong with `ref`, whose path is absolute, or undefined. `folder` is where the config file is. */
export function checkLlamaRef(ref: string, folder: string): string | undefined {
  const path = ref.slice(prefix.length);
  if (!path.toLowerCase().endsWith(".gguf")) return `"${ref}" must name a model file that ends in .gguf.`;
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file?.isFile()) return `there is no file ${path}; correct the path after ${prefix}.`;
  if (findPackage(packageName, folder) === undefined) {
    return `${prefix} models run in the package ${packageName}, which is not installed: run "npm install ${packageName}" in ${folder}.`;
  }
  return undefined;
}

/** One provider for all `llama:` models among `refs`; none when there are none. */
export function llamaProviders(refs: readonly (string | undefined)[], folder: string): ProviderConfig[] {
  const paths = new Set(refs.flatMap((ref) => (ref !== undefined && isLlamaRef(ref) ? [ref.slice(prefix.length)] : [])));
  const packageEntry = paths.size === 0 ? undefined : findPackage(packageName, folder);
  if (packageEntry === undefined) return [];
  const models = [...paths].map((id) => ({ id, takesImages: false }));
  return [
    {
      id: "llama",
      api: "llama",
      package: packageName,
      packageEntry,
      baseUrl: "",
      headers: {},
      models,
      timeoutMs: defaultProviderTimeoutMs,
    },
  ];
}
