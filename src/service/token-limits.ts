/**
 * The limits of named tokens: what each may use within a minute and a month, and how many of its runs may be at work.
 *
 * A run counts where it begins, whichever face it comes by: as a request, and with what it is sent, about. When it has ended, the
 * estimate gives way to what the providers counted. Runs at work may go beyond a limit; what begins after that is refused.
 * Deliberately absent: principals without limits, for whom nothing is counted, and what is told in headers and frames.
 */
import type { Logger } from "pino";
import { GatewayError } from "../domain/errors.ts";
import type { Price } from "../domain/model.ts";
import type { TokenLimits } from "../domain/principal.ts";
import type { RateLimit, RateLimits } from "../domain/rate-limits.ts";
import type { RunEnd, RunEvent, RunRequest } from "../domain/run.ts";
import {
  spentOf,
  type AccountLimits,
  type CountedRun,
  type TokenAccounts,
  type TokenUse,
  type WindowCount,
  type WindowCounters,
} from "../domain/token-account.ts";
import { inTime } from "./in-time.ts";
import { RunMeter } from "./run-meter.ts";
import { atMost, tokensOfText, tokensOfTools } from "./token-estimate.ts";

const minuteMs = 60_000;
/** When a run of the token's own ends is not known. */
const busyRetryAfterMs = 5_000;
const nothing: TokenUse = { requests: 0, tokens: 0, cost: 0 };

export interface TokenLimitParts {
  readonly accounts: TokenAccounts;
  readonly counters: WindowCounters;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** A run that its token's limits let begin. */
export interface LimitedRun {
  /** As they stood when it began. */
  readonly rateLimits: RateLimits;
  take(event: RunEvent): void;
  /** Never rejects. */
  ended(end: RunEnd): Promise<void>;
  /** It was refused after all, for another reason: it has used nothing but a request. Never rejects. */
  refused(): Promise<void>;
}

/** Tokens that were counted in advance. */
interface Advance {
  readonly amount: number;
  /** Of the steady clock: when the count begins anew that they are in. */
  readonly until: number;
}

export class TokenLimiter {
  readonly #parts: TokenLimitParts;
  readonly #now: () => number;
  /** By token, what this process knows by itself; it decides while the accounts cannot be reached. */
  readonly #own = new Map<string, OwnAccount>();

  constructor(parts: TokenLimitParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  /** Undefined for a principal without limits. Rejects with `rate_limit_exceeded`, `insufficient_quota` or `too_many_runs`. */
  async begin(runId: string, request: RunRequest, priceOf: (ref: string) => Price | undefined): Promise<LimitedRun | undefined> {
    const { name: owner, limits } = request.principal;
    if (limits === undefined) return undefined;
    const input = tokensIn(request);
    const { rateLimits, advance } = await this.#countIn(owner, limits, input);
    const run: CountedRun = { runId, owner, month: this.#month() };
    const own = this.#ownOf(run);
    const inTheWay = await this.#enter(run, limits, own);
    if (inTheWay !== undefined) {
      await this.#correct(owner, advance, 0);
      throw this.#refusal(owner, limits, inTheWay, rateLimits);
    }
    own.atWork++;
    const meter = new RunMeter(input, priceOf);
    const settle = async (use: TokenUse): Promise<void> => {
      own.atWork--;
      await Promise.all([this.#correct(owner, advance, use.tokens), this.#leave(run, own, use)]);
    };
    return {
      rateLimits,
      take: (event) => meter.take(event),
      ended: (end) => settle(meter.ended(end)),
      refused: () => settle(nothing),
    };
  }

  /** What is over the limit has been refused when it resolves. */
  async #countIn(owner: string, limits: TokenLimits, input: number): Promise<{ rateLimits: RateLimits; advance: Advance | undefined }> {
    const { requestsPerMinute: mostRequests, tokensPerMinute: mostTokens } = limits;
    const at = performance.now();
    const [requests, tokens] = await Promise.all([
      mostRequests === undefined ? undefined : this.#parts.counters.add(`requests:${owner}`, 1, minuteMs),
      mostTokens === undefined ? undefined : this.#parts.counters.add(tokensKey(owner), input, minuteMs),
    ]);
    const advance = tokens && { amount: input, until: at + tokens.msLeft };
    const isOver = requests !== undefined && requests.count > mostRequests!;
    const isSpent = tokens !== undefined && tokens.count - input >= mostTokens!;
    const counted = tokens && (isOver || isSpent) ? { ...tokens, count: tokens.count - input } : tokens;
    const rateLimits: RateLimits = {
      ...(requests ? { requests: limitOf(mostRequests!, requests) } : {}),
      ...(counted ? { tokens: limitOf(mostTokens!, counted) } : {}),
    };
    if (!isOver && !isSpent) return { rateLimits, advance };
    await this.#correct(owner, advance, 0);
    const retryAfterMs = Math.max(isOver ? requests.msLeft : 0, isSpent ? tokens.msLeft : 0);
    const limit = isOver ? `${mostRequests} requests` : `${mostTokens} tokens`;
    throw new GatewayError(
      "rate_limit_exceeded",
      `The token '${owner}' may use ${limit} a minute, and has. Wait as long as Retry-After says, then send the request again.`,
      { retryAfterMs, rateLimits },
    );
  }

  /** Of a count that has begun anew meanwhile, nothing is taken back. */
  async #correct(owner: string, advance: Advance | undefined, tokens: number): Promise<void> {
    if (advance === undefined) return;
    const difference = tokens - (performance.now() < advance.until ? advance.amount : Math.min(advance.amount, tokens));
    if (difference !== 0) await this.#parts.counters.add(tokensKey(owner), difference, minuteMs);
  }

  async #enter(run: CountedRun, limits: AccountLimits, own: OwnAccount): Promise<keyof AccountLimits | undefined> {
    const { maxConcurrentRuns, monthlyTokens, monthlyBudget } = limits;
    if (maxConcurrentRuns === undefined && monthlyTokens === undefined && monthlyBudget === undefined) return undefined;
    const entered = this.#parts.accounts.enter(run, limits);
    try {
      return await inTime(entered);
    } catch (thrown) {
      this.#parts.log.warn({ err: thrown, token: run.owner }, "a token's account cannot be read: this gateway goes by what it has counted");
      const inTheWay = own.inTheWay(limits);
      // A place that is given to it after all would be nobody's.
      if (inTheWay !== undefined) void entered.then(() => this.#parts.accounts.leave(run, nothing)).catch(() => undefined);
      return inTheWay;
    }
  }

  async #leave(run: CountedRun, own: OwnAccount, use: TokenUse): Promise<void> {
    own.used = sum(own.used, use);
    const unwritten = sum(own.unwritten, use);
    own.unwritten = nothing;
    const left = this.#parts.accounts.leave(run, unwritten).catch((thrown: unknown) => {
      own.unwritten = sum(own.unwritten, unwritten);
      this.#parts.log.warn({ err: thrown, token: run.owner }, "what a token has used cannot be written: the next run will try it again");
    });
    await inTime(left).catch(() => undefined);
  }

