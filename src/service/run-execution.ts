/**
 * One run at work, from its place in the queue to its end: agent → session → lane → loop → transcript.
 *
 * Its events never throw and end with exactly one `run_end`; by then everything of it is written and its lane is free.
 * Deliberately absent: anything of a wire, how text, tools and turns come about (`runtime/loop.ts`), and how a run is
 * admitted and found again (`run-service.ts`).
 */
import type { GatewayError } from "../domain/errors.ts";
import type { KeptCompletion } from "../domain/kept-completion.ts";
import type { Message } from "../domain/message.ts";
import { type CompletedRun, type RunEnd, type RunEvent, RunFold, type RunResult } from "../domain/run.ts";
import type { RunEnding, RunOutcome } from "../domain/run-record.ts";
import type { SessionStore, TranscriptWriter } from "../domain/session.ts";
import type { LiveRun } from "./live-run.ts";
import type { Admitted } from "./run-admission.ts";
import type { RunFeed } from "./run-feed.ts";
import { RunProgress, timedOut } from "./run-progress.ts";
import type { Conversation, SessionService } from "./session-service.ts";
import type { LimitedRun } from "./token-limits.ts";

/** How long a completion is kept that is to be kept. */
const completionLifeMs = 30 * 24 * 3_600_000;

export interface ExecutionParts {
  readonly sessions: SessionService;
  readonly store: Pick<SessionStore, "runs">;
  /** The events of the turns, from `turn_start` on. */
  readonly turns: (admitted: Admitted, conversation: Conversation, signal: AbortSignal) => Promise<AsyncIterable<RunEvent>>;
  readonly feed: RunFeed;
  /** Of a token with limits. */
  readonly limited: LimitedRun | undefined;
  /** It has waited for all that it has to wait for. */
  readonly onStart: () => void;
  /** Something could not be kept that nobody was promised. */
  readonly onUnkept: (thrown: unknown) => void;
}

/** How a run ended, for whoever keeps account of runs. */
export interface Ended {
  readonly end: RunEnd;
  readonly outcome: RunOutcome;
  readonly progress: RunProgress;
  /** It can be found in the store. */
  readonly isKept: boolean;
}

type Fallback = Extract<RunEvent, { type: "model_fallback" }>;

export class RunExecution {
  readonly #parts: ExecutionParts;
  readonly #admitted: Admitted;
  readonly #live: LiveRun;
  readonly #progress: RunProgress;
  readonly #fold: RunFold | undefined;
  /** Of a run that has no session, or was opened before it had one. */
  #isOpened: boolean;
  #isUnkept = false;
  #transcript: TranscriptWriter | undefined;
  /** The newest turn, which is written with the next one's beginning or with the run's end. */
  #lastTurn: readonly Message[] = [];
  #result: RunResult | undefined;
  #lastSeq = 0;

  /** `isOpened`: the run's record is in the store. */
  constructor(parts: ExecutionParts, admitted: Admitted, live: LiveRun, isOpened: boolean) {
    this.#parts = parts;
    this.#admitted = admitted;
    this.#live = live;
    this.#isOpened = isOpened;
    this.#progress = new RunProgress(live.opened.model);
    this.#fold = admitted.request.keep && new RunFold();
  }

  async *events(onEnd: (ended: Ended) => void, onFallback: (event: Fallback) => void): AsyncGenerator<RunEvent> {
    const { agent, place } = this.#admitted;
    const live = this.#live;
    let timer: NodeJS.Timeout | undefined;
    let end: RunEnd | undefined;
    try {
      if (!place.isItsTurn) {
        for await (const event of place.untilItsTurn((lost) => live.fail(lost))) {
          await this.#tell(event);
          yield event;
        }
      }
      timer = setTimeout(() => live.fail(timedOut(agent)), agent.runTimeoutMs).unref();
      this.#parts.onStart();
      const started: RunEvent = { type: "run_start" };
      await this.#tell(started);
      yield started;
      const conversation = await this.#begin();
      for await (const event of await this.#parts.turns(this.#admitted, conversation, live.signal)) {
        if (event.type === "turn_start") await this.#keepLastTurn();
        this.#take(event);
        if (event.type === "model_fallback") onFallback(event);
        // Most runs have no log, and nothing to wait for with each of their many events.
        const told = this.#tell(event);
        if (told) await told;
        yield event;
      }
      end = this.#progress.completed();
    } catch (thrown) {
      end = live.abortedBy === undefined ? this.#progress.failed(thrown) : undefined;
    } finally {
      // Also reached when whoever reads the events stops early: then, as after an abort, there is no end yet.
      if (end === undefined) live.abort("caller");
      end ??= this.#progress.aborted(live.abortedBy ?? "caller");
      clearTimeout(timer);
      end = await this.#keep(end);
      await place.leave();
      await this.#parts.limited?.ended(end);
      live.log?.end(end);
      this.#parts.feed.tell(live.opened, { seq: ++this.#lastSeq, event: end });
      onEnd({
        end,
        outcome: outcomeOf(end),
        progress: this.#progress,
        isKept: !this.#isUnkept && (this.#isOpened || this.#transcript !== undefined),
      });
    }
    yield end;
  }

