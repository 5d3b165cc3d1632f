/** Whether sessions can be kept: the database is opened as a start would open it, and nothing is left that was not there, but for tables on a server. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pino } from "pino";
import type { Config } from "../config/config.ts";
import { isOnServer, showDatabase } from "../config/database.ts";
import { openProgram } from "../program.ts";
import type { Finding } from "./findings.ts";

export async function checkDatabase(config: Config): Promise<Finding> {
  const name = "database";
  const { database } = config.session;
  if (database === ":memory:") {
    const fix = "set session.database to a file's path to keep them";
    return { status: "warn", name, message: "in memory: sessions are lost at each stop", fix };
  }
  if (isOnServer(database)) return checkServer(config, database);
  try {
    if (existsSync(database)) await openAsStart(config, database);
    else await createElsewhere(config, database);
    return { status: "ok", name, message: `${database}${existsSync(database) ? "" : " can be made"}` };
  } catch (thrown) {
    const { code, syscall } = thrown as NodeJS.ErrnoException;
    const why = syscall === undefined && thrown instanceof Error ? thrown.message : `${database} cannot be made (${code})`;
    const fix =
      syscall === undefined
        ? "see which other program has it open, and whether it is a SQLite file; or name another file in session.database"
        : "make its folder writable for this user, or name another file in session.database";
    return { status: "fail", name, message: why, fix };
  }
}

/** Tables that are not there are made, as by a start: nobody else can. */
async function checkServer(config: Config, database: string): Promise<Finding> {
  const name = "database";
  try {
    await openAsStart(config, database);
    return { status: "ok", name, message: showDatabase(database) };
  } catch (thrown) {
    const fix = "see whether it runs, can be reached from here, and takes the user and password of session.database";
    return { status: "fail", name, message: thrown instanceof Error ? thrown.message : String(thrown), fix };
  }
}

/** Makes a database in a folder of its own beside the one that would be made, and takes it away again. */
async function createElsewhere(config: Config, database: string): Promise<void> {
  const folder = await mkdtemp(join(nearestThatExists(dirname(database)), ".clawgate-doctor-"));
  try {
    await openAsStart(config, join(folder, "clawgate.db"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function nearestThatExists(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearestThatExists(dirname(folder));
}

async function openAsStart(config: Config, database: string): Promise<void> {
  const program = openProgram({ ...config, session: { ...config.session, database } }, pino({ level: "silent" }));
  try {
    await program.checkStore();
  } finally {
    await program.close();
  }
}
