/**
 * The one code path of every agent run, whichever face asked for it: agent → session → lane → loop → transcript.
 *
 * `start` rejects whatever is refused before work begins (`run-admission.ts`). Once it resolves, the run's events never
 * throw and end with exactly one `run_end`; by then the session is written and its lane is free.
 * Deliberately absent: anything of a wire, and how text, tools and turns come about (`runtime/loop.ts`).
 */
import type { Logger } from "pino";
import type { Agent } from "../domain/agent.ts";
import { GatewayError, toGatewayError } from "../domain/errors.ts";
import type { Message } from "../domain/message.ts";
import { addUsage, type FinishReason, type Usage } from "../domain/model.ts";
import type { Run, RunEnd, RunEvent, RunRequest } from "../domain/run.ts";
import type { AgentTools } from "../runtime/agent-tools.ts";
import { runTurns } from "../runtime/loop.ts";
import type { ReplyFormatChecker } from "../runtime/reply-format.ts";
import type { InstructionService } from "./instructions.ts";
import { withoutUnreadableImages } from "./model-input.ts";
import type { Admitted, RunAdmission } from "./run-admission.ts";
import type { RunLoad } from "./run-queue.ts";
import type { Conversation, SessionService } from "./session-service.ts";

/** Why an aborted run's model call ends. One object for all of them: making an error with its stack for each is dear. */
const aborted = new Error("The run was aborted.");

/** Significant ones: hides the noise of adding binary fractions. */
const costDigits = 12;

export interface RunServiceParts {
  readonly admission: RunAdmission;
  readonly sessions: SessionService;
  readonly instructions: InstructionService;
  readonly tools: AgentTools;
  readonly formats: ReplyFormatChecker;
  readonly log: Logger;
}

/** What the turns of a run have come to so far. */
interface Progress {
  model: string;
  readonly messages: Message[];
  usage: Usage | undefined;
  cost: number | undefined;
  finishReason: FinishReason;
  turns: number;
  toolResults: number;
  fallbacks: number;
}

export class RunService {
  readonly #parts: RunServiceParts;
  /** How often which model gave way to which, and why, since the program was opened. */
  readonly #fallbacks = new Map<string, number>();
  #underWay = 0;
  #whenSettled: (() => void)[] = [];

  constructor(parts: RunServiceParts) {
    this.#parts = parts;
  }

  /**
   * `signal` aborts the run at any point: the upstream connection closes and the session is free at once.
   * Rejects with what `RunAdmission.admit` refuses.
   */
  async start(request: RunRequest, signal: AbortSignal): Promise<Run> {
    const admitted = await this.#parts.admission.admit(request, signal);
    return { ...admitted.run, events: this.#events(admitted, signal) };
  }

  get load(): RunLoad {
    return this.#parts.admission.load;
  }

  /** Resolves when no run is under way: every session is written and every provider connection given back. */
  async settled(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#whenSettled.push(resolve));
  }

  async *#events(admitted: Admitted, signal: AbortSignal): AsyncGenerator<RunEvent> {
    const { run, agent, place } = admitted;
    const progress: Progress = {
      model: run.model,
      messages: [],
      usage: undefined,
      cost: undefined,
      finishReason: "stop",
      turns: 0,
      toolResults: 0,
      fallbacks: 0,
    };
    const stop = new AbortController();
    const onCallerAbort = (): void => stop.abort(aborted);
    const startedAt = performance.now();
    let timer: NodeJS.Timeout | undefined;
    let conversation: Conversation | undefined;
    let end: RunEnd | undefined;
    this.#underWay++;
    signal.addEventListener("abort", onCallerAbort, { once: true });
    if (signal.aborted) onCallerAbort();
    try {
      yield* place.untilItsTurn((lost) => stop.abort(lost));
      timer = setTimeout(() => stop.abort(timedOut(agent)), agent.runTimeoutMs).unref();
      yield { type: "run_start" };
      conversation = await this.#parts.sessions.open(
        admitted.session,
        { ...run, principal: admitted.request.principal, fence: place.fence },
        admitted.messages,
      );
      for await (const event of await this.#turns(admitted, conversation, stop.signal)) {
        take(progress, event);
        if (event.type === "model_fallback") this.#logFallback(run.id, event);
        yield event;
      }
      end = { type: "run_end", status: "completed", finishReason: progress.finishReason, ...spentIn(progress) };
    } catch (thrown) {
      end = signal.aborted ? undefined : failed(progress, thrown);
    } finally {
      // Also reached when whoever reads the events stops early: then, as after an abort, there is no end yet.
      end ??= { type: "run_end", status: "aborted", ...spentIn(progress) };
      if (end.status === "aborted") stop.abort(aborted);
      signal.removeEventListener("abort", onCallerAbort);
      clearTimeout(timer);
      end = await this.#keep(conversation, progress, end);
      await place.leave();
      this.#logEnd(admitted, progress, end, performance.now() - startedAt);
      if (--this.#underWay === 0) for (const settle of this.#whenSettled.splice(0)) settle();
    }
    yield end;
  }

