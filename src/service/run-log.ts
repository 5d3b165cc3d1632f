/**
 * The events of one run that is at work, numbered: written to the store in batches, and told to any number of followers.
 *
 * Only what was written last is held in memory, so a run may say as much as it likes; a follower who lags behind reads from
 * the store. Deliberately absent: the run's end in the store, which is written with all else that ends with it.
 */
import { GatewayError, toGatewayError } from "../domain/errors.ts";
import type { RunEnd, RunEvent } from "../domain/run.ts";
import type { NumberedEvent, RunStore } from "../domain/run-record.ts";
import { untilAborted } from "../runtime/until-aborted.ts";

export type EventStore = Pick<RunStore, "appendEvents" | "readEvents">;

const batchBytes = 64 * 1024;
/** What a process that dies may take with it of a run that is followed. */
const longestDelayMs = 250;
/** Followers who are no further behind need no query. */
const heldAfterWriting = 512;
/** What is around an event's text. */
const eventOverheadBytes = 64;

export class RunLog {
  readonly #runId: string;
  readonly #store: EventStore;
  readonly #isFollowed: boolean;
  /** Without gaps, up to the last one. */
  readonly #held: NumberedEvent[] = [];
  #lastSeq = 0;
  #writtenSeq = 0;
  #unwrittenBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Settles, and never rejects, when everything that was to be written so far is. */
  #written: Promise<void> = Promise.resolve();
  #failure: GatewayError | undefined;
  #isClosing = false;
  #isEnded = false;
  #waiting: (() => void)[] = [];

  /** `isFollowed`: it is written soon, also while the run says little. */
  constructor(runId: string, store: EventStore, isFollowed: boolean) {
    this.#runId = runId;
    this.#store = store;
    this.#isFollowed = isFollowed;
  }

  /** Resolves when it may go on. A tool's beginning is in the store by then. Rejects when the store fails, also in hindsight. */
  async append(event: RunEvent): Promise<void> {
    if (this.#failure) throw this.#failure;
    this.#hold(event);
    this.#unwrittenBytes += sizeOf(event);
    if (event.type === "tool_start" || this.#unwrittenBytes >= batchBytes) await this.#write();
    else if (this.#isFollowed) this.#timer ??= setTimeout(() => void this.#write().catch(() => undefined), longestDelayMs).unref();
  }

  /** What is to be written with the run's end. Nothing else is written from now on. */
  async closing(end: RunEnd): Promise<readonly NumberedEvent[]> {
    clearTimeout(this.#timer);
    this.#isClosing = true;
    await this.#written;
    return [...this.#unwritten(), { seq: this.#lastSeq + 1, event: end }];
  }

  end(end: RunEnd): void {
    clearTimeout(this.#timer);
    this.#isEnded = true;
    this.#hold(end);
  }

  /** Those after number `after`, as they come, to the run's end. Throws the signal's reason while it waits. */
  async *follow(after: number, signal: AbortSignal): AsyncGenerator<NumberedEvent> {
    for (let at = after; ;) {
      const next = this.#held[at + 1 - this.#firstHeld];
      if (next) {
        yield next;
        at = next.seq;
      } else if (at + 1 < this.#firstHeld) {
        const page = await this.#store.readEvents(this.#runId, at);
        // Of a run that has ended meanwhile, to a follower who was slow.
        if (page.length === 0) throw eventsGone();
        yield* page;
        at = page.at(-1)!.seq;
      } else if (this.#isEnded) {
        return;
      } else {
        await untilAborted(new Promise<void>((resolve) => this.#waiting.push(resolve)), signal);
      }
    }
  }

  get #firstHeld(): number {
    return this.#lastSeq - this.#held.length + 1;
  }

  #hold(event: RunEvent): void {
    this.#held.push({ seq: ++this.#lastSeq, event });
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #unwritten(): readonly NumberedEvent[] {
    return this.#held.slice(Math.max(0, this.#writtenSeq + 1 - this.#firstHeld));
  }

  /** One batch at a time, in order. */
  #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const written = this.#written.then(() => this.#writeBatch());
    this.#written = written.catch(() => undefined);
    return written;
  }

  async #writeBatch(): Promise<void> {
    if (this.#failure) throw this.#failure;
    const batch = this.#unwritten();
    if (batch.length === 0 || this.#isClosing) return;
    this.#unwrittenBytes = 0;
    try {
      await this.#store.appendEvents(this.#runId, batch);
    } catch (thrown) {
      this.#failure = toGatewayError(thrown);
      throw this.#failure;
    }
    this.#writtenSeq = batch.at(-1)!.seq;
    const known = this.#writtenSeq + 1 - this.#firstHeld - heldAfterWriting;
    if (known > 0) this.#held.splice(0, known);
  }
}

export function eventsGone(): GatewayError {
  return new GatewayError("invalid_value", "This run's events are not kept any more: the gateway needed their place.", { param: "id" });
}

/** Bytes, about. */
function sizeOf(event: RunEvent): number {
  switch (event.type) {
    case "text_delta":
    case "reasoning_delta":
    case "refusal_delta":
      return event.text.length + eventOverheadBytes;
    case "tool_call_delta":
      return event.arguments.length + eventOverheadBytes;
    case "tool_call_end":
      return event.call.arguments.length + eventOverheadBytes;
    default:
      return eventOverheadBytes;
  }
}
