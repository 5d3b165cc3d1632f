/**
 * Loaded into a server by `node --import`: on a signal it prints what it holds, or how long its event loop kept a timer
 * waiting. It measures nothing until it is asked, and changes nothing of what it is loaded into.
 *
 * SIGUSR2: bytes that are held when nothing is left to be collected; it needs `--expose-gc`.
 * SIGURG: begins to measure, then, the next time, prints how often which delay was seen, in whole milliseconds.
 */
/* global console, gc, performance, setInterval, clearInterval */

const stepMs = 1;
const state = { timer: undefined, last: 0, counts: {} };

process.on("SIGUSR2", () => {
  gc();
  const { heapUsed, external } = process.memoryUsage();
  console.log(heapUsed + external);
});

process.on("SIGURG", () => {
  if (state.timer === undefined) {
    state.counts = {};
    state.last = performance.now();
    state.timer = setInterval(tick, stepMs);
    console.log("begun");
  } else {
    clearInterval(state.timer);
    state.timer = undefined;
    console.log(JSON.stringify(state.counts));
  }
});

function tick() {
  const now = performance.now();
  const delayMs = Math.max(0, Math.floor(now - state.last - stepMs));
  state.counts[delayMs] = (state.counts[delayMs] ?? 0) + 1;
  state.last = now;
}
