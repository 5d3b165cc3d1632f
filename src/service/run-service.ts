/**
 * The one code path of every agent run, whichever face asked for it: agent → session → lane → loop → transcript.
 *
 * `start` rejects whatever is refused before work begins. Once it resolves, the run's events never throw and end
 * with exactly one `run_end`; by then the session is written and its lane is free.
 * Deliberately absent: anything of a wire, and how text, tools and turns come about (`runtime/loop.ts`).
 */
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Agent } from "../domain/agent.ts";
import { GatewayError, toGatewayError } from "../domain/errors.ts";
import type { Message } from "../domain/message.ts";
import { addUsage, type FinishReason, type Model, type ModelCatalog, type Usage } from "../domain/model.ts";
import type { Run, RunEnd, RunEvent, RunRequest } from "../domain/run.ts";
import type { AgentTools } from "../runtime/agent-tools.ts";
import { runTurns } from "../runtime/loop.ts";
import type { AgentDirectory } from "./agent-directory.ts";
import type { LaneTicket, Lanes } from "./lanes.ts";
import { type ResolvedSession, resolveSession } from "./session-key.ts";
import type { Conversation, SessionService } from "./session-service.ts";

/** Why an aborted run's model call ends. One object for all of them: making an error with its stack for each is dear. */
const aborted = new Error("The run was aborted.");

const maxShownRef = 128;

export interface RunServiceParts {
  readonly agents: AgentDirectory;
  readonly models: ModelCatalog;
  readonly sessions: SessionService;
  readonly lanes: Lanes;
  readonly tools: AgentTools;
  readonly log: Logger;
}

/** A run that was admitted, with what it needs to go on. */
interface Admitted {
  readonly run: Omit<Run, "events">;
  readonly agent: Agent;
  readonly model: Model;
  readonly session: ResolvedSession;
  readonly request: RunRequest;
  /** Absent for a stateless run: nobody else can have its session. */
  readonly ticket: LaneTicket | undefined;
}

/** What the turns of a run have come to so far. */
interface Progress {
  readonly messages: Message[];
  usage: Usage | undefined;
  finishReason: FinishReason;
  turns: number;
  toolResults: number;
}

export class RunService {
  readonly #parts: RunServiceParts;
  #underWay = 0;
  #whenSettled: (() => void)[] = [];

  constructor(parts: RunServiceParts) {
    this.#parts = parts;
  }

  /**
   * `signal` aborts the run at any point: the upstream connection closes and the session is free at once.
   * Rejects with `model_not_found`, `invalid_value` (session key, tool names) or `session_busy`.
   */
  start(request: RunRequest, signal: AbortSignal): Promise<Run> {
    // Inside a promise, so that every refusal is a rejection.
    return Promise.resolve().then(() => {
      const admitted = this.#admit(request, signal);
      return { ...admitted.run, events: this.#events(admitted, signal) };
    });
  }

  /** Resolves when no run is under way: every session is written and every provider connection given back. */
  async settled(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#whenSettled.push(resolve));
  }

  #admit(request: RunRequest, signal: AbortSignal): Admitted {
    const agent = this.#parts.agents.resolve(request);
    const session = resolveSession(agent.id, request.sessionKey, request.user);
    const model = this.#findModel(agent, request);
    checkToolNames(agent, request);
    const ticket = session.isStored ? this.#parts.lanes.enter(session.key, signal) : undefined;
    const run = {
      id: randomUUID().replaceAll("-", ""),
      agentId: agent.id,
      sessionKey: session.key,
      model: model.ref,
      createdAt: Math.floor(Date.now() / 1000),
    };
    return { run, agent, model, session, request, ticket };
  }

