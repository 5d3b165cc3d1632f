/** What the log says of runs: that each began, how it ended, and which models gave way to others. Never what was said in them. */
import type { Logger } from "pino";
import type { RunEvent } from "../domain/run.ts";
import type { LiveRun } from "./live-run.ts";
import type { Ended } from "./run-execution.ts";

export class RunJournal {
  readonly #log: Logger;
  /** How often which model gave way to which, and why. */
  readonly #fallbacks = new Map<string, number>();

  constructor(log: Logger) {
    this.#log = log;
  }

  fellBack(runId: string, { from, to, error }: Extract<RunEvent, { type: "model_fallback" }>): void {
    const key = `${from} → ${to}: ${error.code}`;
    const count = (this.#fallbacks.get(key) ?? 0) + 1;
    this.#fallbacks.set(key, count);
    this.#log.warn({ runId, from, to, code: error.code, count, err: error.forLog }, "model failed, its fallback is asked");
  }

  leftOut(runId: string, model: string, messages: number): void {
    this.#log.debug({ runId, model, messages }, "the oldest messages of a session are not read");
  }

  /** An end that nobody was promised. */
  unkept(runId: string, err: unknown): void {
    this.#log.warn({ runId, err }, "the end of a run could not be kept");
  }

  undiscarded(runId: string, err: unknown): void {
    this.#log.warn({ runId, err }, "the record of a refused run could not be taken back");
  }

  began(live: LiveRun): void {
    const { id, agentId, sessionKey, owner, model } = live.opened;
    this.#log.debug({ runId: id, agent: agentId, sessionKey, principal: owner, model }, "run begun");
  }

  ended(live: LiveRun, { end, outcome, progress }: Ended, durationMs: number): void {
    const { id, agentId, sessionKey, owner } = live.opened;
    // One shape for all: objects put together from pieces are the dearest thing about a line. What is undefined is not written.
    const line = {
      runId: id,
      agent: agentId,
      sessionKey,
      principal: owner,
      model: end.model,
      // As in its record, whichever of them somebody has read.
      status: outcome.status,
      by: end.status === "aborted" ? end.by : undefined,
      turns: end.turns,
      toolResults: progress.toolResults,
      fallbacks: progress.fallbacks === 0 ? undefined : progress.fallbacks,
      usage: end.usage,
      cost: end.cost,
      durationMs: Math.round(durationMs * 10) / 10,
    };
    if (end.status !== "failed") this.#log.info(line, "run ended");
    else this.#log.warn({ ...line, code: end.error.code, err: end.error.forLog }, "run failed");
  }
}
