/** What is installed with the gateway: its licences, its bill of materials, and what a registry knows of it. */
import { spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { judge } from "../../scripts/dependencies/audit.ts";
import { dependencyTable, isTaken, licenceProblems } from "../../scripts/dependencies/licences.ts";
import { productionPackages, readLock } from "../../scripts/dependencies/production.ts";
import { billOfMaterials, billProblems } from "../../scripts/dependencies/sbom.ts";
import { readDocument, root } from "./documents.ts";

const packages = productionPackages(readLock(root));

test("the packages are those that the gateway asks for and what they need, and none of its development", () => {
  const { dependencies } = JSON.parse(readDocument("package.json")) as { dependencies: object };
  const direct = packages.filter(({ isDirect }) => isDirect).map(({ name }) => name);
  expect(direct.toSorted()).toEqual(Object.keys(dependencies).toSorted());
  const names = packages.map(({ name }) => name);
  // The first is what koa asks for; the last two only development does.
  expect([names.includes("koa-compose"), names.includes("jest"), names.includes("typescript")]).toEqual([true, false, false]);
});

describe("licences", () => {
  test("are all among those that are taken, and the list of them says what is installed", () => {
    expect(licenceProblems(packages)).toEqual([]);
    expect(readDocument("docs/dependencies.md")).toContain(dependencyTable(root));
  });

  test.each([
    ["MIT", true],
    ["(MIT OR GPL-3.0-only)", true],
    ["MIT AND ISC", true],
    ["MIT AND GPL-3.0-only", false],
    ["AGPL-3.0-only", false],
    ["(MIT OR ISC) AND (GPL-2.0-only)", false],
    ["SEE LICENSE IN LICENSE", false],
    ["UNLICENSED", false],
    [undefined, false],
  ])("of the form %s are taken: %s", (licence, expected) => {
    expect(isTaken(licence)).toBe(expected);
  });

  test("that are missing or not taken are named with their package", () => {
    const one = { name: "one", version: "1.0.0", isDirect: false };
    expect(licenceProblems([{ ...one, licence: undefined }])).toEqual(["one 1.0.0 has no licence."]);
    expect(licenceProblems([{ ...one, licence: "GPL-3.0-only" }])).toEqual(["one 1.0.0 is under GPL-3.0-only, which is not taken."]);
  });
});

test("the bill of materials has every package once, also what development needs too, and names no machine", async () => {
  const bill = await billOfMaterials(root);
  expect(billProblems(bill, packages, "https://registry.npmjs.org/")).toEqual([]);
  expect(bill).toContain('"name": "@modelcontextprotocol/sdk"');
  const [first, ...others] = packages;
  expect(billProblems(bill, [...packages, { ...first!, version: "0.0.0" }], "https://registry.npmjs.org/")).toEqual([
    `${first!.name}@0.0.0 is missing.`,
  ]);
  expect(billProblems(bill, others, "https://registry.npmjs.org/")).toEqual([
    `${first!.name}@${first!.version} is not installed with the gateway.`,
  ]);
  const told = bill.replace('"externalReferences": []', '"externalReferences": [{"url": "https://npm.example.org/koa"}]');
  expect(billProblems(told, packages, "https://npm.example.org/")).toEqual(["It names the host npm.example.org."]);
}, 60_000);

describe("the audit", () => {
  let registry: Server | undefined;
  afterEach(async () => {
    if (registry) await new Promise((resolve) => registry!.close(resolve));
    registry = undefined;
  });

  /** A registry that answers what it is asked for advisories, and has nothing else. */
  async function startRegistry(status: number, advisories: object): Promise<string> {
    registry = createServer((req, res) => {
      req.resume();
      req.on("end", () => {
        const isAsked = req.method === "POST" && req.url === "/-/npm/v1/security/advisories/bulk";
        res.writeHead(isAsked ? status : 404, { "content-type": "application/json", connection: "close" });
        res.end(JSON.stringify(isAsked && status === 200 ? advisories : {}));
      });
    });
    await new Promise<void>((resolve) => registry!.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`;
  }

  async function runAudit(url: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const env = { ...process.env, npm_config_registry: url, npm_config_fetch_retries: "0", npm_config_update_notifier: "false" };
    const child = spawn(process.execPath, ["--import", "tsx", join(root, "scripts/dependencies.ts"), "audit"], { cwd: root, env });
    const said = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].setEncoding("utf8").on("data", (text: string) => (said[stream] += text));
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code, ...said };
  }

  test("fails when the registry knows a fault, and names it", async () => {
    const advisory = {
      id: 1,
      url: "https://example.org/advisory",
      title: "Too kind",
      severity: "high",
      vulnerable_versions: ">=0.0.1",
      cwe: [],
    };
    const { code, stderr } = await runAudit(await startRegistry(200, { koa: [advisory] }));
    expect(stderr).toContain("koa >=0.0.1: high, Too kind (https://example.org/advisory)");
    expect(code).toBe(1);
  }, 120_000);

  test("passes when the registry knows none", async () => {
    const { code, stdout } = await runAudit(await startRegistry(200, {}));
    expect([code, stdout]).toEqual([0, `No known faults in ${packages.length} packages.\n`]);
  }, 120_000);

  test("says so, and is no failure, when the registry cannot be asked", async () => {
    const { code, stdout } = await runAudit(await startRegistry(405, {}));
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^The registry cannot be asked for known faults: 405 /)]);
  }, 120_000);

  test("does not take a broken npm for a registry that cannot be asked", () => {
    expect(() => judge("")).toThrow();
    expect(() => judge("{}")).toThrow("made no report");
  });
});
