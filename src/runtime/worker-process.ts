/**
 * Work on a caller's data that could take for ever or eat all memory, in a process of its own that can be ended: it
 * starts with the first task, works on one at a time, is killed when one goes too far, and ends after some idle time.
 *
 * A thread is not enough for that: one that runs out of memory can take its process with it, limits or not.
 * Deliberately absent: what the work is (`schema-check-worker.ts`, `pdf-text-worker.ts`).
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { GatewayError } from "../domain/errors.ts";
import { DeadlineOver, withDeadline } from "./until-aborted.ts";
import type { WorkerReply } from "./worker-watch.ts";

export interface WorkerLimits {
  /** For one task, once it is its turn; the start of the process included. */
  readonly timeoutMs: number;
  /** Of the whole process, which needs about 100 without any task. */
  readonly maxMemoryMb: number;
  /** Tasks that may wait for their turn: each holds its data in memory. */
  readonly maxWaiting: number;
  /** How long one of them waits at most. */
  readonly maxWaitMs: number;
}

/** A task went over its time or memory and was ended. */
export class WorkerStopped extends Error {
  override readonly name = "WorkerStopped";
}

const idleMs = 30_000;
/** A guess: nobody knows how long the others take. */
const retryAfterMs = 5000;

export class WorkerProcess<Task, Outcome> {
  readonly #worker: string;
  readonly #limits: WorkerLimits;
  #child: ChildProcess | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** Settles when all before have had their turn. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Settles when all processes so far have ended. */
  #ended: Promise<unknown> = Promise.resolve();
  /** Of the task at work, if any. */
  #stop: AbortController | undefined;
  #isClosed = false;
  #waiting = 0;

  /** `worker` is a file of this folder, without its ending. Tasks and outcomes are plain data. */
  constructor(worker: string, limits: WorkerLimits) {
    this.#worker = worker;
    this.#limits = limits;
  }

  /** Rejects with `WorkerStopped`, `too_many_runs` when too many wait or for too long, the signal's reason, or when no process can be had. */
  async run(task: Task, signal: AbortSignal): Promise<Outcome> {
    if (this.#waiting >= this.#limits.maxWaiting) throw tooMany();
    const before = this.#turn;
    let leave = (): void => undefined;
    const over = new Promise<void>((resolve) => (leave = resolve));
    this.#turn = before.then(() => over);
    this.#waiting++;
    try {
      await withDeadline(this.#limits.maxWaitMs, signal, () => before).finally(() => this.#waiting--);
      return await this.#work(task, signal);
    } catch (thrown) {
      throw thrown instanceof DeadlineOver ? tooMany() : thrown;
    } finally {
      leave();
    }
  }

  /** Whoever is at work or still waits is refused. Resolves when no process is left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stop?.abort(closed());
    await this.#turn;
    this.#end();
    await this.#ended;
  }

  async #work(task: Task, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted();
    if (this.#isClosed) throw closed();
    clearTimeout(this.#idle);
    const child = (this.#child ??= this.#start());
    keepAlive(child, true);
    const stop = (this.#stop = new AbortController());
    const onAbort = (): void => stop.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const reply = await withDeadline(this.#limits.timeoutMs, stop.signal, () => replyOf<Outcome>(child, task));
      // What is left of one task must not be counted as the next one's.
      if (reply.memoryMb > this.#limits.maxMemoryMb / 2) this.#end();
      return reply.outcome;
    } catch (thrown) {
      // What it is at cannot be taken back, so it must not meet the next task.
      this.#end();
      stop.signal.throwIfAborted();
      if (thrown instanceof DeadlineOver) throw new WorkerStopped(`It took longer than ${this.#limits.timeoutMs} ms.`);
      throw thrown;
    } finally {
      signal.removeEventListener("abort", onAbort);
      keepAlive(child, false);
      this.#idle = setTimeout(() => this.#end(), idleMs).unref();
    }
  }

  #start(): ChildProcess {
    // Not every Node reads TypeScript, so from source it is the built file.
    const isSource = import.meta.url.endsWith(".ts");
    const folder = isSource ? "../../dist/src/runtime/" : "./";
    const file = fileURLToPath(new URL(`${folder}worker-watch.js`, import.meta.url));
    const child = fork(file, [this.#worker, String(this.#limits.maxMemoryMb)], {
      execArgv: [],
      env: {},
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      serialization: "advanced",
    });
    const ended = new Promise<void>((resolve) => {
      // One that could not be started has no exit.
      child.once("error", () => resolve()).once("exit", () => resolve());
    });
    this.#ended = Promise.all([this.#ended, ended.then(() => this.#forget(child))]);
    return child;
  }

  #end(): void {
    clearTimeout(this.#idle);
    this.#child?.kill("SIGKILL");
    this.#forget(this.#child);
  }

  #forget(child: ChildProcess | undefined): void {
    if (this.#child === child) this.#child = undefined;
  }
}

/** Whether this process stays for the child's sake: only while it works. */
function keepAlive(child: ChildProcess, isAtWork: boolean): void {
  if (isAtWork) child.ref();
  else child.unref();
  if (isAtWork) child.channel?.ref();
  else child.channel?.unref();
}

function tooMany(): GatewayError {
  return new GatewayError("too_many_runs", "Too many requests of this kind are being worked on. Try again later.", { retryAfterMs });
}

function closed(): Error {
  return new Error("The process for this work was closed.");
}

/** Rejects when the process cannot be had, or ended by itself: it kills itself when it has too much memory, and V8 and the system do the same to it. */
function replyOf<Outcome>(child: ChildProcess, task: unknown): Promise<WorkerReply<Outcome>> {
  return new Promise((resolve, reject) => {
    const settle = (conclude: () => void): void => {
      child.off("message", onMessage).off("exit", onExit).off("error", onError);
      conclude();
    };
    const onMessage = (reply: unknown): void => settle(() => resolve(reply as WorkerReply<Outcome>));
    const onError = (error: Error): void => settle(() => reject(error));
    const onExit = (code: number | null, signal: string | null): void =>
      settle(() => {
        if (signal !== null) reject(new WorkerStopped(`It was ended by ${signal}.`));
        else reject(new Error(`The process for this work ended with exit code ${code}.`));
      });
    child.on("message", onMessage).on("exit", onExit).on("error", onError);
    child.send(task as object, (error) => {
      if (error) onError(error);
    });
  });
}
