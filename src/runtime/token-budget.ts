/**
 * The caller's cap on written tokens, held over all turns of a run: what one turn has written, the next may not.
 *
 * Only what providers count can be held. Where they do not, each turn gets the whole cap.
 */
import type { ModelSettings, Usage } from "../domain/model.ts";

export class TokenBudget {
  readonly #settings: ModelSettings;
  #written = 0;

  constructor(settings: ModelSettings) {
    this.#settings = settings;
  }

  /** For the next turn; the cap keeps the name it came under. */
  get settings(): ModelSettings {
    if (this.#written === 0) return this.#settings;
    const { maxCompletionTokens, maxTokens } = this.#settings;
    return {
      ...this.#settings,
      ...(maxCompletionTokens === undefined ? {} : { maxCompletionTokens: this.#left(maxCompletionTokens) }),
      ...(maxTokens === undefined ? {} : { maxTokens: this.#left(maxTokens) }),
    };
  }

  get isSpent(): boolean {
    const { maxCompletionTokens = Infinity, maxTokens = Infinity } = this.#settings;
    return this.#left(Math.min(maxCompletionTokens, maxTokens)) <= 0;
  }

  spend(usage: Usage | undefined): void {
    this.#written += usage?.outputTokens ?? 0;
  }

  #left(cap: number): number {
    return cap - this.#written;
  }
}
