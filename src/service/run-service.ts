/**
 * The one way in which every agent run begins, whichever face asked for it: identified, opened, admitted, executed.
 *
 * `start` rejects whatever is refused before work begins (`run-admission.ts`). Once it resolves, the run's events never
 * throw and end with exactly one `run_end` (`run-execution.ts`).
 * Deliberately absent: anything of a wire, and runs that are there already (`run-directory.ts`, `repeated-runs.ts`).
 */
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { GatewayError } from "../domain/errors.ts";
import type { Run, RunEvent, RunRequest } from "../domain/run.ts";
import type { RateLimits } from "../domain/rate-limits.ts";
import type { OpenedRun, RunRecord } from "../domain/run-record.ts";
import type { SessionStore } from "../domain/session.ts";
import type { AgentTools } from "../runtime/agent-tools.ts";
import { runTurns } from "../runtime/loop.ts";
import type { ReplyFormatChecker } from "../runtime/reply-format.ts";
import { fitToWindow, type OnLeftOut } from "./context-window.ts";
import type { InstructionService } from "./instructions.ts";
import { LiveRun } from "./live-run.ts";
import { withoutUnreadableImages } from "./model-input.ts";
import type { RepeatedRuns } from "./repeated-runs.ts";
import type { Admitted, Asked, RunAdmission } from "./run-admission.ts";
import { type Ended, RunExecution } from "./run-execution.ts";
import type { RunFeed } from "./run-feed.ts";
import { RunJournal } from "./run-journal.ts";
import { RunLog } from "./run-log.ts";
import type { RunLoad } from "./run-queue.ts";
import type { RunRegistry } from "./run-registry.ts";
import type { Conversation, SessionService } from "./session-service.ts";
import type { LimitedRun, TokenLimiter } from "./token-limits.ts";

/** How long a run's record is kept, and with it its events and its idempotency key. */
const recordLifeMs = 24 * 3_600_000;
const defaultModelName = "openclaw";
/** A guess at how long a restart takes. */
const retryAfterMs = 5_000;

export interface RunServiceParts {
  readonly admission: RunAdmission;
  readonly limits: TokenLimiter;
  readonly registry: RunRegistry;
  readonly repeated: RepeatedRuns;
  readonly feed: RunFeed;
  readonly sessions: SessionService;
  readonly store: Pick<SessionStore, "runs">;
  readonly instructions: InstructionService;
  readonly tools: AgentTools;
  readonly formats: ReplyFormatChecker;
  readonly log: Logger;
}

/** What of a run's beginning matters at its end. */
interface Begun {
  readonly isOpened: boolean;
  readonly unlink: () => void;
  readonly limited: LimitedRun | undefined;
}

/** A run that nobody waits for, or the one that was begun before with the same idempotency key. */
export interface BackgroundRun {
  readonly record: RunRecord;
  readonly isReplay: boolean;
  /** As `Run.rateLimits`. */
  readonly rateLimits?: RateLimits;
}

export class RunService {
  readonly #parts: RunServiceParts;
  readonly #journal: RunJournal;
  #isClosed = false;
  #underWay = 0;
  #whenSettled: (() => void)[] = [];

  constructor(parts: RunServiceParts) {
    this.#parts = parts;
    this.#journal = new RunJournal(parts.log);
  }

  /**
   * `signal` aborts the run at any point: the upstream connection closes and the session is free at once. Rejects with what
   * `RunAdmission` and `TokenLimiter` refuse, and with `idempotency_conflict`. The request of a run that was begun before gets that run.
   */
  start(request: RunRequest, signal: AbortSignal): Promise<Run> {
    return this.#underWayDuring(() => this.#start(request, signal));
  }

