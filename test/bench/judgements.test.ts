/** What `npm run soak` and `npm run regression` make of what they have measured; measuring itself is not done here. */
import { describe, expect, test } from "@jest/globals";
import { compare } from "../../scripts/regression/verdict.ts";
import { judge, type Course } from "../../scripts/soak/promises.ts";
import { slopeOf, type Point } from "../../scripts/soak/trend.ts";

const hour = Array.from({ length: 61 }, (_, n) => n / 60);
const course = (valueAt: (hours: number) => number): Point[] => hour.map((hours) => ({ hours, value: valueAt(hours) }));
const quiet = { handles: { TCPServerWrap: 1 }, files: { socket: 3 }, gauges: { clawgate_runs_active: 0 } };
const late = { p50: 1, p999: 10, most: 20 };

const good: Course = {
  rss: course((hours) => 170 + 5 * Math.sin(hours * 40)),
  held: course(() => 52),
  p99: course((hours) => 20 + 5 * Math.cos(hours * 40)),
  idle: course(() => 0.6),
  doneByKind: new Map([["completion", 1000]]),
  unexpected: [],
  unexpectedCount: 0,
  quiet: { before: quiet, after: quiet },
  lateMs: { gateway: late, bystander: late },
  exitCode: 0,
};

const broken = (different: Partial<Course>): string[] =>
  judge({ ...good, ...different }).flatMap(({ name, isKept }) => (isKept === false ? [name] : []));

describe("a soak", () => {
  test("holds when all stays as it was, however memory moves about", () => {
    expect(judge(good).every(({ isKept }) => isKept === true)).toBe(true);
  });

  test.each<[string, Partial<Course>, RegExp]>([
    ["memory rises steadily", { rss: course((hours) => 170 + 40 * hours) }, /^resident memory does not rise/],
    ["memory has become another", { rss: course((hours) => (hours > 0.5 ? 230 : 170)) }, /last quarter to first/],
    ["objects are kept", { held: course((hours) => 52 + 6 * hours) }, /^what is held/],
    ["a socket stays open", { quiet: { before: quiet, after: { ...quiet, files: { socket: 4 } } } }, /^open files/],
    ["a handle stays", { quiet: { before: quiet, after: { ...quiet, handles: { TCPServerWrap: 1, Timeout: 1 } } } }, /^handles/],
    ["a run is never over", { quiet: { before: quiet, after: { ...quiet, gauges: { clawgate_runs_active: 1 } } } }, /gauges/],
    ["one reply is wrong", { unexpectedCount: 1, unexpected: ["completion: answered 500"] }, /^every reply/],
    ["a kind was never done", { doneByKind: new Map([["stream", 0]]) }, /^every kind/],
    ["requests take ever longer", { p99: course((hours) => 20 + 100 * hours) }, /^p99/],
    ["the event loop stands still", { lateMs: { gateway: { ...late, p999: 90 }, bystander: late } }, /^event loop/],
    ["it does not end well", { exitCode: 1 }, /SIGTERM/],
  ])("does not hold when %s", (_, different, what) => {
    expect(broken(different)).toContainEqual(expect.stringMatching(what));
  });

  test("judges no times by a machine that others have", () => {
    const busy = { idle: course(() => 0.1), p99: course((hours) => 20 + 100 * hours) };
    expect(broken(busy)).toEqual([]);
    expect(judge({ ...good, ...busy }).filter(({ isKept }) => isKept === undefined)).toHaveLength(1);
  });

  test("takes a slope by least squares", () => {
    expect(slopeOf(course((hours) => 3 * hours - 7))).toBeCloseTo(3);
  });
});

describe("a cost held against an earlier one", () => {
  test.each<[number, string]>([
    [1, "as before"],
    [1.24, "as before"],
    [1.3, "worse"],
    [0.7, "better"],
    [NaN, "unknown"],
  ])("of %p × is %s, whatever single rounds say", (ratio, judgement) => {
    const pairs = [0.5, 0.99, 1, 1.01, 4].map((noise) => [2 * ratio * noise, 2] as const);
    expect(compare("time", pairs)).toMatchObject({ cost: "time", judgement });
  });
});
