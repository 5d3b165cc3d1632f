/** What the turns of a run have come to so far, and how it ends with that. */
import type { Agent } from "../domain/agent.ts";
import { GatewayError, toGatewayError } from "../domain/errors.ts";
import { addUsage, type FinishReason, type Usage } from "../domain/model.ts";
import type { CompletedRun, RunEnd, RunEvent } from "../domain/run.ts";
import type { AbortedBy } from "./live-run.ts";

/** Significant ones: hides the noise of adding binary fractions. */
const costDigits = 12;

export class RunProgress {
  #model: string;
  #usage: Usage | undefined;
  #cost: number | undefined;
  #finishReason: FinishReason = "stop";
  #turns = 0;
  #toolsBegun = 0;
  #toolResults = 0;
  #fallbacks = 0;
  #hasBegun = false;

  /** `model`: the one that is asked first. */
  constructor(model: string) {
    this.#model = model;
  }

  get turns(): number {
    return this.#turns;
  }

  /** A tool was executed, or was about to be: repeating the run would repeat its effects. */
  get hasEffects(): boolean {
    return this.#toolsBegun > 0;
  }

  get toolResults(): number {
    return this.#toolResults;
  }

  get fallbacks(): number {
    return this.#fallbacks;
  }

  /** A model was asked. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  take(event: RunEvent): void {
    switch (event.type) {
      case "turn_start":
        this.#hasBegun = true;
        this.#model = event.model;
        break;
      case "tool_start":
        this.#toolsBegun++;
        break;
      case "tool_result":
        this.#toolResults++;
        break;
      case "model_fallback":
        this.#fallbacks++;
        break;
      case "turn_end":
        this.#endTurn(event);
        break;
      default:
        break;
    }
  }

  completed(): CompletedRun {
    return { type: "run_end", status: "completed", finishReason: this.#finishReason, ...this.#spent() };
  }

  failed(thrown: unknown): RunEnd {
    return { type: "run_end", status: "failed", error: toGatewayError(thrown), hasEffects: this.hasEffects, ...this.#spent() };
  }

  aborted(by: AbortedBy): RunEnd {
    return { type: "run_end", status: "aborted", by, hasEffects: this.hasEffects, ...this.#spent() };
  }

  #endTurn({ usage, cost, finishReason }: Extract<RunEvent, { type: "turn_end" }>): void {
    const isFirst = this.#turns === 0;
    this.#usage = isFirst ? usage : addUsage(this.#usage, usage);
    this.#cost = isFirst ? cost : addKnown(this.#cost, cost);
    this.#finishReason = finishReason;
    this.#turns++;
  }

  #spent(): { model: string; turns: number; usage?: Usage; cost?: number } {
    const [usage, cost] = [this.#usage, this.#cost];
    return {
      model: this.#model,
      turns: this.#turns,
      ...(usage ? { usage } : {}),
      ...(cost === undefined ? {} : { cost: Number(cost.toPrecision(costDigits)) }),
    };
  }
}

/** One turn of unknown cost makes the whole unknown: a partial sum would understate it. */
function addKnown(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

export function timedOut(agent: Agent): GatewayError {
  return new GatewayError("run_timeout", `The run took longer than ${agent.runTimeoutMs} ms (agents.*.runTimeoutMs) and was stopped.`);
}
