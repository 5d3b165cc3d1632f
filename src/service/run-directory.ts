/**
 * The runs there are, for whoever asks how one stands, follows it or ends it, by whichever face and from wherever. Everybody
 * sees their own; the main principal sees all. What is somebody else's is answered like what is not there.
 *
 * Deliberately absent: how runs begin (`run-service.ts`).
 */
import { GatewayError } from "../domain/errors.ts";
import { mayKnow, type Principal, whose } from "../domain/principal.ts";
import { RunFold, type RunResult } from "../domain/run.ts";
import type { NumberedEvent, RunRecord } from "../domain/run-record.ts";
import type { RunHistory } from "./run-history.ts";

const maxShownId = 64;

/** A run is named by its id, or by that of its completion (`chatcmpl-<run id>`). Every method rejects with `not_found` (`param: "id"`). */
export class RunDirectory {
  readonly #history: RunHistory;

  constructor(history: RunHistory) {
    this.#history = history;
  }

  async find(principal: Principal, id: string): Promise<RunRecord> {
    const record = await this.#history.find(id.replace(/^chatcmpl-/, ""));
    if (record && mayKnow(principal, record.owner)) return record;
    throw new GatewayError("not_found", `There is no run '${id.slice(0, maxShownId)}'${whose(principal)}, or its time is over.`, {
      param: "id",
    });
  }

  /** Of a completed run in the background, as long as its events are kept; else undefined. */
  async resultOf(record: RunRecord): Promise<RunResult | undefined> {
    if (record.status !== "completed" || !record.isBackground) return undefined;
    const fold = new RunFold();
    for await (const { event } of this.#history.readKept(record.id, 0)) {
      const result = fold.take(event);
      if (result) return result.end.status === "completed" ? result : undefined;
    }
    return undefined;
  }

  /** Those of a session that are under way in this process. Never rejects: a session that is somebody else's has none. */
  listLive(principal: Principal, sessionKey: string): readonly RunRecord[] {
    return this.#history.listLive(sessionKey).filter(({ owner }) => mayKnow(principal, owner));
  }

  /** Resolves when the run has ended. Rejects with the signal's reason. */
  async waitFor(principal: Principal, id: string, signal: AbortSignal): Promise<RunRecord> {
    return this.#history.over(await this.find(principal, id), signal);
  }

  /** Resolves when the run has ended: with `aborted`, or as it had ended before. Rejects with the signal's reason. */
  async cancel(principal: Principal, id: string, signal: AbortSignal): Promise<RunRecord> {
    return this.#history.cancel(await this.find(principal, id), signal);
  }

  /**
   * The run's events after number `after`, as they come, to its `run_end`; that of an interrupted run is made up. Throws the
   * signal's reason while it waits. Rejects with `invalid_value` (`param: "id"`) for a run that is not in the background.
   */
  async follow(principal: Principal, id: string, after: number, signal: AbortSignal): Promise<AsyncIterable<NumberedEvent>> {
    const record = await this.find(principal, id);
    if (record.isBackground) return this.#history.follow(record, after, signal);
    throw new GatewayError(
      "invalid_value",
      "This run's events were not kept. Send x-openclaw-background: true with a request to follow its run.",
      {
        param: "id",
      },
    );
  }
}