  async #start(request: RunRequest, signal: AbortSignal): Promise<Run> {
    const asked = this.#parts.admission.identify(request);
    for (;;) {
      this.#refuseWhenClosed();
      const live = this.#create(asked, false);
      const other = await this.#open(live, asked);
      if (!other) return this.#begin(asked, live, signal);
      const repeated = await this.#parts.repeated.replay(other, request, signal);
      if (repeated) return repeated;
    }
  }

  /** The same, but the run belongs to nobody's connection: it goes on until it ends or is cancelled. */
  startInBackground(request: RunRequest): Promise<BackgroundRun> {
    return this.#underWayDuring(() => this.#startInBackground(request));
  }

  async #startInBackground(request: RunRequest): Promise<BackgroundRun> {
    const asked = this.#parts.admission.identify(request);
    for (;;) {
      this.#refuseWhenClosed();
      const live = this.#create(asked, true);
      const other = await this.#open(live, asked);
      if (!other) {
        const run = await this.#begin(asked, live, new AbortController().signal);
        void readToEnd(run.events);
        return { record: live.record, isReplay: false, ...(run.rateLimits ? { rateLimits: run.rateLimits } : {}) };
      }
      const record = await this.#parts.repeated.find(other, request);
      if (record) return { record, isReplay: true };
    }
  }

  get load(): RunLoad {
    return this.#parts.admission.load;
  }

  /** Takes no more runs; those that have begun go on. */
  close(): void {
    this.#isClosed = true;
  }

  /** Stops all runs, and takes no more: their process is about to end. */
  stop(): void {
    this.close();
    this.#parts.registry.shutDown();
  }

  /** Resolves when no run is under way: every session is written and every provider connection given back. */
  async settled(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#whenSettled.push(resolve));
  }

  /** From its first word on: what a run needs must not be closed while it is looked up whether there was one before. */
  async #underWayDuring<T>(start: () => Promise<T>): Promise<T> {
    this.#underWay++;
    try {
      return await start();
    } finally {
      this.#settle();
    }
  }

  #refuseWhenClosed(): void {
    if (!this.#isClosed) return;
    throw new GatewayError("draining", "The gateway is about to stop and takes no more runs. Try again in a moment.", { retryAfterMs });
  }

  #create({ request, agent, models, session }: Asked, isBackground: boolean): LiveRun {
    const createdAt = Date.now();
    const opened: OpenedRun = {
      id: randomUUID().replaceAll("-", ""),
      agentId: agent.id,
      sessionKey: session.key,
      owner: request.principal.name,
      modelName: request.modelName ?? defaultModelName,
      model: models[0].ref,
      isBackground,
      createdAt,
      expiresAt: createdAt + recordLifeMs,
      ...(request.idempotency ? { idempotency: request.idempotency } : {}),
    };
    const isLogged = isBackground || request.idempotency !== undefined;
    return new LiveRun(opened, isLogged ? new RunLog(opened.id, this.#parts.store.runs, isBackground) : undefined);
  }

  /** A run that is to be found whatever becomes of it is in the store before it is admitted. */
  #open({ opened }: LiveRun, asked: Asked) {
    return isOpenedFirst(opened, asked) ? this.#parts.store.runs.open(opened) : undefined;
  }

  async #begin(asked: Asked, live: LiveRun, caller: AbortSignal): Promise<Run> {
    const isOpened = isOpenedFirst(live.opened, asked);
    this.#underWay++;
    const onCallerAbort = (): void => live.abort("caller");
    caller.addEventListener("abort", onCallerAbort, { once: true });
    if (caller.aborted) onCallerAbort();
    const unlink = (): void => caller.removeEventListener("abort", onCallerAbort);
    let limited: LimitedRun | undefined;
    try {
      limited = await this.#parts.limits.begin(live.opened.id, asked.request, this.#parts.admission.priceOf);
      const admitted = await this.#parts.admission.admit(asked, live.signal);
      this.#parts.registry.add(live);
      const { id, agentId, sessionKey, model, createdAt } = live.opened;
      const events = this.#execute(admitted, live, { isOpened, unlink, limited });
      const rateLimits = limited ? { rateLimits: limited.rateLimits } : {};
      return { id, agentId, sessionKey, model, createdAt: Math.floor(createdAt / 1000), isReplay: false, ...rateLimits, events };
    } catch (refused) {
      unlink();
      await limited?.refused();
      if (isOpened) await this.#discard(live.opened.id);
      this.#settle();
      throw refused;
    }
  }

  #execute(admitted: Admitted, live: LiveRun, { isOpened, unlink, limited }: Begun): AsyncGenerator<RunEvent> {
    const { sessions, store, feed, registry } = this.#parts;
    const { id } = live.opened;
    const parts = {
      sessions,
      store,
      feed,
      limited,
      turns: (run: Admitted, conversation: Conversation, signal: AbortSignal) =>
        this.#turns(run, conversation, (model, messages) => this.#journal.leftOut(id, model, messages), signal),
      onStart: () => this.#journal.began(live),
      onUnkept: (thrown: unknown) => this.#journal.unkept(id, thrown),
    };
    const startedAt = performance.now();
    const onEnd = (ended: Ended): void => {
      unlink();
      registry.end(live, ended.outcome, ended.isKept);
      this.#journal.ended(live, ended, performance.now() - startedAt);
      this.#settle();
    };
    return new RunExecution(parts, admitted, live, isOpened).events(onEnd, (event) => this.#journal.fellBack(id, event));
  }

  async #turns(
    { agent, models, request }: Admitted,
    conversation: Conversation,
    onLeftOut: OnLeftOut,
    signal: AbortSignal,
  ): Promise<AsyncIterable<RunEvent>> {
    const instructions = await this.#parts.instructions.read(agent);
    const input = withoutUnreadableImages(models, [...instructions, ...conversation.messages]);
    const { models: fitted, messages } = fitToWindow(input, conversation.historyLength, onLeftOut);
    return runTurns({
      models: fitted,
      messages,
      tools: this.#parts.tools,
      callerTools: request.tools,
      toolChoice: request.toolChoice,
      isFolded: request.isFolded,
      settings: request.settings,
      formats: this.#parts.formats,
      maxTurns: agent.maxTurns,
      toolContext: { agent, memory: conversation.memory, signal, now: () => new Date() },
    });
  }

  async #discard(runId: string): Promise<void> {
    try {
      await this.#parts.store.runs.discard(runId);
    } catch (thrown) {
      this.#parts.store.runs.abandon(runId);
      this.#journal.undiscarded(runId, thrown);
    }
  }

  #settle(): void {
    if (--this.#underWay === 0) for (const settle of this.#whenSettled.splice(0)) settle();
  }
}

/** A session's run is opened with its first messages, unless somebody may ask for it before. */
function isOpenedFirst({ idempotency, isBackground }: OpenedRun, { request, session }: Asked): boolean {
  return isBackground || idempotency !== undefined || (request.keep !== undefined && !session.isStored);
}

async function readToEnd(events: AsyncIterable<RunEvent>): Promise<void> {
  for await (const event of events) void event;
}
