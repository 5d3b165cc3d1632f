/**
 * The queries behind the port `TokenStore`. Each change counts up the one row of `token_changes`, by which others notice it.
 *
 * Deliberately absent: secrets, of which only hashes come here, and what a name or a right may be.
 */
import type { Transaction } from "kysely";

import type { Changes } from "../domain/changes.ts";
import type { TokenLimits } from "../domain/principal.ts";
import { GatewayError } from "../domain/errors.ts";
import type { StoredToken, TokenList, TokenStore } from "../domain/token.ts";
import type { GuardedDatabase } from "./guarded-database.ts";
import type { Notices } from "./notices.ts";
import type { StoreTables, TokensTable } from "./schema.ts";
import { isRecord, type JsonRecord } from "./stored-json.ts";

/** Nothing of which token it was: who hears it reads all of them. */
const topic = "tokens:changed";

export class StoredTokens implements TokenStore {
  readonly #db: GuardedDatabase;
  readonly #notices: Notices;

  constructor(db: GuardedDatabase, notices: Notices) {
    this.#db = db;
    this.#notices = notices;
  }

  async list(): Promise<TokenList> {
    const rows = await this.#db.run((db) => db.selectFrom("tokens").selectAll().orderBy("folded_name").execute());
    const tokens = rows.map((row) => toToken(row));
    return {
      tokens: tokens.filter((token) => token !== undefined),
      damaged: rows.filter((_, at) => tokens[at] === undefined).map(({ name }) => name),
    };
  }

  add(token: StoredToken): Promise<boolean> {
    return this.#change(async (trx) => {
      const { numInsertedOrUpdatedRows: added } = await trx
        .insertInto("tokens")
        .values(toRow(token))
        .onConflict((conflict) => conflict.column("folded_name").doNothing())
        .executeTakeFirstOrThrow();
      return added === 1n ? true : undefined;
    }).then((added) => added ?? false);
  }

  revoke(name: string): Promise<string | undefined> {
    return this.#change(async (trx) => {
      const row = await trx.deleteFrom("tokens").where("folded_name", "=", fold(name)).returning("name").executeTakeFirst();
      return row?.name;
    });
  }

  rotate(name: string, sha256: string): Promise<StoredToken | undefined> {
    return this.#change(async (trx) => {
      const changed = trx.updateTable("tokens").set({ sha256 }).where("folded_name", "=", fold(name));
      const row = await changed.returningAll().executeTakeFirst();
      const token = row && toToken(row);
      if (row && !token)
        throw new GatewayError("invalid_value", `The token ${row.name} is damaged in the store: revoke it, and add it again.`);
      return token;
    });
  }

  async version(): Promise<number> {
    const row = await this.#db.run((db) => db.selectFrom("token_changes").select("count").executeTakeFirstOrThrow());
    return row.count;
  }

  watch(): Changes {
    return this.#notices.watch(topic);
  }

  /** `work` resolves with undefined where it changed nothing. */
  #change<T>(work: (trx: Transaction<StoreTables>) => Promise<T | undefined>): Promise<T | undefined> {
    return this.#db.run((db) =>
      db.transaction().execute(async (trx) => {
        const done = await work(trx);
        if (done === undefined) return undefined;
        await trx
          .updateTable("token_changes")
          .set((eb) => ({ count: eb("count", "+", 1) }))
          .execute();
        await this.#notices.tell(trx, topic);
        return done;
      }),
    );
  }
}

function fold(name: string): string {
  return name.toLowerCase();
}

function toRow({ name, sha256, createdAt, expiresAt, agents, models, limits }: StoredToken): TokensTable {
  return {
    folded_name: fold(name),
    name,
    sha256,
    rights: JSON.stringify({ agents, models, limits }),
    expires_at: expiresAt ?? null,
    created_at: createdAt,
  };
}

/** Undefined when it is damaged: what is not understood must not become a token with more rights than it was given. */
function toToken({ name, sha256, rights, expires_at, created_at }: TokensTable): StoredToken | undefined {
  const known = readRights(rights);
  const isWhole = /^[0-9a-f]{64}$/.test(sha256) && (expires_at === null || !Number.isNaN(Date.parse(expires_at)));
  if (known === undefined || !isWhole) return undefined;
  const { agents, models, limits } = known;
  return {
    name,
    sha256,
    ...(agents ? { agents } : {}),
    ...(models ? { models } : {}),
    ...(limits ? { limits } : {}),
    ...(expires_at === null ? {} : { expiresAt: expires_at }),
    createdAt: created_at,
  };
}

type Rights = JsonRecord & { readonly agents?: readonly string[]; readonly models?: readonly string[]; readonly limits?: TokenLimits };

function readRights(text: string): Rights | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRights(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRights(value: unknown): value is Rights {
  return isRecord(value) && isNames(value["agents"]) && isNames(value["models"]) && isLimits(value["limits"]);
}

function isNames(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.every((name) => typeof name === "string"));
}

function isLimits(value: unknown): boolean {
  return value === undefined || (isRecord(value) && Object.values(value).every((limit) => typeof limit === "number"));
}
