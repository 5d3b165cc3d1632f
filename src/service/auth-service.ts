/**
 * Who is calling: one service and one failed-login limiter for every face.
 *
 * Deliberately absent: where the secret travels (a face's business) and what the principal may do (`principal.ts`).
 */
import { hash, timingSafeEqual } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import ipaddr from "ipaddr.js";
import { RateLimiterMemory } from "rate-limiter-flexible";
import type { AuthConfig, RateLimitConfig } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import { mainPrincipal, type Principal } from "../domain/principal.ts";
import { type Holder, holderOf, mainHolder, principalAt } from "./principals.ts";

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
  #secrets: readonly Secret[];
  readonly #now: () => number;
  #limiter: FailedLoginLimiter | undefined;
  /** The decision before the next one; only with a limiter. */
  #previous: Promise<unknown> = Promise.resolve();

  constructor(config: AuthConfig, now: () => number = Date.now) {
    this.#config = config;
    this.#now = now;
    this.#secrets = secretsOf(config, []);
    this.#limiter = config.rateLimit && new FailedLoginLimiter(config.rateLimit);
  }

  /** From now on. Failed logins stay counted, unless they are limited in another way. */
  configure(config: AuthConfig): void {
    if (!isDeepStrictEqual(config.rateLimit, this.#config.rateLimit)) {
      this.#limiter = config.rateLimit && new FailedLoginLimiter(config.rateLimit);
    }
    this.#config = config;
    this.#secrets = secretsOf(config, this.#secrets);
  }

  /** Rejects with `too_many_failed_logins` (while locked out even for the right secret) or `invalid_api_key` (also once it has expired). */
  authenticate(credentials: Credentials): Promise<Principal> {
    if (!this.#limiter) return this.#decide(credentials);
    // One at a time: of many secrets that arrive in one go, each must see the failures of those before it.
    const decision = this.#previous.then(() => this.#decide(credentials));
    this.#previous = decision.catch(() => undefined);
    return decision;
  }

  /** For a principal that was authenticated a while ago: `false` once its secret or its rights are no more, or have expired. */
  stillHolds(principal: Principal): boolean {
    if (this.#config.mode === "none") return principal === mainPrincipal;
    return this.#secrets.some(({ holder }) => holder.principal === principal && this.#now() < holder.expiresAt);
  }

  async #decide({ secret, address, sentAs }: Credentials): Promise<Principal> {
    if (this.#config.mode === "none") return mainPrincipal;
    await this.#limiter?.check(address);
    if (secret === undefined) throw new GatewayError("invalid_api_key", this.#howTo("No secret was sent.", sentAs));
    const holder = this.#holderOf(secret);
    if (holder) return principalAt(holder, this.#now());
    await this.#limiter?.countFailure(address);
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
function secretsOf(config: AuthConfig, before: readonly Secret[]): Secret[] {
  const own =
    config.secret === undefined ? [] : [{ hash: sha256(config.secret), holder: { ...mainHolder, principal: { ...mainPrincipal } } }];
  const named = config.tokens.map((token) => ({ hash: Buffer.from(token.sha256, "hex"), holder: holderOf(token) }));
  return [...own, ...named].map((secret) => before.find((known) => isDeepStrictEqual(known, secret)) ?? secret);
}

/** Counts wrong secrets per client address. After `maxAttempts` of them within the window, the address is locked out. */
class FailedLoginLimiter {
  readonly #config: RateLimitConfig;
  readonly #attempts: RateLimiterMemory;

  constructor(config: RateLimitConfig) {
    this.#config = config;
    this.#attempts = new RateLimiterMemory({ points: config.maxAttempts, duration: config.windowMs / 1000 });
  }

  async check(address: string): Promise<void> {
    const client = clientOf(address);
    if (this.#isExempt(client)) return;
    const state = await this.#attempts.get(client);
    if (!state || state.consumedPoints < this.#config.maxAttempts) return;
    throw new GatewayError(
      "too_many_failed_logins",
      "Too many wrong secrets came from this address. Wait as long as Retry-After says, then send the right one.",
      {
        retryAfterMs: state.msBeforeNext,
      },
    );
  }

  async countFailure(address: string): Promise<void> {
    const client = clientOf(address);
    if (this.#isExempt(client)) return;
    const state = await this.#attempts.penalty(client);
    if (state.consumedPoints >= this.#config.maxAttempts) await this.#attempts.block(client, this.#config.lockoutMs / 1000);
  }

  #isExempt(client: string): boolean {
    return this.#config.exemptLoopback && isLoopback(client);
  }
}

function sha256(text: string): Buffer {
  return hash("sha256", text, "buffer");
}

/** One name for one client: one spelling for an address, and an IPv4 address mapped into IPv6 is that IPv4 address. */
function clientOf(address: string): string {
  return ipaddr.isValid(address) ? ipaddr.process(address).toString() : address;
}

function isLoopback(client: string): boolean {
  return ipaddr.isValid(client) && ipaddr.parse(client).range() === "loopback";
}
