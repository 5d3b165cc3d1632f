/**
 * Who is calling: one service and one failed-login limiter for every face.
 *
 * Deliberately absent: where the secret travels (a face's business) and what the principal may do (`principal.ts`).
 */
import { hash, timingSafeEqual } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { AuthConfig } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import { mainPrincipal, type Principal } from "../domain/principal.ts";
import type { StoredToken } from "../domain/token.ts";
import type { WindowCounters } from "../domain/token-account.ts";
import { FailedLogins } from "./failed-logins.ts";
import { type Holder, holderOf, mainHolder, principalAt } from "./principals.ts";
import { WindowCounts } from "./window-counts.ts";

export interface Credentials {
  /** Undefined when the caller sent none. */
  readonly secret: string | undefined;
  /** The client's address, forwarding headers of trusted proxies taken into account. */
  readonly address: string;
  /** How the face wants the secret to be sent, for the sentence that refuses a caller; absent: as a bearer token. */
  readonly sentAs?: string;
}

interface Secret {
  readonly hash: Buffer;
  readonly holder: Holder;
}

export class AuthService {
  #config: AuthConfig;
  #stored: readonly StoredToken[] = [];
  #secrets: readonly Secret[];
  readonly #now: () => number;
  readonly #counters: WindowCounters;
  #failedLogins: FailedLogins | undefined;

  /** `counters`: where failed logins are counted. */
  constructor(config: AuthConfig, now: () => number = Date.now, counters: WindowCounters = new WindowCounts()) {
    this.#config = config;
    this.#now = now;
    this.#secrets = secretsOf(config, [], []);
    this.#counters = counters;
    this.#failedLogins = config.rateLimit && new FailedLogins(config.rateLimit, counters);
  }

  /** From now on. Failed logins stay counted, unless they are limited in another way. */
  configure(config: AuthConfig): void {
    if (!isDeepStrictEqual(config.rateLimit, this.#config.rateLimit)) {
      this.#failedLogins = config.rateLimit && new FailedLogins(config.rateLimit, this.#counters);
    }
    this.#config = config;
    this.#secrets = secretsOf(config, this.#stored, this.#secrets);
  }

  /** Those of the store, from now on. The principals whose secret or rights are no more. */
  setStored(tokens: readonly StoredToken[]): ReadonlySet<Principal> {
    const before = this.#secrets;
    this.#stored = tokens;
    this.#secrets = secretsOf(this.#config, tokens, before);
    const held = new Set(this.#secrets.map(({ holder }) => holder.principal));
    return new Set(before.map(({ holder }) => holder.principal).filter((principal) => !held.has(principal)));
  }

  /** Names of stored tokens that nobody can use, because the config has them too. */
  get shadowed(): readonly string[] {
    const configured = namesOf(this.#config);
    return this.#stored.map(({ name }) => name).filter((name) => configured.has(name.toLowerCase()));
  }

  /** Whether there is a token of that name, expired or not. */
  knows(name: string): boolean {
    return this.#secrets.some(({ holder }) => holder.principal.name === name);
  }

  /** Rejects with `too_many_failed_logins` (while locked out even for the right secret) or `invalid_api_key` (also once it has expired). */
  authenticate(credentials: Credentials): Promise<Principal> {
    if (!this.#failedLogins || this.#config.mode === "none") return this.#decide(credentials);
    return this.#failedLogins.deciding(credentials.address, (countFailure) => this.#decide(credentials, countFailure));
  }

  /** For a principal that was authenticated a while ago: `false` once its secret or its rights are no more, or have expired. */
  stillHolds(principal: Principal): boolean {
    if (this.#config.mode === "none") return principal === mainPrincipal;
    return this.#secrets.some(({ holder }) => holder.principal === principal && this.#now() < holder.expiresAt);
  }

  async #decide({ secret, sentAs }: Credentials, countFailure?: () => Promise<void>): Promise<Principal> {
    if (this.#config.mode === "none") return mainPrincipal;
    if (secret === undefined) throw new GatewayError("invalid_api_key", this.#howTo("No secret was sent.", sentAs));
    const holder = this.#holderOf(secret);
    if (holder) return principalAt(holder, this.#now());
    await countFailure?.();
    throw new GatewayError("invalid_api_key", this.#howTo("The secret that was sent is wrong.", sentAs));
  }

  /** Hashes are compared, and always all of them: neither length nor content nor whose it is shows in the time it takes. */
  #holderOf(secret: string): Holder | undefined {
    const sent = sha256(secret);
    let found: Holder | undefined;
    for (const { hash, holder } of this.#secrets) if (timingSafeEqual(sent, hash)) found = holder;
    return found;
  }

  #howTo(what: string, sentAs = `'Authorization: Bearer <${this.#config.mode}>'`): string {
    return `${what} Send the gateway's ${this.#config.mode} as ${sentAs}.`;
  }
}

/** A secret that stays what it was keeps its principal, so that those who have it can be told from those whose secret is no more. */
function secretsOf(config: AuthConfig, stored: readonly StoredToken[], before: readonly Secret[]): Secret[] {
  const own =
    config.secret === undefined ? [] : [{ hash: sha256(config.secret), holder: { ...mainHolder, principal: { ...mainPrincipal } } }];
  const configured = namesOf(config);
  const tokens = [...config.tokens, ...stored.filter(({ name }) => !configured.has(name.toLowerCase()))];
  const named = tokens.map((token) => ({ hash: Buffer.from(token.sha256, "hex"), holder: holderOf(token) }));
  const known = new Map(before.map((secret) => [secret.hash.toString("hex"), secret]));
  return [...own, ...named].map((secret) => {
    const same = known.get(secret.hash.toString("hex"));
    return same && isDeepStrictEqual(same, secret) ? same : secret;
  });
}

function namesOf({ tokens }: AuthConfig): ReadonlySet<string> {
  return new Set(tokens.map(({ name }) => name.toLowerCase()));
}

function sha256(text: string): Buffer {
  return hash("sha256", text, "buffer");
}