  #refusal(owner: string, limits: AccountLimits, inTheWay: keyof AccountLimits, rateLimits: RateLimits): GatewayError {
    if (inTheWay === "maxConcurrentRuns") {
      const message = `The token '${owner}' has as many runs at work as it may, ${limits.maxConcurrentRuns}. Try again when one of them has ended.`;
      return new GatewayError("too_many_runs", message, { retryAfterMs: busyRetryAfterMs, rateLimits });
    }
    const what = inTheWay === "monthlyTokens" ? "tokens" : "budget";
    return new GatewayError(
      "insufficient_quota",
      `The token '${owner}' has used up its ${what} of this month (UTC). Ask whoever runs the gateway for more, or wait for the next one.`,
      { retryAfterMs: this.#monthEnd() - this.#now(), rateLimits },
    );
  }

  #ownOf({ owner, month }: CountedRun): OwnAccount {
    const own = this.#own.get(owner) ?? new OwnAccount();
    this.#own.set(owner, own);
    own.turnTo(month);
    return own;
  }

  #month(): string {
    return monthAt(this.#now());
  }

  #monthEnd(): number {
    const now = new Date(this.#now());
    return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
  }
}

/** What this process has seen of one token. */
class OwnAccount {
  atWork = 0;
  /** In this month. */
  used: TokenUse = nothing;
  /** What could not be added to the account. */
  unwritten: TokenUse = nothing;
  #month: string | undefined;

  turnTo(month: string): void {
    if (month === this.#month) return;
    this.#month = month;
    this.used = nothing;
  }

  inTheWay(limits: AccountLimits): keyof AccountLimits | undefined {
    const spent = spentOf(this.used, limits);
    if (spent !== undefined) return spent;
    const { maxConcurrentRuns } = limits;
    return maxConcurrentRuns !== undefined && this.atWork >= maxConcurrentRuns ? "maxConcurrentRuns" : undefined;
  }
}

/** In UTC, as accounts name it. `ago`: so many months before. */
export function monthAt(time: number, ago = 0): string {
  const date = new Date(time);
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - ago)).toISOString().slice(0, "2026-01".length);
}

/** What the caller sends, about. What its session holds beside it is known when the provider has counted it. */
function tokensIn({ messages, tools }: RunRequest): number {
  let tokens = tokensOfTools(tools, atMost);
  for (const { content } of messages) {
    tokens += atMost.frame;
    if (typeof content === "string") tokens += tokensOfText(content, atMost);
    else for (const part of content) tokens += part.type === "text" ? tokensOfText(part.text, atMost) : atMost.image;
  }
  return Math.ceil(tokens);
}

function tokensKey(owner: string): string {
  return `tokens:${owner}`;
}

function limitOf(limit: number, { count, msLeft }: WindowCount): RateLimit {
  return { limit, remaining: Math.min(limit, Math.max(0, limit - count)), resetMs: msLeft };
}

function sum(a: TokenUse, b: TokenUse): TokenUse {
  return { requests: a.requests + b.requests, tokens: a.tokens + b.tokens, cost: a.cost + b.cost };
}
