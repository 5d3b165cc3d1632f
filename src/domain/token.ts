/**
 * Named tokens that are kept in the store, beside those of the config, and the port to where they are.
 *
 * Of a secret only its hash is known here. Deliberately absent: comparing it with what callers send (`service/auth-service.ts`).
 */
import type { Changes } from "./changes.ts";
import type { TokenLimits } from "./principal.ts";

/** A secret with a name and rights of its own, beside the gateway's. */
export interface NamedToken {
  readonly name: string;
  /** Of the secret's UTF-8, in lower-case hex: all that is kept of it. */
  readonly sha256: string;
  /** Undefined: every agent; else not empty. */
  readonly agents?: readonly string[];
  /** Those it may name instead of an agent's own; undefined: all. */
  readonly models?: readonly string[];
  /** Undefined: none. */
  readonly limits?: TokenLimits;
  /** ISO 8601 in UTC. From then on the token is refused. */
  readonly expiresAt?: string;
}

export interface StoredToken extends NamedToken {
  /** ISO 8601 in UTC. When it was added; another secret does not change it. */
  readonly createdAt: string;
}

export interface TokenList {
  /** By name. */
  readonly tokens: readonly StoredToken[];
  /** Names of those whose rows cannot be read. Nobody can call with them, and all others hold. */
  readonly damaged: readonly string[];
}

/** The case of a name does not matter. Every method rejects with `store_unavailable` when the store cannot be used. */
export interface TokenStore {
  list(): Promise<TokenList>;
  /** False, and nothing is done, where there is a token of that name. */
  add(token: StoredToken): Promise<boolean>;
  /** The name of the token that is no more; undefined where there was none. */
  revoke(name: string): Promise<string | undefined>;
  /** The same token with another secret; undefined where there is none of that name. One that is damaged stays as it is: rejects with `invalid_value`. */
  rotate(name: string, sha256: string): Promise<StoredToken | undefined>;
  /** Another number than before once any token was added, revoked or rotated, by whichever process. Cheap to ask for. */
  version(): Promise<number>;
  /** When to look at the version again. */
  watch(): Changes;
}