  async #turns({ agent, models, request }: Admitted, conversation: Conversation, signal: AbortSignal): Promise<AsyncIterable<RunEvent>> {
    const instructions = await this.#parts.instructions.read(agent);
    return runTurns({
      ...withoutUnreadableImages(models, [...instructions, ...conversation.messages]),
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

  /** A completed run that cannot be written is a failed one: nothing is acknowledged that is not kept. */
  async #keep(conversation: Conversation | undefined, progress: Progress, end: RunEnd): Promise<RunEnd> {
    try {
      await conversation?.end(progress.messages, end.status === "completed");
      return end;
    } catch (thrown) {
      if (end.status !== "completed") {
        this.#parts.log.warn({ err: thrown }, "the unanswered message of a run could not be kept");
        return end;
      }
      const failure = failed(progress, thrown);
      // Another process has gone on with the session meanwhile; then at least what the caller said is kept.
      return toGatewayError(thrown).code === "session_busy" ? this.#keep(conversation, progress, failure) : failure;
    }
  }

  #logFallback(runId: string, { from, to, error }: Extract<RunEvent, { type: "model_fallback" }>): void {
    const key = `${from} → ${to}: ${error.code}`;
    const count = (this.#fallbacks.get(key) ?? 0) + 1;
    this.#fallbacks.set(key, count);
    this.#parts.log.warn({ runId, from, to, code: error.code, count, err: error }, "model failed, its fallback is asked");
  }

  #logEnd({ run, request }: Admitted, progress: Progress, end: RunEnd, durationMs: number): void {
    const line = {
      runId: run.id,
      agent: run.agentId,
      model: end.model,
      sessionKey: run.sessionKey,
      principal: request.principal.name,
      status: end.status,
      turns: progress.turns,
      toolResults: progress.toolResults,
      ...(progress.fallbacks === 0 ? {} : { fallbacks: progress.fallbacks }),
      usage: end.usage,
      cost: end.cost,
      durationMs: Math.round(durationMs * 10) / 10,
    };
    if (end.status !== "failed") this.#parts.log.info(line, "run ended");
    else this.#parts.log.warn({ ...line, code: end.error.code, err: end.error }, "run failed");
  }
}

function take(progress: Progress, event: RunEvent): void {
  if (event.type === "turn_start") progress.model = event.model;
  if (event.type === "tool_result") progress.toolResults++;
  if (event.type === "model_fallback") progress.fallbacks++;
  if (event.type !== "turn_end") return;
  const isFirst = progress.turns === 0;
  progress.messages.push(...event.messages);
  progress.usage = isFirst ? event.usage : addUsage(progress.usage, event.usage);
  progress.cost = isFirst ? event.cost : addKnown(progress.cost, event.cost);
  progress.finishReason = event.finishReason;
  progress.turns++;
}

/** One turn of unknown cost makes the whole unknown: a partial sum would understate it. */
function addKnown(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

function failed(progress: Progress, thrown: unknown): RunEnd {
  return { type: "run_end", status: "failed", error: toGatewayError(thrown), hasEffects: progress.toolResults > 0, ...spentIn(progress) };
}

function spentIn({ model, turns, usage, cost }: Progress): { model: string; turns: number; usage?: Usage; cost?: number } {
  return { model, turns, ...(usage ? { usage } : {}), ...(cost === undefined ? {} : { cost: Number(cost.toPrecision(costDigits)) }) };
}

function timedOut(agent: Agent): GatewayError {
  return new GatewayError("run_timeout", `The run took longer than ${agent.runTimeoutMs} ms (agents.*.runTimeoutMs) and was stopped.`);
}
