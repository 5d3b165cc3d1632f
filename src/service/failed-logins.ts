/**
 * Wrong secrets, counted per client address. After `maxAttempts` of them within the window the address is locked out, at all
 * gateways that share their counts.
 *
 * Deliberately absent: which secrets are wrong (`auth-service.ts`).
 */
import ipaddr from "ipaddr.js";
import type { RateLimitConfig } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import type { WindowCounters } from "../domain/token-account.ts";

/** So long after it was looked up an address that is not locked out is let in without another look. */
const rememberedMs = 1_000;
const maxRemembered = 10_000;

export class FailedLogins {
  readonly #config: RateLimitConfig;
  readonly #counters: WindowCounters;
  /** By client: until when, by the steady clock, it need not be looked up. */
  readonly #notLocked = new Map<string, number>();
  /** By client: the decision before the next one. */
  readonly #deciding = new Map<string, Promise<unknown>>();

  constructor(config: RateLimitConfig, counters: WindowCounters) {
    this.#config = config;
    this.#counters = counters;
  }

  /**
   * One of a client at a time: of many secrets that arrive in one go, each must see the failures of those before it. Rejects with
   * `too_many_failed_logins` while the client is locked out.
   */
  async deciding<T>(address: string, decide: (countFailure: () => Promise<void>) => T | Promise<T>): Promise<T> {
    const client = clientOf(address);
    if (this.#config.exemptLoopback && isLoopback(client)) return decide(() => Promise.resolve());
    const decision = (this.#deciding.get(client) ?? Promise.resolve()).then(async () => {
      await this.#check(client);
      return decide(() => this.#count(client));
    });
    const over = decision.then(
      () => undefined,
      () => undefined,
    );
    this.#deciding.set(client, over);
    try {
      return await decision;
    } finally {
      if (this.#deciding.get(client) === over) this.#deciding.delete(client);
    }
  }

  async #check(client: string): Promise<void> {
    const now = performance.now();
    if ((this.#notLocked.get(client) ?? 0) > now) return;
    const state = await this.#counters.read(this.#keyOf(client));
    if (state && state.count >= this.#config.maxAttempts) throw lockedOut(state.msLeft);
    if (this.#notLocked.size >= maxRemembered) this.#notLocked.clear();
    this.#notLocked.set(client, now + rememberedMs);
  }

  /** Rejects when the client was locked out meanwhile, by this gateway or by another one. */
  async #count(client: string): Promise<void> {
    const { maxAttempts, windowMs, lockoutMs } = this.#config;
    const { count, msLeft } = await this.#counters.add(this.#keyOf(client), 1, windowMs);
    if (count < maxAttempts) return;
    this.#notLocked.delete(client);
    if (count > maxAttempts) throw lockedOut(msLeft);
    await this.#counters.set(this.#keyOf(client), maxAttempts + 1, lockoutMs);
  }

  /** What was counted by other rules does not count by these. */
  #keyOf(client: string): string {
    const { maxAttempts, windowMs, lockoutMs } = this.#config;
    return `login:${maxAttempts}/${windowMs}/${lockoutMs}:${client}`;
  }
}

function lockedOut(retryAfterMs: number): GatewayError {
  return new GatewayError(
    "too_many_failed_logins",
    "Too many wrong secrets came from this address. Wait as long as Retry-After says, then send the right one.",
    { retryAfterMs },
  );
}

/** One name for one client: one spelling for an address, and an IPv4 address mapped into IPv6 is that IPv4 address. */
function clientOf(address: string): string {
  return ipaddr.isValid(address) ? ipaddr.process(address).toString() : address;
}

function isLoopback(client: string): boolean {
  return ipaddr.isValid(client) && ipaddr.parse(client).range() === "loopback";
}
