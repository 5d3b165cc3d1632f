/** docs/benchmarks.md and its chart against the results they are made of. */
import { describe, expect, test } from "@jest/globals";
import { drawChart } from "../../scripts/bench/chart.ts";
import { fillDocument } from "../../scripts/bench/document.ts";
import { formatTarget, targetsOf, type BenchResults } from "../../scripts/bench/report.ts";
import { readDocument } from "./documents.ts";

const results = JSON.parse(readDocument("docs/benchmarks.json")) as BenchResults;
const page = readDocument("docs/benchmarks.md");

test("the tables of the page and the chart are what the kept results make", () => {
  expect(fillDocument(page, results)).toBe(page);
  expect(drawChart(results)).toBe(readDocument("docs/benchmarks.svg"));
});

test("the page says of every scenario and target what was measured, also of those that were missed", () => {
  expect(results.scenarios.length).toBeGreaterThan(10);
  for (const { title } of results.scenarios) expect(page).toContain(`### ${title}`);
  for (const { name, measured } of results.targets) expect(page).toContain(`| ${name} | ${measured} |`);
  expect(page).toContain(results.machine);
});

test("other results make another page and another chart", () => {
  const scenarios = results.scenarios.map((scenario) => ({
    ...scenario,
    title: `${scenario.title}!`,
    figures: { "first token, gateway, c=1, ms": 7 },
  }));
  const others = { ...results, scenarios };
  expect(fillDocument(page, others)).not.toBe(page);
  expect(drawChart(others)).toContain(">7 ms</text>");
});

test("the chart leaves out what was not measured, and is still one", () => {
  const chart = drawChart({ ...results, scenarios: results.scenarios.filter(({ title }) => title.startsWith("(b)")) });
  expect(chart).toContain("Clawgate, 64 at a time");
  expect(chart).not.toContain("Portkey");
  expect(chart).not.toContain("NaN");
});

describe("a target", () => {
  test("is a bound that must hold and, where there is one, a goal beside it", () => {
    const lines = targetsOf("share", 0.3, { floor: 0.25, goal: 0.4 }).map(formatTarget);
    expect(lines).toEqual(["met          share: at least 0.25: 0.3", "goal missed  share: at least 0.4: 0.3"]);
  });

  test("that could not be measured is missed", () => {
    expect(targetsOf("memory", NaN, { floor: 64, unit: " KB", isMost: true }).map(({ isMet }) => isMet)).toEqual([false]);
    expect(targetsOf("share", NaN, { floor: 0.25, goal: 0.4 }).map(({ isMet }) => isMet)).toEqual([false, false]);
  });
});
