/**
 * `npm run contract:diff`: holds openapi.yaml against the contract of the last release. A change that breaks clients is
 * red, unless `info.version` says so: a new major version, or below 1.0 a new minor one.
 *
 * `--release` keeps today's contract as that of the version it names: docs/releases/<version>/openapi.yaml. Released
 * contracts are not changed afterwards; the one with the highest version is the one that counts.
 *
 * What is breaking, Redocly's `diff-recommended` rules say. Deliberately absent: judging by which version a compatible
 * change must be told.
 */
import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

interface DiffReport {
  readonly infoVersions: { readonly base: string; readonly revision: string };
  readonly summary: { readonly major: number; readonly minor: number; readonly patch: number };
  readonly changes: readonly {
    readonly path: string;
    readonly impact: string;
    readonly verdicts: readonly { readonly impact: string; readonly message: string }[];
  }[];
}

const root = fileURLToPath(new URL("..", import.meta.url));
const redocly = join(root, "node_modules/@redocly/cli/bin/cli.js");

const { values: options } = parseArgs({
  options: {
    release: { type: "boolean", default: false },
    contract: { type: "string", default: join(root, "openapi.yaml") },
    releases: { type: "string", default: join(root, "docs/releases") },
  },
});

/** Rejects with what Redocly said when it made no report. */
async function compare(base: string, revision: string): Promise<DiffReport> {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-diff-"));
  try {
    const config = join(folder, "redocly.yaml");
    writeFileSync(config, "extends:\n  - diff-recommended\n");
    const report = join(folder, "diff.json");
    await runRedocly(["diff", base, revision, "--config", config, "--format", "json", "--fail-on", "none", "--output", report]);
    return JSON.parse(readFileSync(report, "utf8")) as DiffReport;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runRedocly(args: readonly string[]): Promise<void> {
  const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [redocly, ...args], { cwd: root, env }, (error, stdout, stderr) => {
      if (error) reject(new Error(`redocly ${args.join(" ")}\n${stdout}${stderr}`, { cause: error }));
      else resolve();
    });
  });
}

function releasedVersions(): string[] {
  if (!existsSync(options.releases)) return [];
  return readdirSync(options.releases)
    .filter((name) => /^\d+\.\d+\.\d+$/.test(name))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

function contractOf(version: string): string {
  return join(options.releases, version, "openapi.yaml");
}

/** Whether the new version tells clients that they may break. */
function announcesBreak(base: string, revision: string): boolean {
  const [major = 0, minor = 0] = base.split(".").map(Number);
  const [newMajor = 0, newMinor = 0] = revision.split(".").map(Number);
  return newMajor > major || (newMajor === major && major === 0 && newMinor > minor);
}

/** Prints what the comparison found; false when clients would break unannounced. */
async function check(): Promise<boolean> {
  const last = releasedVersions().at(-1);
  if (last === undefined) {
    console.log("no release yet: nothing to compare");
    return true;
  }
  const { infoVersions, summary, changes } = await compare(contractOf(last), options.contract);
  console.log(`the contract since ${last}: ${summary.major} breaking, ${summary.minor} compatible, ${summary.patch} other changes`);
  for (const { path, impact, verdicts } of changes) {
    if (impact === "major")
      for (const verdict of verdicts) if (verdict.impact === "major") console.log(`  ${verdict.message}\n    at ${path}`);
  }
  if (summary.major === 0) return true;
  if (announcesBreak(infoVersions.base, infoVersions.revision)) {
    console.log(`version ${infoVersions.revision} after ${infoVersions.base} says so`);
    return true;
  }
  const needed = infoVersions.base.startsWith("0.") ? "minor" : "major";
  console.log(`These break clients. Take them back, or raise info.version (now ${infoVersions.revision}) to a new ${needed} version.`);
  return false;
}

/** Keeps the contract as that of its version; false when that version was released with another one. */
function release(): boolean {
  const version = /^ {2}version: ["']?(\d+\.\d+\.\d+)["']?\s*$/m.exec(readFileSync(options.contract, "utf8"))?.[1];
  if (version === undefined) throw new Error(`There is no info.version of the form 1.2.3 in ${options.contract}.`);
  const path = contractOf(version);
  if (existsSync(path)) {
    const isSame = readFileSync(path, "utf8") === readFileSync(options.contract, "utf8");
    console.log(isSame ? `${version} is already released` : `${version} was released with another contract: raise info.version`);
    return isSame;
  }
  mkdirSync(join(options.releases, version), { recursive: true });
  copyFileSync(options.contract, path);
  console.log(`kept ${relative(root, path)}`);
  return true;
}

const isGood = (await check()) && (!options.release || release());
process.exitCode = isGood ? 0 : 1;
