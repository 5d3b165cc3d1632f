/** What lies in the tables themselves, read beside the gateway: nothing there may belong to a process that is no more. */
import Database from "libsql";
import type { Gateway } from "./gateway.ts";
import type { Promises } from "./promises.ts";

export interface TableCounts {
  readonly sessions: number;
  readonly messages: number;
  readonly unanswered: number;
  readonly runs: { readonly [status: string]: number };
  readonly events: number;
  readonly completions: number;
}

/** After a start: `pid` is the only process at work. */
export function checkProcesses({ database, pid }: Gateway, promises: Promises): void {
  reading(database, (all) => {
    const ofOthers = (sql: string): object[] => all<{ process: string }>(sql).filter((row) => !row.process.startsWith(`${pid}/`));
    const running = ofOthers("select id, process from runs where status = 'running'");
    promises.check("ended", running.length === 0, () => `runs of dead processes are running: ${JSON.stringify(running)}`);
    const leases = ofOthers("select session_key, owner as process from leases");
    promises.check("unlocked", leases.length === 0, () => `there are leases of dead processes: ${JSON.stringify(leases)}`);
  });
}

/** When no gateway is there any more. */
export function checkTables({ database }: Gateway, promises: Promises): TableCounts {
  return reading(database, (all) => {
    const none = (what: string, sql: string): void => {
      const rows = all(sql);
      promises.check("tables", rows.length === 0, () => `${what}: ${JSON.stringify(rows.slice(0, 5))}`);
    };
    const counts = (sql: string): number => all<{ count: number }>(sql)[0]?.count ?? NaN;
    none("leases are left", "select * from leases");
    none("runs are running", "select id, process from runs where status = 'running'");
    none("messages have no run", "select id, run_id from messages where run_id not in (select id from runs)");
    none(
      "messages are active although their run did not complete, or are not although it did",
      `select messages.id, messages.state, runs.status from messages join runs on runs.id = messages.run_id
        where (messages.state = 'active') <> (runs.status = 'completed')`,
    );
    none(
      "sessions do not count their messages right",
      "select key from sessions where message_count <> (select count(*) from messages where session_key = sessions.key)",
    );
    none("events have no run", "select run_id from run_events where run_id not in (select id from runs)");
    none(
      "leaves are not in their session",
      "select key from sessions where leaf_id is not null and leaf_id not in (select id from messages where session_key = sessions.key)",
    );
    none("foreign keys do not hold", "pragma foreign_key_check");
    const [integrity] = all<{ integrity_check: string }>("pragma integrity_check");
    promises.check("tables", integrity?.integrity_check === "ok", () => `the file is damaged: ${JSON.stringify(integrity)}`);
    const statuses = all<{ status: string; count: number }>("select status, count(*) as count from runs group by status order by status");
    return {
      sessions: counts("select count(*) as count from sessions"),
      messages: counts("select count(*) as count from messages"),
      unanswered: counts("select count(*) as count from messages where state = 'unanswered'"),
      runs: Object.fromEntries(statuses.map(({ status, count }) => [status, count])),
      events: counts("select count(*) as count from run_events"),
      completions: counts("select count(*) as count from completions"),
    };
  });
}

function reading<T>(path: string, read: (all: <Row>(sql: string) => Row[]) => T): T {
  const database = new Database(path, { readonly: true });
  try {
    return read(<Row>(sql: string) => database.prepare(sql).all([]) as Row[]);
  } finally {
    database.close();
  }
}
