/**
 * The model provider behind the gateway, in the process of the script: it survives every kill. It answers each question as
 * its run was planned, and looks at what the model is given to read.
 */
import { startStubUpstream, type StubRequest, type StubScript, type StubUpstream } from "../../test/support/stub-upstream.ts";
import type { Promises } from "./promises.ts";
import type { SentRun, SentRuns } from "./sent-runs.ts";

/** Of a streamed reply, besides those of its text: its role, its end, its usage; the last one has no pause after it that matters. */
const framesAround = 3;

/** Questions that begin like this are never answered. */
export const heldQuestion = "Never answer this";

export class Provider {
  readonly stub: StubUpstream;
  readonly #runs: SentRuns;
  readonly #promises: Promises;
  /** Whose questions were read by runs after them. */
  readonly #readLater = new Set<SentRun>();
  #whenAnswered: (() => void)[] = [];

  private constructor(stub: StubUpstream, runs: SentRuns, promises: Promises) {
    this.stub = stub;
    this.#runs = runs;
    this.#promises = promises;
    stub.always((request) => this.#answer(request));
  }

  static async start(runs: SentRuns, promises: Promises): Promise<Provider> {
    return new Provider(await startStubUpstream({ keepRequests: 0 }), runs, promises);
  }

  /** Resolves when the next run has been told the last of its answer: about then the gateway keeps it and tells its caller. */
  answered(): Promise<void> {
    return new Promise((resolve) => this.#whenAnswered.push(resolve));
  }

  /** Once it is known which runs ended as active turns: no model has read anything else. */
  checkReadLater(isActive: (run: SentRun) => boolean): void {
    for (const run of this.#readLater)
      this.#promises.check("read", isActive(run), () => `'${run.question}' has no answer, but was read later on`);
  }

  #answer({ body: { messages } }: StubRequest): StubScript {
    const questions = messages.flatMap(({ role, content }) => (role === "user" ? [String(content)] : []));
    const question = questions.at(-1) ?? "";
    if (question.startsWith(heldQuestion)) return "hang";
    const run = this.#runs.byQuestion(question);
    if (!run) return { text: "Nobody asked that here." };
    const isAsked = messages.at(-1)?.role === "user";
    if (isAsked) this.#checkInput(run, questions, new Set(messages.map(({ content }) => content)));
    if (!isAsked || !run.usesTool) return this.#say(run);
    return { toolCalls: [{ id: `call_${question.replace(/\W/g, "_")}`, name: "calculator", arguments: '{"expression":"6 * 7"}' }] };
  }

  #say({ answer: text, pace }: SentRun): StubScript {
    const frames = pace.chunks + framesAround;
    setTimeout(() => this.#whenAnswered.splice(0).forEach((resolve) => resolve()), frames * pace.gapMs).unref();
    return { text, ...pace };
  }

  #checkInput(run: SentRun, questions: readonly string[], read: ReadonlySet<unknown>): void {
    const check = (isHeld: boolean, otherwise: () => string): void => this.#promises.check("read", isHeld, otherwise);
    check(
      new Set(questions).size === questions.length,
      () => `for '${run.question}' the model read a question twice: ${questions.join(" ")}`,
    );
    for (const earlier of questions.slice(0, -1)) {
      const known = this.#runs.byQuestion(earlier);
      if (known) this.#readLater.add(known);
      check(known?.session === run.session, () => `'${earlier}' was read in ${run.session}`);
    }
    for (const earlier of this.#runs.ofSession(run.session)) {
      if (earlier.acknowledgedAt === undefined || earlier.acknowledgedAt > run.sentAt) continue;
      check(
        read.has(earlier.question) && read.has(earlier.answer),
        () => `for '${run.question}' the model did not read '${earlier.question}'`,
      );
    }
  }
}
