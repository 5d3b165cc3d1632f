/**
 * What is asked of the gateway, and what its clients know of each run: when it was sent and acknowledged, by which ids it
 * went. Every question is asked by one run only, so that whatever is doubled or lost shows.
 */
import type { SeededRandom } from "./random.ts";

export interface RunPlan {
  readonly isStreamed: boolean;
  /** The model asks for the agent's own calculator first: two turns. */
  readonly usesTool: boolean;
  readonly isBackground: boolean;
  /** `store: true`. */
  readonly isKept: boolean;
  /** Its `Idempotency-Key`. */
  readonly key: string | undefined;
  /** Its client gives up after so long, once. */
  readonly leavesAfterMs: number | undefined;
  /** The first whole reply never reaches its client: it is as if the connection had broken at its end. */
  readonly losesReply: boolean;
  /** How its provider talks. */
  readonly pace: { readonly chunks: number; readonly gapMs: number };
}

/** `cut` and `left`: nobody knows what became of it. `failed`: the gateway said that it got no answer. */
export type RunState = "sent" | "cut" | "left" | "accepted" | "acknowledged" | "failed";

export interface SentRun extends RunPlan {
  readonly session: string;
  readonly question: string;
  readonly answer: string;
  /** On a clock that counts what clients do. */
  readonly sentAt: number;
  acknowledgedAt: number | undefined;
  state: RunState;
  /** As replies named it: sent again, it may have become another one. */
  readonly ids: Set<string>;
  /** The one of them that was accepted or acknowledged. */
  id: string | undefined;
  /** Of a stream in the background: what was received before it was cut. */
  received: { readonly text: string; readonly lastEvent: number };
}

export const nothingReceived = { text: "", lastEvent: 0 };

export class SentRuns {
  readonly #byQuestion = new Map<string, SentRun>();
  readonly #bySession = new Map<string, SentRun[]>();
  #clock = 0;

  get all(): readonly SentRun[] {
    return [...this.#byQuestion.values()];
  }

  get sessions(): readonly string[] {
    return [...this.#bySession.keys()];
  }

  ofSession(session: string): readonly SentRun[] {
    return this.#bySession.get(session) ?? [];
  }

  byQuestion(question: string): SentRun | undefined {
    return this.#byQuestion.get(question);
  }

  send(session: string, name: string, plan: RunPlan): SentRun {
    const question = `${plan.usesTool ? "Calculate" : "Answer"} ${name} of ${session}.`;
    const run: SentRun = {
      ...plan,
      session,
      question,
      answer: `This is the answer to ${name} of ${session}, and there is nothing to add to it.`,
      sentAt: ++this.#clock,
      acknowledgedAt: undefined,
      state: "sent",
      ids: new Set(),
      id: undefined,
      received: nothingReceived,
    };
    this.#byQuestion.set(question, run);
    const others = this.#bySession.get(session);
    if (others) others.push(run);
    else this.#bySession.set(session, [run]);
    return run;
  }

  acknowledge(run: SentRun, id: string | undefined): void {
    if (run.state === "acknowledged") return;
    run.state = "acknowledged";
    run.acknowledgedAt = ++this.#clock;
    run.id = id;
  }
}

export function planRun(random: SeededRandom, number: number): RunPlan {
  const isBackground = random.isOnceIn(4);
  const isKeyed = random.isOnceIn(3);
  const leaves = !isBackground && random.isOnceIn(10);
  const leavesAfterMs = leaves ? random.between(1, 150) : undefined;
  return {
    isStreamed: random.isOnceIn(2),
    usesTool: random.isOnceIn(3),
    isBackground,
    isKept: random.isOnceIn(6),
    key: isKeyed ? `chaos-key-${number}` : undefined,
    leavesAfterMs,
    losesReply: !isBackground && random.isOnceIn(6),
    pace: { chunks: random.between(1, 8), gapMs: random.between(0, 60) },
  };
}

/** Streamed, so that it can be seen whether it had to wait. */
export const plainPlan: RunPlan = {
  isStreamed: true,
  usesTool: false,
  isBackground: false,
  isKept: false,
  key: undefined,
  leavesAfterMs: undefined,
  losesReply: false,
  pace: { chunks: 1, gapMs: 0 },
};
