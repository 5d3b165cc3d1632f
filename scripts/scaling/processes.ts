/**
 * CPU time of a process together with all that it has started, ended children included: a gateway with its workers, Postgres
 * with its backends. Reads /proc once for any number of them; where there is none, or no such process, it is NaN.
 */
import { readdirSync, readFileSync } from "node:fs";

interface Process {
  readonly parent: number;
  /** Of itself and of the children it has seen end. */
  readonly ms: number;
}

/** In milliseconds, in steps of 10, since each tree began. */
export function treeCpuMs(roots: readonly number[]): number {
  const all = readAll();
  const children = new Map<number, number[]>();
  for (const [pid, { parent }] of all) children.set(parent, [...(children.get(parent) ?? []), pid]);
  const of = (pid: number): number => (all.get(pid)?.ms ?? NaN) + (children.get(pid) ?? []).reduce((sum, child) => sum + of(child), 0);
  return roots.reduce((sum, pid) => sum + of(pid), 0);
}

/** The process that started `pid`, if that is a program called `name` on this machine. */
export function parentOf(pid: number, name: string): number | undefined {
  return readProc(`${pid}/comm`)?.trim() === name ? parse(readProc(`${pid}/stat`))?.parent : undefined;
}

function readAll(): Map<number, Process> {
  const found = new Map<number, Process>();
  for (const name of listProc()) {
    const read = parse(readProc(`${name}/stat`));
    if (read) found.set(Number(name), read);
  }
  return found;
}

/** The name in brackets may hold spaces: fields are counted from after it. */
function parse(stat: string | undefined): Process | undefined {
  const fields = stat
    ?.replace(/^.*\) /, "")
    .split(" ")
    .map(Number);
  return fields && { parent: fields[1] ?? 0, ms: 10 * fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) };
}

function listProc(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function readProc(name: string): string | undefined {
  try {
    return readFileSync(`/proc/${name}`, "utf8");
  } catch {
    return undefined;
  }
}
