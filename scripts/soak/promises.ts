/**
 * What must hold after a soak, and what is allowed. Memory, handles and replies are hard; how p99 drifts and how late timers
 * are depends on who else is on the machine, so these have a generous band, and on a busy machine no verdict. Pure: it
 * measures nothing.
 */
import { round } from "../bench/report.ts";
import { differences, sum, type Counts, type Inside } from "./inside.ts";
import { medianOf, partOf, quantileOf, slopeOf, type Point } from "./trend.ts";

export interface Course {
  readonly rss: readonly Point[];
  /** After garbage collections. */
  readonly held: readonly Point[];
  /** Of each window of some seconds, the p99 of the timed job in milliseconds. */
  readonly p99: readonly Point[];
  /** How much of the machine was idle, from 0 to 1. */
  readonly idle: readonly Point[];
  readonly doneByKind: ReadonlyMap<string, number>;
  readonly unexpected: readonly string[];
  readonly unexpectedCount: number;
  /** When nothing was under way, before the load and after it. */
  readonly quiet: { readonly before: Quiet; readonly after: Quiet };
  /** At the end: of the gateway, and of a process that did nothing all the time. */
  readonly lateMs: { readonly gateway: Inside["lateMs"]; readonly bystander: Inside["lateMs"] };
  readonly exitCode: number | null;
}

export interface Quiet {
  readonly handles: Counts;
  /** Undefined where there is no /proc. */
  readonly files: Counts | undefined;
  readonly gauges: Counts;
}

export interface Verdict {
  readonly name: string;
  /** Undefined when it cannot be told. */
  readonly isKept: boolean | undefined;
  readonly measured: string;
}

/**
 * Of the second half, when all that is remembered for a time has been filled. V8 makes its heap larger and smaller by some 10 MB
 * as it sees fit, however long it takes, which in a short run is a steep slope; a leak goes on.
 */
const rss = { mb: 16, mbPerHour: 16, quarters: 1.2 };
/** What is held after a collection does not jump about. */
const held = { mb: 1.5, mbPerHour: 4 };
const p99 = { ratio: 2.5, ms: 5 };
const lateMs = 50;
/** Where less than that is idle, times are other processes' times. */
const leastIdle = 0.25;

export function judge(course: Course): Verdict[] {
  return [...judgeReplies(course), ...judgeMemory(course), ...judgeQuiet(course), ...judgeTimes(course), judgeEnd(course)];
}

function judgeReplies({ doneByKind, unexpected, unexpectedCount }: Course): Verdict[] {
  const never = [...doneByKind].filter(([, count]) => count === 0).map(([name]) => name);
  const all = [...doneByKind.values()].reduce((more, count) => more + count, 0);
  return [
    {
      name: "every reply is the right one",
      isKept: unexpectedCount === 0,
      measured: unexpectedCount === 0 ? `${all} jobs` : `${unexpectedCount} were not: ${unexpected.join("; ")}`,
    },
    { name: "every kind of job was done", isKept: never.length === 0, measured: never.length === 0 ? "all" : `not: ${never.join(", ")}` },
  ];
}

function judgeMemory(course: Course): Verdict[] {
  const slopeWithin = (name: string, points: readonly Point[], { mb, mbPerHour }: { mb: number; mbPerHour: number }): Verdict => {
    const half = partOf(points, 0.5, 1);
    const most = Math.max(mbPerHour, mb / ((half.at(-1)?.hours ?? NaN) - (half[0]?.hours ?? NaN)));
    const slope = slopeOf(half);
    return { name, isKept: slope <= most, measured: `${rounded(slope)} MB/h, at most ${round(most)}` };
  };
  const [first, last] = [medianOf(partOf(course.rss, 0, 0.25)), medianOf(partOf(course.rss, 0.75, 1))];
  return [
    slopeWithin("resident memory does not rise", course.rss, rss),
    {
      name: "resident memory, last quarter to first",
      isKept: last / first <= rss.quarters,
      measured: `${round(last)} MB to ${round(first)} MB: ${rounded(last / first)}, at most ${rss.quarters}`,
    },
    slopeWithin("what is held after a collection does not rise", course.held, held),
  ];
}

function judgeQuiet({ quiet: { before, after } }: Course): Verdict[] {
  const backTo = (name: string, was: Counts, is: Counts): Verdict => {
    const other = differences(was, is);
    return { name, isKept: other.length === 0, measured: other.length === 0 ? `${sum(is)}` : other.join(", ") };
  };
  const underWay = Object.entries(after.gauges).filter(([, value]) => value !== 0);
  return [
    backTo("handles are those from before the load", before.handles, after.handles),
    ...(before.files && after.files ? [backTo("open files are those from before the load", before.files, after.files)] : []),
    {
      name: "its own gauges say that nothing is under way",
      isKept: underWay.length === 0,
      measured: underWay.map(([name, value]) => `${name} ${value}`).join(", ") || `${Object.keys(after.gauges).length} at 0`,
    },
  ];
}

function judgeTimes(course: Course): Verdict[] {
  const { gateway, bystander } = course.lateMs;
  // A neighbour spoils some windows, what grows in the gateway spoils all: the quarter of the calmest ones is compared.
  const calm = (from: number, to: number): number => quantileOf(partOf(course.p99, from, to), 0.25);
  const [first, last] = [calm(0, 1 / 3), calm(2 / 3, 1)];
  const late = gateway.p999 - bystander.p999;
  const idle = Math.min(...[0, 1 / 3, 2 / 3].map((from) => medianOf(partOf(course.idle, from, from + 1 / 3))));
  const onQuiet = (verdict: Verdict & { readonly isKept: boolean }): Verdict => {
    if (verdict.isKept || !(idle < leastIdle)) return verdict;
    return { ...verdict, isKept: undefined, measured: `${verdict.measured}; the machine was ${Math.round(idle * 100)} % idle at times` };
  };
  return [
    onQuiet({
      name: "p99 of calm windows, last third to first (generous: depends on the machine)",
      isKept: last <= first * p99.ratio + p99.ms,
      measured: `${rounded(last)} ms to ${rounded(first)} ms, at most ${p99.ratio} × and ${p99.ms} ms`,
    }),
    onQuiet({
      name: "event loop p99.9 late, beyond an idle process's (depends on the machine)",
      isKept: late <= lateMs,
      measured: `${rounded(gateway.p999)} ms to ${rounded(bystander.p999)} ms, at most ${lateMs} ms more; once ${rounded(gateway.most)} ms`,
    }),
  ];
}

function judgeEnd({ exitCode }: Course): Verdict {
  return { name: "it ends with 0 on SIGTERM", isKept: exitCode === 0, measured: String(exitCode) };
}

/** One decimal is enough to judge by, and slopes may be negative. */
const rounded = (value: number): string => value.toFixed(Math.abs(value) < 10 ? 2 : 1);
