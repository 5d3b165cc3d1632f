/** What is looked at when a gateway has started again, before its clients go on: through its own operations. */
import { type RunObject, type World, note } from "./clients.ts";
import { followRun, type Reply, sendRun } from "./client.ts";
import { plainPlan, type SentRun } from "./sent-runs.ts";
import { checkProcesses } from "./tables.ts";
import { Transcript } from "./transcript.ts";

export class Audit {
  readonly #world: World;
  /** Runs by their ids that have been looked at: they do not change any more. */
  readonly #seen = new Set<string>();
  readonly #repeated = new Set<SentRun>();
  #count = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** All runs that were sent have ended, or their process has. `isLast`: looks at everything again. */
  async afterRestart(isLast = false): Promise<readonly Transcript[]> {
    const { gateway, runs, promises } = this.#world;
    if (isLast) this.#seen.clear();
    checkProcesses(gateway, promises);
    for (const run of runs.all) if (run.state === "accepted") await this.#follow(run);
    const transcripts = await this.#checkTranscripts();
    for (const run of runs.all) await this.#repeat(run);
    this.#count++;
    await Promise.all(runs.sessions.map((session) => this.#probe(session)));
    return transcripts;
  }

  async #checkTranscripts(): Promise<readonly Transcript[]> {
    const { gateway, runs, promises } = this.#world;
    const transcripts: Transcript[] = [];
    for (const session of runs.sessions) {
      const transcript = await Transcript.read(gateway, session);
      transcript.check(runs, promises);
      for (const run of runs.ofSession(session)) for (const id of run.ids) await this.#checkRecord(run, id, transcript);
      transcripts.push(transcript);
    }
    return transcripts;
  }

  async #checkRecord(run: SentRun, id: string, transcript: Transcript): Promise<void> {
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    const { gateway, promises } = this.#world;
    const { status, body } = await gateway.get<RunObject>(`/v1/runs/${id}`);
    promises.check("recorded", status === 200, () => `run ${id} of '${run.question}' is answered with ${status}`);
    if (status !== 200) return;
    promises.check("ended", body.status !== "running", () => `run ${id} of '${run.question}' is running`);
    const isCompleted = body.status === "completed";
    const isActive = transcript.isActive(id);
    promises.check(
      "recorded",
      isCompleted === isActive,
      () => `run ${id} is ${body.status}, and its messages are ${isActive ? "" : "not "}active`,
    );
    promises.check("recorded", body.session_key === `agent:main:${run.session}`, () => `run ${id} is said to be of ${body.session_key}`);
    if (run.state === "acknowledged" && run.id === id)
      promises.check("recorded", isCompleted, () => `'${run.question}' was answered, and its run is ${body.status}`);
    if (!run.isKept) return;
    const kept = await gateway.get<NonNullable<RunObject["completion"]>>(`/v1/chat/completions/chatcmpl-${id}`);
    const isThere = kept.status === 200 && kept.body.choices[0]?.message.content === run.answer;
    promises.check("kept", isThere === isCompleted, () => `of run ${id}, ${body.status}, the completion is ${JSON.stringify(kept)}`);
  }

  /** Of a run in the background whose process died, or whose connection broke with it. */
  async #follow(run: SentRun): Promise<void> {
    const { gateway, runs, promises, counts } = this.#world;
    const { id = "" } = run;
    const { status, body } = await gateway.get<RunObject>(`/v1/runs/${id}`);
    const hasEnded = status === 200 && (body.status === "completed" || body.status === "interrupted");
    promises.check("followed", hasEnded, () => `of the accepted '${run.question}' is said ${status} ${JSON.stringify(body)}`);
    const reply = await followRun(gateway, run, id);
    counts.followed++;
    if (body.status === "completed") {
      const isWhole = reply.type === "answered" && reply.text === run.answer;
      promises.check("followed", isWhole, () => `'${run.question}' completed, and following it gives ${JSON.stringify(reply)}`);
      runs.acknowledge(run, id);
    } else {
      const isTold = reply.type === "failed" && reply.code === "run_interrupted";
      promises.check("followed", isTold, () => `'${run.question}' is ${body.status}, and following it gives ${JSON.stringify(reply)}`);
      run.state = "failed";
    }
  }

  /** Once for each run that has a key and was acknowledged, be it by this process or by one before it. */
  async #repeat(run: SentRun): Promise<void> {
    if (run.key === undefined || run.state !== "acknowledged" || this.#repeated.has(run)) return;
    this.#repeated.add(run);
    const { gateway, promises, counts } = this.#world;
    const reply = await sendRun(gateway, run);
    counts.replays++;
    promises.check("replayed", reply.isReplay && reply.id === run.id && isSameReply(reply, run), () => {
      return `'${run.question}' was run ${run.id}, and sent again it is answered ${JSON.stringify(reply)}`;
    });
  }

  /** Somebody goes on with the session. */
  async #probe(session: string): Promise<void> {
    const { gateway, runs, promises, counts } = this.#world;
    const run = runs.send(session, `probe ${this.#count}`, plainPlan);
    const startedAt = performance.now();
    const reply = await sendRun(gateway, run, { showsEvents: true });
    counts.longestProbeMs = Math.max(counts.longestProbeMs, performance.now() - startedAt);
    counts.probes++;
    promises.check("unlocked", !reply.hadToWait, () => `'${run.question}' had to wait`);
    note(this.#world, run, reply, false);
  }
}

function isSameReply(reply: Reply, run: SentRun): boolean {
  if (run.isBackground && !run.isStreamed) return reply.type === "accepted";
  return reply.type === "answered" && reply.text === run.answer;
}
