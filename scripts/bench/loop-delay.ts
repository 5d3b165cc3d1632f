/**
 * How long a server's event loop kept a timer waiting, as the probe in it tells (`probe.js`), put together over the rounds
 * of a scenario. The machine is in it: a server that waits for the CPU is as late as one that is busy, which is why a
 * baseline is measured beside it.
 */
import { fileURLToPath } from "node:url";
import type { ServerProcess } from "../server-process.ts";
import type { LoopDelay, Row, ScenarioResult } from "./report.ts";

/** For a server that is to be asked. */
export const probeFlags: readonly string[] = ["--expose-gc", "--import", fileURLToPath(new URL("probe.js", import.meta.url))];

type Counts = { readonly [milliseconds: string]: number };

/** Returns how to end it. */
export async function beginDelays(server: ServerProcess): Promise<() => Promise<Counts>> {
  await server.ask("SIGURG");
  return async () => JSON.parse(await server.ask("SIGURG")) as Counts;
}

/** What a server holds when nothing is left to be collected. */
export async function heldKb(server: ServerProcess): Promise<number> {
  return Number(await server.ask("SIGUSR2")) / 1024;
}

export class DelayCounts {
  readonly #counts = new Map<number, number>();

  add(counts: Counts): void {
    for (const [delayMs, count] of Object.entries(counts)) {
      this.#counts.set(Number(delayMs), (this.#counts.get(Number(delayMs)) ?? 0) + count);
    }
  }

  summary(): LoopDelay {
    const ascending = [...this.#counts].sort(([a], [b]) => a - b);
    const all = ascending.reduce((sum, [, count]) => sum + count, 0);
    let seen = 0;
    const p999 = ascending.find(([, count]) => (seen += count) >= all * 0.999);
    return { p999Ms: p999?.[0] ?? NaN, maxMs: ascending.at(-1)?.[0] ?? NaN };
  }

  cells(): Row["cells"] {
    const { p999Ms, maxMs } = this.summary();
    return { "loop p99.9 ms": String(p999Ms), "loop max ms": String(maxMs) };
  }
}

/** One server's among several that were asked in turn. */
export function summaryOf(delays: ReadonlyMap<string, DelayCounts>, name: string): LoopDelay | undefined {
  const own = delays.get(name)?.summary();
  const others = [...delays].filter(([other]) => other !== name).map(([, counts]) => counts.summary().p999Ms);
  return own && { ...own, ...(others.length > 0 ? { baselineP999Ms: Math.max(...others) } : {}) };
}

/** The worst of several, to be held against the limit. */
export function worstDelay(
  delays: readonly (readonly [where: string, delay: LoopDelay | undefined])[],
): NonNullable<ScenarioResult["loopDelay"]> | undefined {
  return delays
    .flatMap(([where, delay]) => (delay ? [{ ...delay, where }] : []))
    .sort((a, b) => b.p999Ms - a.p999Ms)
    .at(0);
}
