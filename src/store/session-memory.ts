/**
 * What an agent remembers under one session key: names and values, bounded, gone with the session.
 *
 * A refusal is a plain error whose message the model reads. Deliberately absent: forgetting; a name is saved over.
 */
import type { SessionMemory, SessionOwnership } from "../domain/session.ts";
import type { GuardedDatabase } from "./guarded-database.ts";
import { showLease } from "./lease-rows.ts";
import { isStorableText, MemoryRefused } from "./store-errors.ts";
import { storedBytes } from "./stored-bytes.ts";

export const memoryLimits = { nameLength: 128, valueBytes: 16 * 1024, names: 256 } as const;

export class StoredMemory implements SessionMemory {
  readonly #db: GuardedDatabase;
  readonly #nextId: () => string;
  readonly #session: SessionOwnership;

  constructor(db: GuardedDatabase, nextId: () => string, session: SessionOwnership) {
    this.#db = db;
    this.#nextId = nextId;
    this.#session = session;
  }

  /** Creates the session when there is none: a memory may come before the first answered turn. */
  async save(name: string, value: string): Promise<void> {
    refuseUnfit(name, value);
    const now = new Date().toISOString();
    const { sessionKey: session_key, agentId: agent_id, owner, fence } = this.#session;
    const counts = { message_count: 0, bytes: 0, branched_at: null };
    const session = { key: session_key, agent_id, owner, leaf_id: null, created_at: now, updated_at: now, ...counts };
    const memory = { id: this.#nextId(), session_key, name, value, updated_at: now };
    await this.#db.run((db) =>
      db.transaction().execute(async (trx) => {
        if (!(await showLease(trx, fence))) throw new MemoryRefused("Not saved: another process has taken over this session.");
        // Locks the session's row, so that two writers cannot both count the last free place.
        const kept = await trx
          .insertInto("sessions")
          .values(session)
          .onConflict((conflict) => conflict.column("key").doUpdateSet({ updated_at: now }))
          .returning("owner")
          .executeTakeFirstOrThrow();
        if (kept.owner !== owner) throw new MemoryRefused("Not saved: the session belongs to somebody else.");
        const old = await trx
          .selectFrom("memories")
          .where("session_key", "=", session_key)
          .where("name", "=", name)
          .select("value")
          .executeTakeFirst();
        await trx
          .insertInto("memories")
          .values(memory)
          .onConflict((conflict) => conflict.columns(["session_key", "name"]).doUpdateSet({ value, updated_at: now }))
          .execute();
        const added = storedBytes(name, value) - (old ? storedBytes(name, old.value) : 0);
        await trx
          .updateTable("sessions")
          .set((eb) => ({ bytes: eb("bytes", "+", added) }))
          .where("key", "=", session_key)
          .execute();
        const { count } = await trx
          .selectFrom("memories")
          .where("session_key", "=", session_key)
          .select((eb) => eb.fn.countAll().as("count"))
          .executeTakeFirstOrThrow();
        if (Number(count) <= memoryLimits.names) return;
        throw new MemoryRefused(`Not saved: this session already remembers ${memoryLimits.names} names. Save under one of those instead.`);
      }),
    );
  }

  async recall(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#db.run((db) =>
      db.selectFrom("memories").where("session_key", "=", this.#session.sessionKey).select(["name", "value"]).orderBy("id").execute(),
    );
    return new Map(rows.map(({ name, value }) => [name, value]));
  }
}

function refuseUnfit(name: string, value: string): void {
  if (name === "") throw new MemoryRefused("Not saved: the name is empty. Give the memory a short name.");
  if (name.length > memoryLimits.nameLength) {
    throw new MemoryRefused(`Not saved: the name has ${name.length} characters; at most ${memoryLimits.nameLength} are allowed.`);
  }
  const bytes = Buffer.byteLength(value);
  if (bytes > memoryLimits.valueBytes) {
    throw new MemoryRefused(`Not saved: the value has ${bytes} bytes; at most ${memoryLimits.valueBytes} are allowed. Shorten it.`);
  }
  if (!isStorableText(name) || !isStorableText(value)) {
    throw new MemoryRefused("Not saved: name and value must be plain text without NUL characters or broken Unicode.");
  }
}
