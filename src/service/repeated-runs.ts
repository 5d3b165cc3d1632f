/**
 * Requests that come again with the same idempotency key: they get what the first one got, and do nothing.
 *
 * Deliberately absent: whose key it is and for how long, which is the store's, and what makes two requests the same, which
 * is the face's to say (`IdempotencyKey.fingerprint`).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { GatewayError } from "../domain/errors.ts";
import type { Run, RunEvent, RunRequest } from "../domain/run.ts";
import type { KeyedRun, RunRecord } from "../domain/run-record.ts";
import { untilAborted } from "../runtime/until-aborted.ts";
import type { RunHistory } from "./run-history.ts";

/** A streamed request waits so long in silence; then its stream is begun, so that it can be kept alive. */
const longestSilenceMs = 10_000;

export class RepeatedRuns {
  readonly #history: RunHistory;

  constructor(history: RunHistory) {
    this.#history = history;
  }

  /** Throws `idempotency_conflict` when the key was used for something else. */
  #check({ record, fingerprint }: KeyedRun, { idempotency }: RunRequest): RunRecord {
    if (fingerprint === idempotency?.fingerprint) return record;
    throw new GatewayError(
      "idempotency_conflict",
      "This Idempotency-Key was used for another request in the last 24 hours: body, x-openclaw-* headers or session differ. Use a new key.",
      { param: "idempotency-key" },
    );
  }

  /** The run `other`, which is in the background, as it stands. Undefined when it was refused after all. */
  async find(other: KeyedRun, request: RunRequest): Promise<RunRecord | undefined> {
    return this.#history.admitted(this.#check(other, request));
  }

  /**
   * The run `other` once more. Waits until it has ended, a streamed request only for a while: the rest is waited for by
   * whoever reads the events. Undefined when it has ended meanwhile without an answer, which may have freed its key: whoever
   * opens the next run with it learns that.
   */
  async replay(other: KeyedRun, request: RunRequest, signal: AbortSignal): Promise<Run | undefined> {
    const record = this.#check(other, request);
    const ended = this.#history.ended(record, signal);
    ended.catch(() => undefined);
    const known = await untilAborted(
      request.isFolded ? ended : Promise.race([ended, sleep(longestSilenceMs, undefined, { ref: false })]),
      signal,
    );
    if (known === "gone" || known?.status === "aborted") return undefined;
    if (record.status === "running" && known !== undefined && known.status !== "completed") return undefined;
    const { id, agentId, sessionKey, model, createdAt } = record;
    const events = eventsOf(this.#history, record, signal, ended);
    return { id, agentId, sessionKey, model, createdAt: Math.floor(createdAt / 1000), isReplay: true, events };
  }
}

async function* eventsOf(
  history: RunHistory,
  record: RunRecord,
  signal: AbortSignal,
  ended: Promise<RunRecord | "gone">,
): AsyncGenerator<RunEvent> {
  await untilAborted(ended, signal);
  for await (const { event } of history.follow(record, 0, signal)) yield event;
}
