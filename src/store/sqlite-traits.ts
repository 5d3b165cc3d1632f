/**
 * What SQLite can do, and what it has not, where Kysely thinks otherwise.
 *
 * Deliberately absent: how statements run (`libsql-dialect.ts`).
 */
import { CompiledStatements, type RememberingAdapter } from "./hot-statement.ts";
import { SqliteAdapter, SqliteQueryCompiler } from "./kysely.ts";

/** SQLite can change tables inside a transaction; Kysely's adapter does not use it. */
export class TransactionalAdapter extends SqliteAdapter implements RememberingAdapter {
  readonly compiled = new CompiledStatements();

  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Without locks of rows: a transaction has the whole database from its beginning, so that `for update` would say nothing more. */
export class LocklessCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(): void {
    // Nothing else stands there in the store's queries.
  }
}
