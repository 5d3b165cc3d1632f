/** Loaded before a gateway's own code: tells whoever started it, when asked, what its memory holds after a collection. */
import process from "node:process";

process.on("message", () => {
  globalThis.gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send({ held: heapUsed + external, rss });
});
// Nobody who may ask keeps the gateway from ending.
process.channel.unref();
