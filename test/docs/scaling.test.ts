/** docs/scaling.md against the results that its numbers are made of. */
import { describe, expect, test } from "@jest/globals";
import { fillDocument } from "../../scripts/bench/document.ts";
import type { BenchResults } from "../../scripts/bench/report.ts";
import { formatReading } from "../../scripts/scaling/reading.ts";
import { readDocument } from "./documents.ts";

const results = JSON.parse(readDocument("docs/scaling.json")) as BenchResults;
const page = readDocument("docs/scaling.md");

describe("what the page says of several gateways", () => {
  test("is what the kept results make", () => {
    expect(results.page).toBe("scaling");
    expect(fillDocument(page, results)).toBe(page);
  });

  test("is of a run in which nothing broke and no turn was lost", () => {
    expect(results.broken).toEqual([]);
    expect(results.targets.length).toBeGreaterThan(4);
    expect(results.targets.filter(({ isMet }) => !isMet)).toEqual([]);
  });

  test("is another page with other results", () => {
    const scenarios = results.scenarios.map((scenario) => ({ ...scenario, figures: { ...scenario.figures, "lease, ms per run": 7 } }));
    expect(fillDocument(page, { ...results, scenarios })).toContain("costs a run 7 ms");
    expect(page).not.toContain("costs a run 7 ms");
  });
});

describe("what the figures are read as", () => {
  const cores = { "kept runs/s that a core of gateways carries": 500, "kept runs/s that a core of Postgres carries": 1500 };

  test("names the machine as the limit only when it had nothing left", () => {
    expect(formatReading({ ...cores, "idle while three processes are asked": 0.02 })).toContain("the machine was the limit: 2 %");
    expect(formatReading({ ...cores, "idle while three processes are asked": 0.4 })).toContain("40 % of the CPUs were idle");
  });

  test("says how many cores of gateways one of Postgres serves", () => {
    expect(formatReading({ ...cores, "idle while three processes are asked": 0.02 })).toContain("3 cores of gateways keep one core");
  });

  test("leaves out what was not measured", () => {
    expect(formatReading({})).toBe("");
    expect(formatReading({ ...cores, "idle while three processes are asked": 0.02 })).not.toContain("The lease");
  });
});
