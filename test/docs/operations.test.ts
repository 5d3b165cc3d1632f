/** docs/operations.md, and the examples of how a gateway is run, against the program. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { validate } from "dockerfile-utils";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { errorCodes } from "../../src/domain/errors.ts";
import { type MetricSeries, writeGathered } from "../../src/telemetry/gathered-metrics.ts";
import { addGauges } from "../../src/telemetry/gauges.ts";
import { Instruments } from "../../src/telemetry/instruments.ts";
import { readDocument, root } from "./documents.ts";

interface Schema {
  readonly properties?: { readonly [key: string]: Schema };
  readonly default?: unknown;
}

const schema = JSON.parse(readFileSync(join(root, "generated/config.schema.json"), "utf8")) as Schema;
const page = readDocument("docs/operations.md");
const readme = readDocument("README.md");

/** As deep as keys have fixed names. */
function keysOf({ properties }: Schema, path: readonly string[] = []): string[] {
  if (!properties) return [path.join(".")];
  return Object.entries(properties).flatMap(([key, inner]) => keysOf(inner, [...path, key]));
}

function defaultOf(key: string): unknown {
  return key.split(".").reduce<Schema | undefined>((inner, name) => inner?.properties?.[name], schema)?.default;
}

const isWithin = (key: string, prefix: string): boolean => key === prefix || key.startsWith(`${prefix}.`);
const table = (head: string): string[][] => {
  const [, rows = ""] = page.split(`| ${head} |`);
  return rows
    .split("\n\n")[0]!
    .split("\n")
    .slice(2)
    .map((row) => row.split("|").map((cell) => cell.trim()));
};
const codes = (text = ""): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);

describe("the table of when a change of the config takes effect", () => {
  const named = table("key | takes effect").flatMap(([, keys]) => codes(keys));
  const all = keysOf(schema).filter((key) => key !== "$schema");

  test("has every key that there is", () => {
    expect(all.length).toBeGreaterThan(40);
    expect(all.filter((key) => !named.some((prefix) => isWithin(key, prefix)))).toEqual([]);
  });

  test("has no key that there is not, and none twice", () => {
    expect(named.filter((prefix) => !all.some((key) => isWithin(key, prefix)))).toEqual([]);
    expect(new Set(named).size).toBe(named.length);
  });
});

test("the table of exit codes has those of the gateway, and the README says the same of them", () => {
  const { ok, failed, usage, config, interrupted, terminated } = exitCodes;
  const shown = table("exit code | means | start again?").flatMap(([, cell = ""]) => cell.split(", ").map(Number));
  expect(shown).toEqual([ok, failed, usage, config, interrupted, terminated]);
  for (const code of shown) expect(readme).toContain(`\n| ${code} | `);
});

/** `NAME=value`s, one or several on a line. */
const variables = (text: string): Map<string, string> =>
  new Map([...text.matchAll(/\b([A-Z_]{3,})=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]));

describe("examples/clawgate.service", () => {
  const unit = readDocument("examples/clawgate.service");
  const valueOf = (key: string): string[] => [...unit.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value = ""]) => value);
  const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

  (hasSystemd ? test : test.skip)("is one that systemd understands", () => {
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", join(root, "examples/clawgate.service")], {
      encoding: "utf8",
    });
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: "" });
  });

  test("names variables and a command that there are, and its own folders", () => {
    expect(valueOf("ExecStart")).toEqual(["/usr/bin/env clawgate gateway"]);
    expect(valueOf("ExecReload")).toEqual(["/bin/kill -HUP $MAINPID"]);
    const set = variables(valueOf("Environment").join("\n"));
    for (const name of set.keys()) if (name !== "HOME" && !name.startsWith("NODE_")) expect(readme).toContain(`\`${name}\``);
    expect(set.get("OPENCLAW_STATE_DIR")).toBe(`/var/lib/${valueOf("StateDirectory")[0]}`);
    expect(set.get("OPENCLAW_CONFIG_PATH")).toBe(`/etc/${valueOf("ConfigurationDirectory")[0]}/openclaw.json`);
  });

  test("waits for longer than the gateway does, and does not start again what is wrong", () => {
    const graceMs = defaultOf("gateway.shutdownGraceMs") as number;
    expect(Number(valueOf("TimeoutStopSec")[0]) * 1_000).toBeGreaterThanOrEqual(graceMs + 30_000);
    expect(unit).toContain(`gateway.shutdownGraceMs (${graceMs / 1_000} s)`);
    expect(valueOf("RestartPreventExitStatus")).toEqual([String(exitCodes.config)]);
  });
});

