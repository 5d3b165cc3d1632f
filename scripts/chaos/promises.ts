/** What the gateway promises, how often that was looked at, and where it did not hold. */

const promises = {
  present: "an acknowledged turn is in its session, active and as a whole",
  once: "no question is active twice",
  ordered: "turns stand in the order in which they were acknowledged",
  whole: "what a run wrote is active all together or not at all",
  chained: "every message hangs on one before it, and the active path alternates",
  read: "a model reads all acknowledged turns of its session, once, and none that got no answer",
  unlocked: "after a kill no session is locked: its next run does not wait",
  ended: "no run of a dead process is running",
  recorded: "a run whose reply began is known, and its record says what its session says",
  followed: "a background run can be followed to its end without a gap, also one that was interrupted",
  replayed: "a request sent again with its key gets the same reply, and is not done again",
  kept: "a completion that was to be kept is there if it was acknowledged",
  cut: "a reply that was cut does not look whole",
  served: "nothing but a kill makes a request fail",
  tables: "the tables hold together, and nothing of a dead process is left in them",
} as const;

export type PromiseName = keyof typeof promises;

/** More of one kind tell nothing new. */
const maxShown = 5;

export class Promises {
  readonly #checks = new Map<PromiseName, { count: number; readonly violations: string[] }>();

  /** `otherwise` says what was found instead. */
  check(name: PromiseName, isHeld: boolean, otherwise: () => string): void {
    let checks = this.#checks.get(name);
    if (!checks) this.#checks.set(name, (checks = { count: 0, violations: [] }));
    checks.count++;
    if (isHeld) return;
    const what = otherwise();
    checks.violations.push(what);
    if (checks.violations.length <= maxShown) console.log(`VIOLATION  ${promises[name]}: ${what}`);
  }

  get violations(): number {
    return this.#sum(({ violations }) => violations.length);
  }

  /** How many promises were looked at, and how many of them always held. */
  get tally(): { readonly held: number; readonly broken: number } {
    const broken = this.#sum(({ violations }) => (violations.length > 0 ? 1 : 0));
    return { held: this.#checks.size - broken, broken };
  }

  /** One line each: how often it was looked at, and how often it did not hold. */
  lines(): string[] {
    return Object.entries(promises).map(([name, text]) => {
      const { count, violations } = this.#checks.get(name as PromiseName) ?? { count: 0, violations: [] };
      const outcome = violations.length > 0 ? `${violations.length} violations` : count > 0 ? "held" : "not met with";
      return `${String(count).padStart(7)}  ${outcome.padEnd(13)} ${text}`;
    });
  }

  #sum(of: (checks: { readonly violations: readonly string[] }) => number): number {
    return Array.from(this.#checks.values(), of).reduce((sum, n) => sum + n, 0);
  }
}
