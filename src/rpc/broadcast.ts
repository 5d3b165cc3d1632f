/**
 * What the runs of this process do, whichever face began them, told to every connection that may know of them.
 *
 * Nobody who listens costs nothing: without connections no run is listened to, and of a run that nobody hears of nothing is
 * written. Text is gathered for a moment, so that a fast model does not make a frame of every word. Deliberately absent: what
 * was told before a connection came.
 */
import type { NumberedEvent, RunIdentity } from "../domain/run-record.ts";
import type { RunFeed } from "../service/run-feed.ts";
import type { EncodedEvent } from "./frames.ts";
import { RunEvents } from "./run-events.ts";

export interface Audience {
  /** Whether anybody does at the moment. */
  hearsOf(run: RunIdentity): boolean;
  /** Writes the events to each connection that is to hear of the run. */
  tell(run: RunIdentity, events: readonly EncodedEvent[]): void;
}

interface Told {
  readonly run: RunIdentity;
  readonly events: RunEvents;
  /** What happened while nobody heard of it: most runs are over before somebody does, and their events need not be put together. */
  readonly unheard: Happened[];
  toldAt: number;
  timer: NodeJS.Timeout | undefined;
  immediate: NodeJS.Immediate | undefined;
}

interface Happened {
  readonly numbered: NumberedEvent;
  readonly at: number;
}

/** Of a longer run less is to be held. */
const maxUnheard = 64;

export class Broadcast {
  readonly #feed: RunFeed;
  readonly #audience: Audience;
  readonly #gatherMs: number;
  readonly #runs = new Map<string, Told>();
  #stop: (() => void) | undefined;

  constructor(feed: RunFeed, audience: Audience, gatherMs: number) {
    this.#feed = feed;
    this.#audience = audience;
    this.#gatherMs = gatherMs;
  }

  start(): void {
    this.#stop ??= this.#feed.listen((run, event) => this.#take(run, event));
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
    for (const told of this.#runs.values()) cancelFlush(told);
    this.#runs.clear();
  }

  #take(run: RunIdentity, numbered: NumberedEvent): void {
    const told = this.#runs.get(run.id) ?? this.#begin(run, numbered.seq);
    const [isOver, isHeard] = [numbered.event.type === "run_end", this.#audience.hearsOf(run)];
    if (isOver) this.#runs.delete(run.id);
    if (isOver && !isHeard) return cancelFlush(told);
    told.unheard.push({ numbered, at: Date.now() });
    // What nobody hears waits for whoever names the run while it is at work.
    if (!isHeard && told.unheard.length < maxUnheard) return;
    for (const happened of told.unheard.splice(0)) told.events.take(happened.numbered, happened.at);
    // At once: whoever waits for the run hears the rest of it before its result.
    if (isOver) this.#flush(told);
    else if (isHeard && told.events.hasUntold) this.#flushSoon(told);
  }

  #begin(run: RunIdentity, first: number): Told {
    const told = { run, events: new RunEvents(run, first), unheard: [], toldAt: 0, timer: undefined, immediate: undefined };
    this.#runs.set(run.id, told);
    return told;
  }

  #flushSoon(told: Told): void {
    const waitMs = told.events.isSpeechOnly ? told.toldAt + this.#gatherMs - performance.now() : 0;
    // After what the one that asked for the run is answered.
    if (waitMs <= 0) told.immediate ??= setImmediate(() => this.#flush(told));
    else told.timer ??= setTimeout(() => this.#flush(told), waitMs).unref();
  }

  #flush(told: Told): void {
    cancelFlush(told);
    told.toldAt = performance.now();
    const events = told.events.flush().map(({ event, payload }) => ({ event, payload: JSON.stringify(payload) }));
    this.#audience.tell(told.run, events);
  }
}

function cancelFlush(told: Told): void {
  clearTimeout(told.timer);
  clearImmediate(told.immediate);
  told.timer = undefined;
  told.immediate = undefined;
}
