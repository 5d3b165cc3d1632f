/** A package from npm in a folder of its own, for tests that need what is no dependency of ours. */
import { runProcess } from "./processes.ts";

const installTimeoutMs = 30_000;

/** Installs `name@version`, or several of them, under `prefix`. Resolves with why it could not be, or with undefined when it is there. */
export async function installFromNpm(specs: string | readonly string[], prefix: string): Promise<string | undefined> {
  // What `npm test` tells its scripts is not meant for another npm, nor is what Jest needs of Node.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(package|lifecycle|command|execpath|config_local|config_ignore_scripts)|NODE_OPTIONS$)/.test(name),
  );
  const env = { ...Object.fromEntries(inherited), npm_config_fetch_retries: "0", npm_config_fetch_timeout: "15000" };
  const args = ["install", "--prefix", prefix, "--no-save", "--no-audit", "--no-fund", "--loglevel", "error", ...[specs].flat()];
  try {
    const installed = await runProcess("npm", args, { env, cwd: prefix, timeoutMs: installTimeoutMs });
    if (installed.code === null) return `npm did not install it within ${installTimeoutMs} ms`;
    return installed.code === 0 ? undefined : `npm could not install it: ${installed.stderr.trim().split("\n")[0] ?? ""}`;
  } catch (thrown) {
    return (thrown as Error).message;
  }
}