describe("examples/Containerfile", () => {
  const file = readDocument("examples/Containerfile");
  const instructions = (name: string): string[] => [...file.matchAll(new RegExp(`^${name} (.*)$`, "gm"))].map(([, rest = ""]) => rest);

  test("has nothing that its linter finds wrong", () => {
    expect(validate(file)).toEqual([]);
    expect(validate("FRM node\n")).not.toEqual([]);
  });

  test("copies what there is, or what the build makes", () => {
    const copied = instructions("COPY --from=build").flatMap((rest) => [...rest.matchAll(/\/app\/(\S+)/g)].map(([, path = ""]) => path));
    expect(copied).toContain("dist");
    expect(copied.filter((path) => path !== "dist" && !existsSync(join(root, path)))).toEqual([]);
    const { files } = JSON.parse(readDocument("package.json")) as { files: string[] };
    for (const path of ["bin", "dist", "generated", "openapi.yaml", "asyncapi.yaml"]) {
      expect(files).toContain(path);
      expect(copied).toContain(path);
    }
  });

  test("names variables, a port and a path that there are", () => {
    for (const name of variables(instructions("ENV").join("\n")).keys())
      if (!name.startsWith("NODE_")) expect(readme).toContain(`\`${name}\``);
    const port = String(defaultOf("gateway.port"));
    expect(instructions("EXPOSE")).toEqual([port]);
    const asked = /http:\/\/127\.0\.0\.1:(\d+)(\/\w+)/.exec(file)!;
    expect(asked[1]).toBe(port);
    expect(readDocument("openapi.yaml")).toContain(`\n  ${asked[2]}:\n`);
    expect(instructions("STOPSIGNAL")).toEqual(["SIGTERM"]);
  });
});

test("what an error means is said of every code that there is, once", () => {
  expect(
    table("code | whose | what to do")
      .flatMap(([, cell]) => codes(cell))
      .toSorted(),
  ).toEqual([...errorCodes].toSorted());
});

/** With those that there are of several workers only. */
async function metricNames(): Promise<string[]> {
  const { registry } = new Instruments();
  addGauges(registry, {
    load: () => ({ running: 0, waiting: 0, sessions: 0 }),
    runLimits: () => ({ maxConcurrent: 1, maxQueued: 1 }),
    connections: () => 0,
    configFile: () => ({ isUsable: true, needsRestart: false }),
    version: "",
  })();
  const series = (await registry.getMetricsAsJSON()) as unknown as MetricSeries[];
  const text = await writeGathered({ answers: [{ worker: 1, series }], workers: 1, restarts: 0 });
  return [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = ""]) => name);
}

const names = await metricNames();

describe("what is said of metrics", () => {
  const rows = table("metric | labels | what it is | when it is bad, and what to do");

  test("is of every metric that there is, once, and of no other", () => {
    const shown = rows.flatMap(([, cell]) => codes(cell));
    // Only Linux says how many files a process has open.
    const elsewhere = process.platform === "linux" ? [] : ["process_open_fds", "process_max_fds"];
    expect(shown.toSorted()).toEqual([...names, ...elsewhere].toSorted());
  });

  test("has rules that look at metrics and labels that there are", () => {
    const rules = /^groups:\n[\s\S]+?^```/m.exec(page)?.[0] ?? "";
    const expressions = [...rules.matchAll(/^ +expr: (.+)$/gm)].map(([, expression = ""]) => expression);
    expect(expressions.length).toBeGreaterThan(5);
    for (const expression of expressions) {
      const used = [...expression.matchAll(/\b(?:clawgate|gen_ai|process|nodejs)_\w+/g)].map(([name]) => name);
      const known = new Set([...names, ...names.map((name) => `${name}_bucket`), "gen_ai_request_model"]);
      expect([expression, used.filter((name) => !known.has(name))]).toEqual([expression, []]);
    }
  });
});
