/**
 * Loaded into a process by `node --import`: on SIGUSR2 it prints one line about what that process holds and how late its
 * timers were; on SIGWINCH the same without a collection before; on SIGURG lateness is counted anew. It needs `--expose-gc`.
 * It judges nothing.
 */
/* global gc, performance, setInterval, console */
import { createHistogram } from "node:perf_hooks";

const everyMs = 10;
const late = createHistogram();
const state = { expectedAt: performance.now() + everyMs };

setInterval(() => {
  const now = performance.now();
  late.record(Math.max(1, Math.round((now - state.expectedAt) * 1000)));
  state.expectedAt = now + everyMs;
}, everyMs).unref();

function tell() {
  const { heapUsed, external } = process.memoryUsage();
  const handles = {};
  for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1;
  const { user, system } = process.cpuUsage();
  const lateMs = { p50: late.percentile(50) / 1000, p999: late.percentile(99.9) / 1000, most: late.max / 1000 };
  console.log(JSON.stringify({ heldBytes: heapUsed + external, handles, cpuMs: (user + system) / 1000, lateMs }));
}

process.on("SIGWINCH", tell);
process.on("SIGURG", () => {
  late.reset();
  tell();
});
process.on("SIGUSR2", () => {
  gc();
  // The collection that was asked for is not one that the process would have made.
  state.expectedAt = performance.now() + everyMs;
  tell();
});
