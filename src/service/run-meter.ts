/**
 * What one run of a token with limits has used so far: what the providers counted, and an estimate of what none has counted.
 *
 * Deliberately absent: who pays for it (`token-limits.ts`).
 */
import { costOf, type Price, type Usage } from "../domain/model.ts";
import type { RunEnd, RunEvent } from "../domain/run.ts";
import type { TokenUse } from "../domain/token-account.ts";
import { atMost, tokensOfText } from "./token-estimate.ts";

export class RunMeter {
  readonly #priceOf: (ref: string) => Price | undefined;
  #tokens = 0;
  #cost = 0;
  /** What the model is sent in this turn, about, and what it has said in it so far. */
  #input: number;
  #said = 0;
  /** Of the model that is being asked; undefined between turns. */
  #asked: { readonly price: Price | undefined } | undefined;

  /** `input`: of what the model reads first, about. */
  constructor(input: number, priceOf: (ref: string) => Price | undefined) {
    this.#input = input;
    this.#priceOf = priceOf;
  }

  take(event: RunEvent): void {
    switch (event.type) {
      case "turn_start":
        this.#ask(event.model);
        break;
      case "model_fallback":
        this.#ask(event.to);
        break;
      case "text_delta":
      case "refusal_delta":
      case "reasoning_delta":
        this.#said += tokensOfText(event.text, atMost);
        break;
      case "tool_call_delta":
        this.#said += tokensOfText(event.arguments, atMost);
        break;
      case "turn_end":
        this.#endTurn(event.usage, event.cost);
        break;
      default:
        break;
    }
  }

  /** All of the run, once it has ended. */
  ended(end: RunEnd): TokenUse {
    // A model that failed without a word has most likely counted nothing. One that was stopped has.
    if (this.#said > 0 || wasStopped(end)) this.#endTurn(undefined, undefined);
    return { requests: 1, tokens: Math.round(this.#tokens), cost: this.#cost };
  }

  #ask(ref: string): void {
    this.#asked = { price: this.#priceOf(ref) };
    this.#said = 0;
  }

  #endTurn(counted: Usage | undefined, cost: number | undefined): void {
    if (this.#asked === undefined) return;
    const { price } = this.#asked;
    const usage = counted ?? { inputTokens: this.#input, outputTokens: this.#said };
    this.#tokens += usage.inputTokens + usage.outputTokens;
    this.#cost += cost ?? (price ? costOf(usage, price) : 0);
    // The next turn is sent all of it again.
    this.#input = usage.inputTokens + usage.outputTokens;
    this.#said = 0;
    this.#asked = undefined;
  }
}

function wasStopped(end: RunEnd): boolean {
  return end.status === "aborted" || (end.status === "failed" && end.error.code === "run_timeout");
}
