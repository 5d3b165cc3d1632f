/**
 * A statement that every kept run asks: put together once for each database, then asked with other values.
 *
 * To put it together from Kysely's parts takes longer than SQLite takes to do it. What was put together is with the adapter,
 * which a database and its transactions have in common. Deliberately absent: statements whose text depends on their values.
 */
import type { Compilable, CompiledQuery, DialectAdapter, Kysely, QueryResult, RawBuilder } from "kysely";

import { sql } from "./kysely.ts";
import type { StoreTables } from "./schema.ts";

/** Where the value of that name goes. */
export type Place<Values> = <Name extends keyof Values & string>(name: Name) => RawBuilder<Values[Name]>;

type Build<Values, Row> = (db: Kysely<StoreTables>, place: Place<Values>) => Compilable<Row>;

export class HotStatement<Values extends object, Row = unknown> {
  readonly #build: Build<Values, Row>;

  constructor(build: Build<Values, Row>) {
    this.#build = build;
  }

  ask(db: Kysely<StoreTables>, values: Values): Promise<QueryResult<Row>> {
    const { compiled } = db.getExecutor().adapter as RememberingAdapter;
    const { query, places } = compiled.of(this, () => this.#build(db, placeOf).compile()) as CompiledStatement<Row>;
    const parameters = query.parameters.map((parameter, n) => {
      const name = places[n];
      return name === undefined ? parameter : values[name as keyof Values];
    });
    return db.executeQuery({ sql: query.sql, query: query.query, queryId: query.queryId, parameters });
  }

  /** How many rows it changed. */
  async count(db: Kysely<StoreTables>, values: Values): Promise<number> {
    return Number((await this.ask(db, values)).numAffectedRows ?? 0n);
  }

  async first(db: Kysely<StoreTables>, values: Values): Promise<Row | undefined> {
    return (await this.ask(db, values)).rows[0];
  }
}

/** What each adapter of this store's dialects has. */
export interface RememberingAdapter extends DialectAdapter {
  readonly compiled: CompiledStatements;
}

/** Those of one database. */
export class CompiledStatements {
  readonly #compiled = new Map<object, CompiledStatement<unknown>>();

  of(statement: object, compile: () => CompiledQuery): CompiledStatement<unknown> {
    let compiled = this.#compiled.get(statement);
    if (compiled === undefined) {
      const query = compile();
      compiled = { query, places: query.parameters.map((parameter) => (parameter instanceof NamedPlace ? parameter.name : undefined)) };
      this.#compiled.set(statement, compiled);
    }
    return compiled;
  }
}

interface CompiledStatement<Row> {
  readonly query: CompiledQuery<Row>;
  /** For each parameter the name of its value; undefined where the statement itself says it. */
  readonly places: readonly (string | undefined)[];
}

/** Stands for a value until there is one. */
class NamedPlace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

function placeOf<T>(name: string): RawBuilder<T> {
  return sql<T>`${new NamedPlace(name)}`;
}
