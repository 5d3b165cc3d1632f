/** The comparison with the last release tells a change that breaks clients from one that does not. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "@jest/globals";

const root = fileURLToPath(new URL("../..", import.meta.url));
const contract = readFileSync(join(root, "openapi.yaml"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "clawgate-diff-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

const withVersion = (version: string, document = contract): string => document.replace(/^ {2}version: .*$/m, `  version: ${version}`);

/** Runs the script on this contract with these versions released before, all with today's contract. */
async function compare(document: string, released: readonly string[], ...args: string[]): Promise<{ code: number; output: string }> {
  const place = mkdtempSync(join(folder, "case-"));
  const contractPath = join(place, "openapi.yaml");
  writeFileSync(contractPath, document);
  for (const version of released) {
    mkdirSync(join(place, version));
    writeFileSync(join(place, version, "openapi.yaml"), withVersion(version));
  }
  const script = ["--import", "tsx", "scripts/contract-diff.ts", "--contract", contractPath, "--releases", place, ...args];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, script, { cwd: root }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? 1, output: stdout + stderr });
    });
  });
}

type Change = readonly [from: RegExp, to: string];
const temperatureUpTo1: Change = [/(?<before> {8}temperature:\n(?: {10}.*\n)*? {10}maximum: )2\n/, "$<before>1\n"];
const requiredUser: Change = [/required: \[model, messages\]/, "required: [model, messages, user]"];
const noUsage: Change = [/ {8}usage:\n {10}\$ref: "#\/components\/schemas\/Usage"\n/, ""];
const optionalField: Change = [/( {8}temperature:\n)/, '        humour:\n          type: [string, "null"]\n$1'];

describe("since the last release", () => {
  test.each([
    { what: "nothing changed", change: undefined, from: ["0.3.9"], to: "0.3.9", verdict: "green" },
    { what: "a bound became tighter", change: temperatureUpTo1, from: ["0.3.9"], to: "0.3.10", verdict: "red" },
    { what: "a field became required", change: requiredUser, from: ["0.3.9"], to: "0.3.9", verdict: "red" },
    { what: "a field of the reply went away", change: noUsage, from: ["0.3.9"], to: "0.3.9", verdict: "red" },
    { what: "a field came", change: optionalField, from: ["0.3.9"], to: "0.3.9", verdict: "green" },
    {
      what: "a bound became tighter, with a new minor version below 1.0",
      change: temperatureUpTo1,
      from: ["0.3.9"],
      to: "0.4.0",
      verdict: "green",
    },
    {
      what: "a bound became tighter, with a new minor version above 1.0",
      change: temperatureUpTo1,
      from: ["1.9.0"],
      to: "1.10.0",
      verdict: "red",
    },
    { what: "a bound became tighter, with a new major version", change: temperatureUpTo1, from: ["1.9.0"], to: "2.0.0", verdict: "green" },
    {
      what: "a break was announced in the release before",
      change: temperatureUpTo1,
      from: ["0.9.0", "0.10.0"],
      to: "0.10.0",
      verdict: "red",
    },
  ])("$what: $verdict", async ({ change, from, to, verdict }) => {
    const changed = change ? contract.replace(...change) : contract;
    expect(changed === contract).toBe(change === undefined);
    const { code, output } = await compare(withVersion(to, changed), from);
    expect(output).toMatch(verdict === "red" ? /[1-9] breaking[^]*These break clients/ : /^the contract since/);
    expect(code).toBe(verdict === "red" ? 1 : 0);
  });
});

test("without a release there is nothing to compare", async () => {
  expect(await compare(contract, [])).toEqual({ code: 0, output: "no release yet: nothing to compare\n" });
});

test("a release keeps the contract under its version", async () => {
  const { code, output } = await compare(withVersion("0.4.0"), ["0.3.9"], "--release");
  expect(code).toBe(0);
  const path = /kept (.*)\n/.exec(output)?.[1] ?? "";
  expect(readFileSync(join(root, path), "utf8")).toBe(withVersion("0.4.0"));
});

test("a version is not released with two contracts", async () => {
  const { code, output } = await compare(withVersion("0.3.9", contract.replace(...optionalField)), ["0.3.9"], "--release");
  expect(output).toContain("raise info.version");
  expect(code).toBe(1);
});