  #findModel(agent: Agent, { model: chosen }: RunRequest): Model {
    const ref = chosen?.value.trim() ?? agent.model;
    const model = this.#parts.models.find(ref);
    if (model) return model;
    const known = this.#parts.models.refs().join(", ");
    throw new GatewayError(
      "model_not_found",
      `There is no model '${ref.slice(0, maxShownRef)}' in the catalogue. Known: ${known}.`,
      chosen ? { param: chosen.param } : {},
    );
  }

  async *#events(admitted: Admitted, signal: AbortSignal): AsyncGenerator<RunEvent> {
    const { run, agent, ticket } = admitted;
    const progress: Progress = { messages: [], usage: undefined, finishReason: "stop", turns: 0, toolResults: 0 };
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
      if (ticket?.isWaiting) yield { type: "run_queued" };
      await ticket?.ready;
      timer = setTimeout(() => stop.abort(timedOut(agent)), agent.runTimeoutMs).unref();
      yield { type: "run_start" };
      conversation = await this.#parts.sessions.open(admitted.session, run, admitted.request.messages);
      for await (const event of this.#turns(admitted, conversation, stop.signal)) {
        take(progress, event);
        yield event;
      }
      end = { type: "run_end", status: "completed", finishReason: progress.finishReason, ...usageOf(progress) };
    } catch (thrown) {
      end = signal.aborted ? undefined : failed(progress, thrown);
    } finally {
      // Also reached when whoever reads the events stops early: then, as after an abort, there is no end yet.
      end ??= { type: "run_end", status: "aborted", ...usageOf(progress) };
      if (end.status === "aborted") stop.abort(aborted);
      signal.removeEventListener("abort", onCallerAbort);
      clearTimeout(timer);
      end = await this.#keep(conversation, progress, end);
      ticket?.leave();
      this.#logEnd(admitted, progress, end, performance.now() - startedAt);
      if (--this.#underWay === 0) for (const settle of this.#whenSettled.splice(0)) settle();
    }
    yield end;
  }

  #turns({ agent, model, request }: Admitted, conversation: Conversation, signal: AbortSignal): AsyncIterable<RunEvent> {
    const instructions: Message[] =
      agent.systemPrompt === undefined ? [] : [{ role: "system", content: [{ type: "text", text: agent.systemPrompt }] }];
    return runTurns({
      model,
      messages: [...instructions, ...conversation.messages],
      tools: this.#parts.tools,
      agentToolNames: agent.tools,
      callerTools: request.tools,
      toolChoice: request.toolChoice,
      settings: request.settings,
      maxTurns: agent.maxTurns,
      toolContext: { memory: conversation.memory, signal, now: () => new Date() },
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

  #logEnd({ run, request }: Admitted, progress: Progress, end: RunEnd, durationMs: number): void {
    const line = {
      runId: run.id,
      agent: run.agentId,
      model: run.model,
      sessionKey: run.sessionKey,
      principal: request.principal.name,
      status: end.status,
      turns: progress.turns,
      toolResults: progress.toolResults,
      usage: end.usage,
      durationMs: Math.round(durationMs * 10) / 10,
    };
    if (end.status !== "failed") this.#parts.log.info(line, "run ended");
    else this.#parts.log.warn({ ...line, code: end.error.code, err: end.error }, "run failed");
  }
}

function take(progress: Progress, event: RunEvent): void {
  if (event.type === "tool_result") progress.toolResults++;
  if (event.type !== "turn_end") return;
  progress.messages.push(...event.messages);
  progress.usage = progress.turns === 0 ? event.usage : addUsage(progress.usage, event.usage);
  progress.finishReason = event.finishReason;
  progress.turns++;
}

function failed(progress: Progress, thrown: unknown): RunEnd {
  return { type: "run_end", status: "failed", error: toGatewayError(thrown), hasEffects: progress.toolResults > 0, ...usageOf(progress) };
}

function usageOf({ usage }: Progress): { usage?: Usage } {
  return usage ? { usage } : {};
}

function timedOut(agent: Agent): GatewayError {
  return new GatewayError("run_timeout", `The run took longer than ${agent.runTimeoutMs} ms (agents.*.runTimeoutMs) and was stopped.`);
}

/** A model that sees two tools of one name cannot say which it means. */
function checkToolNames(agent: Agent, { tools }: RunRequest): void {
  const clash = tools.findIndex((tool) => agent.tools.includes(tool.name));
  if (clash < 0) return;
  throw new GatewayError("invalid_value", `The agent '${agent.id}' has a tool named '${tools[clash]?.name}' of its own. Rename yours.`, {
    param: `tools[${clash}].function.name`,
  });
}
