/**
 * Which process it is, so that another process on the same host can tell whether it still lives.
 *
 * Only what is certain counts as dead. A process id means nothing on another host or in another container, and is given
 * away again, so the boot, the namespace and the start time go with it. Where those cannot be read (other systems than
 * Linux) a process that has the id is taken for the one that is sought.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Position of the start time in what follows the name in `/proc/<pid>/stat`; the state is the first. */
const startTimeAt = 19;

/** A name for whoever asks, unlike any other, also of the same process. */
export function nameOwner(): string {
  const { pid } = process;
  return `${pid}/${procStat(pid)?.startTime ?? ""}/${randomUUID().slice(0, 8)}@${identifyHost()}`;
}

/** Whether the process of a name that `nameOwner` gave is certainly no more. */
export function isDead(owner: string): boolean {
  const [, pid, startTime, host] = /^(\d+)\/(\d*)\/[^@]*@(.*)$/s.exec(owner) ?? [];
  if (pid === undefined || host !== identifyHost()) return false;
  if (!hasProcess(Number(pid))) return true;
  const stat = procStat(Number(pid));
  if (stat === undefined) return false;
  // A zombie does nothing any more; it is listed until its parent looks.
  return stat.state === "Z" || stat.state === "X" || (startTime !== "" && stat.startTime !== startTime);
}

function identifyHost(): string {
  try {
    // Containers of one host share its boot, but not the numbers of their processes.
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}/${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function procStat(pid: number): { readonly state: string | undefined; readonly startTime: string | undefined } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name stands in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0], startTime: fields[startTimeAt] };
  } catch {
    return undefined;
  }
}
