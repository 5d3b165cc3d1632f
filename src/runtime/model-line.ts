/**
 * The models a run may ask, in their order: the agent's own first, then its fallbacks.
 *
 * The next one is asked only while the caller has seen nothing of the run, and only when the first is at fault, not the
 * request. A run stays with the model it fell back to: the one before has just failed.
 */
import { GatewayError, type ErrorCode } from "../domain/errors.ts";
import type { Model } from "../domain/model.ts";
import type { RunEvent } from "../domain/run.ts";

const faultsOfModel: ReadonlySet<ErrorCode> = new Set(["upstream_error", "upstream_timeout", "upstream_rate_limited"]);

export class ModelLine {
  readonly #models: readonly Model[];
  #at = 0;
  readonly #failures: { readonly ref: string; readonly error: GatewayError }[] = [];

  /** `models` is not empty. */
  constructor(models: readonly Model[]) {
    this.#models = models;
  }

  get current(): Model {
    return this.#models[this.#at]!;
  }

  /** Moves on to the next model and returns the event that says so; throws when there is none, or none may be asked. */
  fallBack(thrown: unknown, hasBeenSeen: boolean): RunEvent {
    if (!(thrown instanceof GatewayError) || hasBeenSeen) throw thrown;
    // Whatever a fallback has against the request, the agent's own model failed first, and that is what its caller hears.
    if (!faultsOfModel.has(thrown.code) && this.#failures.length === 0) throw thrown;
    const from = this.current.ref;
    this.#failures.push({ ref: from, error: thrown });
    if (this.#at + 1 === this.#models.length) throw this.#allFailed();
    this.#at++;
    return { type: "model_fallback", from, to: this.current.ref, error: thrown };
  }

  /** What became of the agent's own model is what its caller should act on; the others' words follow. */
  #allFailed(): GatewayError {
    const [first, ...others] = this.#failures;
    if (others.length === 0) return first!.error;
    const { code, message, param, retryAfterMs, cause } = first!.error;
    const words = others.map(({ ref, error }) => ` Its fallback ${ref} failed too: ${error.message}`);
    return new GatewayError(code, message + words.join(""), {
      cause,
      ...(param === undefined ? {} : { param }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
}
