/**
 * A database as it is after a while: with many sessions in it, each with some turns and the records of their runs. Written
 * as rows, because having that many conversations would take longer than the bench.
 */
import Database from "libsql";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { createOrderedIds } from "../../src/store/ordered-id.ts";
import { storedBytes } from "../../src/store/stored-bytes.ts";

const turnsPerSession = 3;
const longestTransaction = 1_000;

export async function storeSessions(path: string, count: number): Promise<void> {
  // Brings the tables up to date.
  await (await openSessionStore(path)).close();
  const database = new Database(path);
  const insert = insertInto(database);
  const nextId = createOrderedIds();
  for (let n = 0; n < count; n++) {
    if (n % longestTransaction === 0) database.exec("begin");
    storeSession(insert, nextId, n);
    if (n % longestTransaction === longestTransaction - 1 || n === count - 1) database.exec("commit");
  }
  database.pragma("wal_checkpoint(truncate)");
  database.close();
}

/** Pages in use, in bytes: what was deleted does not count. */
export function usedBytes(path: string): number {
  const database = new Database(path, { readonly: true });
  const read = (name: string): number => (database.pragma(name) as { [name: string]: number }[])[0]?.[name] ?? NaN;
  const bytes = (read("page_count") - read("freelist_count")) * read("page_size");
  database.close();
  return bytes;
}

type Insert = (table: string, row: { readonly [column: string]: string | number | null }) => void;

function insertInto(database: Database.Database): Insert {
  const statements = new Map<string, Database.Statement>();
  return (table, row) => {
    let statement = statements.get(table);
    if (!statement) {
      const columns = Object.keys(row);
      const sql = `insert into ${table} (${columns.join(", ")}) values (${columns.map(() => "?").join(", ")})`;
      statements.set(table, (statement = database.prepare(sql)));
    }
    statement.run(Object.values(row));
  };
}

function storeSession(insert: Insert, nextId: () => string, n: number): void {
  const [agent_id, owner] = ["counting", "main"];
  const session_key = `agent:${agent_id}:stored-${n}`;
  const now = new Date();
  const created_at = now.toISOString();
  const messages: { id: string; run_id: string; role: string; body: string }[] = [];
  for (let turn = 0; turn < turnsPerSession; turn++) {
    const run_id = nextId().replaceAll("-", "");
    const question = `Question ${turn} of session ${n}, which is as long as questions are.`;
    const answer = `Answer ${turn} to session ${n}. ${"It says what there is to say. ".repeat(8)}`;
    const user = { role: "user", content: [{ type: "text", text: question }] };
    const assistant = { role: "assistant", content: answer, toolCalls: [] };
    for (const message of [user, assistant]) messages.push({ id: nextId(), run_id, role: message.role, body: JSON.stringify(message) });
  }
  const bytes = messages.reduce((sum, { body }) => sum + storedBytes(body), 0);
  const session = { key: session_key, agent_id, owner, leaf_id: messages.at(-1)?.id ?? null, created_at, updated_at: created_at };
  insert("sessions", { ...session, message_count: messages.length, bytes, branched_at: null });
  let parent_id: string | null = null;
  for (const { id, run_id, role, body } of messages) {
    const origin = role === "user" ? "caller" : "run";
    insert("messages", { id, session_key, parent_id, run_id, origin, role, body, state: "active", created_at });
    parent_id = id;
    if (role === "user") continue;
    const record = { id: run_id, agent_id, session_key, owner, model_name: "openclaw", model: "stub/stub-counting", is_background: 0 };
    const expires_at = new Date(now.getTime() + 24 * 3_600_000).toISOString();
    const outcome = JSON.stringify({ turns: 1, finishReason: "stop" });
    insert("runs", {
      ...record,
      status: "completed",
      created_at,
      expires_at,
      ended_at: created_at,
      outcome,
      process: "1/1/stored@elsewhere",
    });
  }
}
