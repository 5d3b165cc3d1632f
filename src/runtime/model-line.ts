/**
 * The models a run may ask, in their order: the agent's own first, then its fallbacks.
 *
 * The next one is asked only while the caller has seen nothing of the run, and only when the model is at fault, not the
 * request. A run stays with the model it fell back to: the one before has just failed.
 */
import { GatewayError, type ErrorCode } from "../domain/errors.ts";
import type { Model } from "../domain/model.ts";
import type { RunEvent } from "../domain/run.ts";

const faultsOfModel: ReadonlySet<ErrorCode> = new Set(["upstream_error", "upstream_timeout", "upstream_rate_limited"]);

export class ModelLine {
  readonly #models: readonly Model[];
  #at = 0;
  /** Of the agent's own model: what its caller should hear when nobody answers. */
  #firstFailure: GatewayError | undefined;

  /** `models` is not empty. */
  constructor(models: readonly Model[]) {
    this.#models = models;
  }

  get current(): Model {
    return this.#models[this.#at]!;
  }

  /** Moves on to the next model and returns the event that says so; throws when there is none, or none may be asked. */
  fallBack(thrown: unknown, hasBeenSeen: boolean): RunEvent {
    const isItsFault = thrown instanceof GatewayError && faultsOfModel.has(thrown.code);
    if (!isItsFault || hasBeenSeen) throw thrown;
    this.#firstFailure ??= thrown;
    const from = this.current.ref;
    if (this.#at + 1 === this.#models.length) throw this.#allFailed(this.#firstFailure);
    this.#at++;
    return { type: "model_fallback", from, to: this.current.ref, error: thrown };
  }

  #allFailed(first: GatewayError): GatewayError {
    const others = this.#models.slice(1).map((model) => model.ref);
    if (others.length === 0) return first;
    const { code, message, param, retryAfterMs, cause } = first;
    return new GatewayError(code, `${message} So did the fallbacks: ${others.join(", ")}.`, {
      cause,
      ...(param === undefined ? {} : { param }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
}
