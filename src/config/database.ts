/**
 * Where sessions are kept: a file, or a database on a server.
 *
 * A URL is never quoted: it usually holds a password. Deliberately absent: whether it can be reached (the start says that).
 */
import { join } from "node:path";
import type { Findings } from "./config-error.ts";
import type { SessionConfig } from "./config.ts";
import type { ConfigFile } from "./schema.ts";
import { given, toAbsolute, type ConfigSource } from "./source.ts";

export function buildDatabase(
  file: ConfigFile["session"],
  flag: string | undefined,
  source: ConfigSource,
  env: NodeJS.ProcessEnv,
  findings: Findings,
): Pick<SessionConfig, "database" | "server"> {
  const { databasePoolSize: poolSize, databaseListenUrl } = file;
  const inFile = file.database?.trim();
  const inEnv = given(env["OPENCLAW_DATABASE_URL"])?.trim();
  const named = inFile ?? inEnv;
  const listenUrl = databaseListenUrl?.trim();
  const isUrl = named !== undefined && looksLikeUrl(named);
  if (listenUrl !== undefined) checkServer(listenUrl, (message) => findings.error("session.databaseListenUrl", message));
  if (inFile === undefined && inEnv !== undefined) checkServer(inEnv, (message) => findings.inputError("OPENCLAW_DATABASE_URL", message));
  else if (isUrl) checkServer(named, (message) => findings.error("session.database", message));
  if (inFile !== undefined && inEnv !== undefined && inFile !== inEnv && flag === undefined) {
    findings.warn("session.database", "is where sessions are kept; OPENCLAW_DATABASE_URL is not used.");
  }
  const server = { poolSize, listenUrl };
  if (flag !== undefined) return { database: readFlag(flag.trim(), env, findings), server };
  if (named === undefined) return { database: join(source.stateFolder, "clawgate.db"), server };
  return { database: named === ":memory:" || isUrl ? named : toAbsolute(named, env, source.folder), server };
}

/** Paths start from where the command is given. */
function readFlag(flag: string, env: NodeJS.ProcessEnv, findings: Findings): string {
  if (flag === "") findings.inputError("--database", "must name a file or a Postgres URL, but is empty.");
  if (!looksLikeUrl(flag)) return flag === ":memory:" ? flag : toAbsolute(flag, env);
  checkServer(flag, (message) => findings.inputError("--database", message));
  return flag;
}

/** Of a loaded config. */
export function isOnServer(database: string): boolean {
  return looksLikeUrl(database);
}

/** As a reader may see it: what may be secret of a URL is left out. */
export function showDatabase(database: string): string {
  if (!isOnServer(database)) return database;
  const { protocol, host, pathname } = new URL(database);
  return `${protocol}//${host}${pathname}`;
}

function looksLikeUrl(text: string): boolean {
  return /^[a-z][a-z\d+.-]*:\/\//i.test(text);
}

function checkServer(url: string, tell: (problem: string) => void): void {
  if (!/^postgres(?:ql)?:\/\//i.test(url)) {
    return tell("must be a URL that begins with postgres:// (a SQLite file is given as a path).");
  }
  if (!URL.canParse(url)) return tell("is not a valid URL: percent-encode what is special in its user name and password (@ as %40).");
  const mode = new URL(url).searchParams.get("sslmode");
  // Those that may or may not encrypt protect from nothing, and the driver has them not.
  if (mode === null || sslModes.includes(mode)) return;
  tell(`its sslmode must be one of ${sslModes.join(", ")}.`);
}

const sslModes = ["disable", "require", "verify-ca", "verify-full", "no-verify"];
