/**
 * Runs that have begun, at work or ended, wherever they are: in this process, in another one that shares the store, or in
 * the store alone.
 *
 * Deliberately absent: who may know of which (`run-directory.ts`).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { GatewayError } from "../domain/errors.ts";
import type { RunEnd } from "../domain/run.ts";
import { errorOfFailure, type NumberedEvent, type RunRecord, type RunStore } from "../domain/run-record.ts";
import { untilAborted } from "../runtime/until-aborted.ts";
import { eventsGone } from "./run-log.ts";
import type { RunRegistry } from "./run-registry.ts";

/** How often a run of another process is looked at. */
const pauseMs = 200;

export type HistoryStore = Pick<RunStore, "find" | "readEvents" | "requestCancel" | "watch">;

export class RunHistory {
  readonly #registry: RunRegistry;
  readonly #store: HistoryStore;

  constructor(registry: RunRegistry, store: HistoryStore) {
    this.#registry = registry;
    this.#store = store;
  }

  async find(id: string): Promise<RunRecord | undefined> {
    return this.#registry.find(id) ?? (await this.#store.find(id));
  }

  /** Those of a session that are under way in this process. */
  listLive(sessionKey: string): readonly RunRecord[] {
    return this.#registry.listLive(sessionKey);
  }

  /**
   * A run in the background as it stands, once it is known not to be refused; undefined when it was. Until then it has a record, but
   * is neither at work here, nor has it any event, the first of which is written soon after.
   */
  async admitted({ id }: RunRecord): Promise<RunRecord | undefined> {
    for (;;) {
      const record = await this.find(id);
      if (record?.status !== "running" || this.#registry.findLive(id)) return record;
      const [first] = await this.#store.readEvents(id, 0);
      if (first) return record;
      await sleep(pauseMs);
    }
  }

  /** Resolves when the run is over; `gone`: nothing was kept of it. Rejects with the signal's reason. */
  async ended({ id }: RunRecord, signal: AbortSignal): Promise<RunRecord | "gone"> {
    const live = this.#registry.findLive(id);
    if (live) await untilAborted(live.ended, signal);
    const changes = await this.#store.watch(id);
    try {
      for (;;) {
        const record = await this.#store.find(id);
        if (record?.status !== "running") return record ?? "gone";
        await changes.next(pauseMs, signal);
        signal.throwIfAborted();
      }
    } finally {
      changes.stop();
    }
  }

  /** Its record when it is over. One that is over already stays as it is. Rejects with the signal's reason. */
  async cancel(record: RunRecord, signal: AbortSignal): Promise<RunRecord> {
    if (record.status !== "running") return record;
    const live = this.#registry.findLive(record.id);
    if (live) {
      live.abort("cancel");
      return untilAborted(live.ended, signal);
    }
    await this.#store.requestCancel(record.id);
    return this.over(record, signal);
  }

  /** Its record when it is over, also when nothing was kept of it. Rejects with the signal's reason. */
  async over(record: RunRecord, signal: AbortSignal): Promise<RunRecord> {
    if (record.status !== "running") return record;
    const ended = await this.ended(record, signal);
    // One that is kept nowhere else is remembered by its process.
    return ended === "gone" ? (this.#registry.find(record.id) ?? { ...record, status: "aborted" }) : ended;
  }

  /** Those after number `after`, as they come, to the run's end; made up where nothing wrote one. Throws the signal's reason while it waits. */
  async *follow(record: RunRecord, after: number, signal: AbortSignal): AsyncGenerator<NumberedEvent> {
    const log = this.#registry.findLive(record.id)?.log;
    if (log) {
      yield* log.follow(after, signal);
      return;
    }
    const changes = await this.#store.watch(record.id);
    try {
      yield* this.#followKept(record, after, () => changes.next(pauseMs, signal).then(() => signal.throwIfAborted()));
    } finally {
      changes.stop();
    }
  }

  /** `pause` resolves when there may be more. */
  async *#followKept(record: RunRecord, after: number, pause: () => Promise<void>): AsyncGenerator<NumberedEvent> {
    for (let at = after; ;) {
      // Before its events: when it was over then, none is missing among them.
      const now = await this.#store.find(record.id);
      for await (const { seq, event } of this.readKept(record.id, at)) {
        const isEnd = event.type === "run_end";
        yield { seq, event: isEnd ? seenLater(event) : event };
        if (isEnd) return;
        at = seq;
      }
      if (now?.status !== "running") {
        const last = now ?? record;
        if (at > after || (await this.#goesOnAfter(last, after))) yield { seq: at + 1, event: endOf(last) };
        return;
      }
      await pause();
    }
  }

  /** Those after number `after` that are in the store by now. */
  async *readKept(id: string, after: number): AsyncGenerator<NumberedEvent> {
    for (let at = after; ;) {
      const page = await this.#store.readEvents(id, at);
      if (page.length === 0) return;
      yield* page;
      at = page.at(-1)!.seq;
    }
  }

  /**
   * Whether there is more than event number `after`. A follower may have one that its process could not write any more; an end
   * that was made up has the number after the last event.
   */
  async #goesOnAfter({ id, status }: RunRecord, after: number): Promise<boolean> {
    if (after === 0) return true;
    const [known] = await this.#store.readEvents(id, after - 1);
    // Of a completed run there is no more, unless there is nothing any more.
    if (known === undefined) return status !== "completed" || (await this.#store.readEvents(id, 0)).length === 0;
    return known.seq === after && known.event.type !== "run_end";
  }
}

function endOf({ status, outcome, model }: RunRecord): RunEnd {
  if (status === "completed") throw eventsGone();
  const { turns = 0, error } = outcome ?? {};
  const spent = { type: "run_end", model: outcome?.model ?? model, turns } as const;
  if (status === "aborted") return { ...spent, status, by: "cancel", hasEffects: true };
  if (!error) return { ...spent, status: "failed", error: runInterrupted(), hasEffects: true };
  return { ...spent, status: "failed", error: errorOfFailure(error), hasEffects: error.hasEffects };
}

/** That a process was about to end is no news any more. */
function seenLater(end: RunEnd): RunEnd {
  if (end.status !== "aborted" || end.by !== "shutdown") return end;
  const { by: _by, ...rest } = end;
  return { ...rest, status: "failed", error: runInterrupted(), hasEffects: true };
}

/** What whoever asks later on hears of a run whose process has stopped. */
export function runInterrupted(): GatewayError {
  return new GatewayError("run_interrupted", "The gateway stopped while the run was at work. What its tools had done by then is done.");
}