  async #begin(): Promise<Conversation> {
    const { session, request, messages, place } = this.#admitted;
    const { opened } = this.#live;
    const conversation = await this.#parts.sessions.open(session, { opened, principal: request.principal, fence: place.fence }, messages);
    this.#transcript = await conversation.begin();
    return conversation;
  }

  /** To followers and listeners, before the run's own reader has it. */
  #tell(event: RunEvent): Promise<void> | undefined {
    this.#parts.feed.tell(this.#live.opened, { seq: ++this.#lastSeq, event });
    return this.#live.log?.append(event);
  }

  #take(event: RunEvent): void {
    this.#progress.take(event);
    this.#parts.limited?.take(event);
    this.#fold?.take(event);
    if (event.type === "turn_end") this.#lastTurn = event.messages;
  }

  async #keepLastTurn(): Promise<void> {
    if (this.#lastTurn.length === 0) return;
    const turn = this.#lastTurn;
    this.#lastTurn = [];
    await this.#transcript?.addTurn(turn);
  }

  /** A completed run that cannot be written is a failed one: nothing is acknowledged that is not kept. */
  async #keep(end: RunEnd): Promise<RunEnd> {
    try {
      await this.#write(end);
      return end;
    } catch (thrown) {
      if (end.status === "completed") return this.#keep(this.#progress.failed(thrown));
      this.#isUnkept = true;
      this.#parts.store.runs.abandon(this.#live.opened.id);
      this.#parts.onUnkept(thrown);
      return end;
    }
  }

  async #write(end: RunEnd): Promise<void> {
    if (this.#transcript) {
      // What tools did is kept however the run went on; an answer that nobody got is not.
      const isWorthKeeping = end.status === "completed" || this.#lastTurn.some(({ role }) => role === "tool");
      return this.#transcript.end(isWorthKeeping ? this.#lastTurn : [], await this.#endingOf(end));
    }
    if (!this.#isOpened) return;
    if (this.#isRefusal(end)) {
      this.#isOpened = false;
      return this.#parts.store.runs.discard(this.#live.opened.id);
    }
    await this.#parts.store.runs.end(await this.#endingOf(end));
  }

  /** A keyed run that has not begun is as if it had never been asked for, so that it may be asked for again. */
  #isRefusal(end: RunEnd): boolean {
    const { idempotency, isBackground } = this.#live.opened;
    return idempotency !== undefined && !isBackground && end.status !== "completed" && !this.#progress.hasBegun;
  }

  async #endingOf(end: RunEnd): Promise<RunEnding> {
    const completion = end.status === "completed" ? this.#completionOf(end) : undefined;
    const { id, idempotency } = this.#live.opened;
    // Whatever the caller meant to be done once was begun, and its process stops: asked again, it would be done again.
    const isHalfDone = end.status === "aborted" && end.by === "shutdown" && end.hasEffects;
    const isUnbegun = end.status === "failed" && !this.#progress.hasBegun;
    return {
      runId: id,
      outcome: outcomeOf(end),
      events: (await this.#live.log?.closing(end)) ?? [],
      freesKey: idempotency !== undefined && ((end.status === "aborted" && !isHalfDone) || isUnbegun),
      ...(completion ? { completion } : {}),
    };
  }

  #completionOf(end: CompletedRun): KeptCompletion | undefined {
    const { messages, request } = this.#admitted;
    if (!this.#fold || !request.keep) return undefined;
    this.#result ??= this.#fold.take(end);
    const { id: runId, agentId, owner, modelName, createdAt } = this.#live.opened;
    return {
      runId,
      agentId,
      owner,
      modelName,
      createdAt,
      expiresAt: createdAt + completionLifeMs,
      metadata: request.keep.metadata,
      result: { ...this.#result!, end },
      input: messages,
    };
  }
}

function outcomeOf(end: RunEnd): RunOutcome {
  const { model, turns, usage, cost } = end;
  const spent = { model, turns, ...(usage ? { usage } : {}), ...(cost === undefined ? {} : { cost }), endedAt: Date.now() };
  switch (end.status) {
    case "completed":
      return { ...spent, status: "completed", finishReason: end.finishReason };
    case "failed":
      return { ...spent, status: "failed", error: failureOf(end.error, end.hasEffects) };
    case "aborted":
      return { ...spent, status: end.by === "shutdown" ? "interrupted" : "aborted" };
  }
}

function failureOf({ code, message, param }: GatewayError, hasEffects: boolean) {
  return { code, message, ...(param === undefined ? {} : { param }), hasEffects };
}
