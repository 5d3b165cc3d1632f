/** A session as the gateway shows it: read page by page, and whether it is one unbroken path of whole turns. */
import type { Gateway } from "./gateway.ts";
import type { Promises } from "./promises.ts";
import type { SentRun, SentRuns } from "./sent-runs.ts";

interface KeptMessage {
  readonly id: string;
  readonly parent_id: string | null;
  readonly run_id: string;
  readonly role: "user" | "assistant" | "tool";
  readonly content: string | null;
  readonly tool_calls?: readonly unknown[];
  readonly state: "active" | "superseded" | "unanswered";
}

interface MessagePage {
  readonly data: readonly KeptMessage[];
  readonly last_id: string | null;
  readonly has_more: boolean;
}

/** Which roles may follow, by the last message; `answer`: an assistant's without calls. */
const followers: { readonly [kind: string]: readonly string[] } = {
  "": ["user"],
  user: ["calls", "answer"],
  calls: ["tool"],
  tool: ["answer"],
  answer: ["user"],
};

export class Transcript {
  readonly session: string;
  readonly #messages: readonly KeptMessage[];

  private constructor(session: string, messages: readonly KeptMessage[]) {
    this.session = session;
    this.#messages = messages;
  }

  static async read(gateway: Gateway, session: string): Promise<Transcript> {
    const messages: KeptMessage[] = [];
    let after = "";
    for (;;) {
      const { status, body } = await gateway.get<MessagePage>(`/v1/sessions/${session}/messages?branches=true&limit=100${after}`);
      // Nothing was kept of it yet.
      if (status === 404) break;
      if (status !== 200) throw new Error(`The messages of ${session} cannot be read: ${status} ${JSON.stringify(body)}`);
      messages.push(...body.data);
      if (!body.has_more) break;
      after = `&after=${body.last_id}`;
    }
    return new Transcript(session, messages);
  }

  isActive(runId: string): boolean {
    return this.#messages.some(({ run_id, state }) => run_id === runId && state === "active");
  }

  hasAnswered({ question }: SentRun): boolean {
    return this.#messages.some(({ content, state }) => content === question && state === "active");
  }

  check(runs: SentRuns, promises: Promises): void {
    this.#checkTree(promises);
    const turns = this.#activeTurns();
    for (const turn of turns) this.#checkTurn(turn, runs, promises);
    const questions = turns.map(([first]) => first?.content ?? "");
    for (const run of runs.ofSession(this.session)) {
      const count = questions.filter((question) => question === run.question).length;
      if (run.state === "acknowledged") promises.check("present", count === 1, () => `'${run.question}' is active ${count} times`);
      promises.check("once", count <= 1, () => `'${run.question}' is active ${count} times`);
      if (run.state === "failed") promises.check("recorded", count === 0, () => `'${run.question}' failed, and is active`);
    }
    this.#checkOrder(questions, runs, promises);
  }

  #checkTree(promises: Promises): void {
    const known = new Set<string | null>([null]);
    const statesOfRun = new Map<string, Set<string>>();
    let leaf: string | null = null;
    let kind = "";
    for (const { id, parent_id, run_id, role, state, tool_calls = [] } of this.#messages) {
      promises.check(
        "chained",
        known.has(parent_id),
        () => `message ${id} of ${this.session} hangs on ${parent_id}, which is not before it`,
      );
      known.add(id);
      statesOfRun.set(run_id, (statesOfRun.get(run_id) ?? new Set()).add(state));
      if (state !== "active") continue;
      const next = role !== "assistant" ? role : tool_calls.length > 0 ? "calls" : "answer";
      const isNext = parent_id === leaf && followers[kind]?.includes(next) === true;
      promises.check(
        "chained",
        isNext,
        () => `in ${this.session} the active message ${id} (${next}) does not go on from ${leaf} (${kind})`,
      );
      leaf = id;
      kind = next;
    }
    promises.check("chained", kind === "" || kind === "answer", () => `the active path of ${this.session} ends with ${kind}`);
    for (const [run, states] of statesOfRun) {
      // Each request brought only what was new: none of them makes a branch.
      const isWhole = states.size === 1 && !states.has("superseded");
      promises.check("whole", isWhole, () => `the messages of run ${run} in ${this.session} are ${[...states].join(" and ")}`);
    }
  }

  /** The active path, cut before each of its questions. */
  #activeTurns(): KeptMessage[][] {
    const turns: KeptMessage[][] = [];
    for (const message of this.#messages) {
      if (message.state !== "active") continue;
      if (message.role === "user") turns.push([]);
      turns.at(-1)?.push(message);
    }
    return turns;
  }

  #checkTurn(turn: readonly KeptMessage[], runs: SentRuns, promises: Promises): void {
    const question = turn[0]?.content ?? "";
    const run = runs.byQuestion(question);
    const roles = turn.map(({ role }) => role).join(" ");
    const wanted = run?.usesTool ? "user assistant tool assistant" : "user assistant";
    const isWhole = roles === wanted && turn.at(-1)?.content === run?.answer && new Set(turn.map(({ run_id }) => run_id)).size === 1;
    const found = (): string => `the active turn '${question}' of ${this.session} is ${roles}, ending with '${turn.at(-1)?.content}'`;
    promises.check("whole", isWhole && run?.session === this.session, found);
  }

  /** Of two turns, the one that was sent after the other was acknowledged comes after it. */
  #checkOrder(questions: readonly string[], runs: SentRuns, promises: Promises): void {
    let newest: SentRun | undefined;
    for (const question of questions) {
      const run = runs.byQuestion(question);
      if (!run) continue;
      const { acknowledgedAt = Infinity } = run;
      const before = newest;
      if (before) promises.check("ordered", acknowledgedAt > before.sentAt, () => `'${question}' comes after '${before.question}'`);
      if (!newest || run.sentAt > newest.sentAt) newest = run;
    }
  }
}
