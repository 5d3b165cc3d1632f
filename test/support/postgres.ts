/**
 * A real Postgres for tests: the one that `TEST_POSTGRES_URL` names, else one that is started once for a run of jest and
 * ends with it (`postgres-server.mjs`). Each database that is made here is somebody's own until it is dropped.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import pg from "pg";

const supervisor = fileURLToPath(new URL("postgres-server.mjs", import.meta.url));
const startTimeoutMs = 60_000;

/** The URL of a server on which databases can be made, or why there is none. */
export async function findPostgres(): Promise<{ readonly url: string } | { readonly reason: string }> {
  const given = process.env["TEST_POSTGRES_URL"];
  if (given !== undefined && given !== "") return { url: given };
  // The workers of one run share a server; without workers jest itself is the process.
  const main = process.channel === undefined ? process.pid : process.ppid;
  const folder = join(tmpdir(), `clawgate-postgres-${main}`);
  if (isFirst(folder)) {
    spawn(process.execPath, [supervisor, folder, `${main}`], { detached: true, stdio: "ignore" }).unref();
  }
  for (const deadline = performance.now() + startTimeoutMs; performance.now() < deadline; await sleep(20)) {
    if (existsSync(join(folder, "ready"))) return { url: readFileSync(join(folder, "ready"), "utf8") };
    if (existsSync(join(folder, "failed"))) return { reason: readFileSync(join(folder, "failed"), "utf8") };
  }
  return { reason: "It did not start in time." };
}

function isFirst(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

export interface PostgresDatabase {
  readonly url: string;
  /** For what another process, or an accident, does: `?` stands for parameters. The rows of the last statement. */
  readonly query: (text: string, parameters?: readonly unknown[]) => Promise<{ [column: string]: unknown }[]>;
  readonly drop: () => Promise<void>;
}

export async function createPostgresDatabase(serverUrl: string): Promise<PostgresDatabase> {
  const name = `clawgate_test_${randomUUID().replaceAll("-", "")}`;
  await onServer(serverUrl, `create database ${name} template template0 encoding 'UTF8' locale 'C.UTF-8'`).catch(() =>
    onServer(serverUrl, `create database ${name}`),
  );
  const url = new URL(serverUrl);
  url.pathname = name;
  const client = new pg.Client({ connectionString: url.href });
  client.on("error", () => undefined);
  await client.connect();
  // As the store has them, and as SQLite gives them.
  for (const oid of [pg.types.builtins.INT8, pg.types.builtins.NUMERIC]) client.setTypeParser(oid, Number);
  let last: Promise<unknown> = Promise.resolve();
  return {
    url: url.href,
    query: (text, parameters = []) => {
      let count = 0;
      const sql = text.replace(/\?/g, () => `$${++count}`);
      const result = last.then(() => client.query(sql, parameters.length === 0 ? undefined : [...parameters]));
      last = result.catch(() => undefined);
      return result.then(({ rows }) => rows as { [column: string]: unknown }[]);
    },
    drop: async () => {
      await client.end();
      await onServer(serverUrl, `drop database ${name} with (force)`);
    },
  };
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
