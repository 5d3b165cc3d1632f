/**
 * The process in which tasks are worked on, one after the other. It does nothing itself but watch: a thread of its own
 * works, so that it always notices when there is too much memory in use, or nobody left who waits.
 *
 * Time is kept by whoever started it (`worker-process.ts`). It gets no environment and talks to its parent only.
 */
import { Worker } from "node:worker_threads";

export interface WorkerReply<Outcome> {
  readonly outcome: Outcome;
  /** All that the process has at the end, what it no longer needs included. */
  readonly memoryMb: number;
}

const watchIntervalMs = 25;
const [, , worker = "", maxMemoryMb = "0"] = process.argv;

/** Nothing is asked to agree: the thread may be in a loop without end. */
function endAtOnce(): void {
  process.kill(process.pid, "SIGKILL");
}

/** All of it, not the heap alone: what streams unpack to lies outside of that. */
function memoryMb(): number {
  return process.memoryUsage.rss() / 1_048_576;
}

const thread = new Worker(new URL(`./${worker}.js`, import.meta.url));
thread.on("error", endAtOnce);
process.on("disconnect", endAtOnce);
process.on("message", (task: unknown) => {
  const watch = setInterval(() => {
    if (memoryMb() > Number(maxMemoryMb)) endAtOnce();
  }, watchIntervalMs);
  thread.once("message", (outcome: unknown) => {
    clearInterval(watch);
    process.send?.({ outcome, memoryMb: memoryMb() } satisfies WorkerReply<unknown>);
  });
  thread.postMessage(task);
});
