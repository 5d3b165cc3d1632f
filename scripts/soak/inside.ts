/**
 * What is known of a gateway under load from inside and beside it: its memory, handles, open files, database, gauges.
 * Deliberately absent: what of it is too much (`promises.ts`).
 */
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { memoryMb, type ServerProcess } from "../server-process.ts";

export const probeFlags = ["--expose-gc", "--import", fileURLToPath(new URL("probe.js", import.meta.url))];

export interface Inside {
  /** Of JavaScript and what belongs to it. */
  readonly heldBytes: number;
  readonly handles: Counts;
  readonly cpuMs: number;
  /** By how much timers were late. */
  readonly lateMs: { readonly p50: number; readonly p999: number; readonly most: number };
}

export interface Counts {
  readonly [kind: string]: number;
}

/** `collected`: after a garbage collection, which takes the process some 10 ms. */
export async function lookInside(server: ServerProcess, { collected = false } = {}): Promise<Inside> {
  return JSON.parse(await server.ask(collected ? "SIGUSR2" : "SIGWINCH")) as Inside;
}

/** How late timers are is counted from now on. */
export async function countLatenessAnew(server: ServerProcess): Promise<void> {
  await server.ask("SIGURG");
}

/** By what they are; undefined where there is no /proc. */
export function openFiles({ pid }: ServerProcess): Counts | undefined {
  try {
    const folder = `/proc/${pid}/fd`;
    const counts: { [kind: string]: number } = {};
    for (const name of readdirSync(folder)) {
      const kind = kindOf(`${folder}/${name}`);
      if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  } catch {
    return undefined;
  }
}

/** Numbers of sockets and pipes say nothing; undefined when it was closed meanwhile. */
function kindOf(link: string): string | undefined {
  try {
    return readlinkSync(link).replace(/:\[\d+\]$/, "");
  } catch {
    return undefined;
  }
}

export function rssMb({ pid }: ServerProcess): number {
  return memoryMb(pid) ?? NaN;
}

/** With what is not yet in the file itself. */
export function databaseMb(path: string): number {
  const sizes = ["", "-wal"].map((end) => statSync(path + end, { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0) / 1024 ** 2;
}

/** What is under way as the gateway itself says it: zero when nothing is. */
export const gauges = ["clawgate_runs_active", "clawgate_runs_queued", "clawgate_sessions_occupied", "clawgate_websocket_connections"];

export function readGauges(metrics: string): Counts {
  return Object.fromEntries(gauges.map((name) => [name, Number(new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)?.[1] ?? NaN)]));
}

export const sum = (counts: Counts): number => Object.values(counts).reduce((all, count) => all + count, 0);

/** What is not as it was, by kind: `socket: 12, not 10`. */
export function differences(before: Counts, after: Counts): string[] {
  const kinds = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return kinds.flatMap((kind) => {
    const [was = 0, is = 0] = [before[kind], after[kind]];
    return was === is ? [] : [`${kind}: ${is}, not ${was}`];
  });
}
