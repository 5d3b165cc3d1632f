/**
 * Under which licences the gateway's packages come, and which of those are taken: permissive ones, which ask for no more
 * than their own text to be kept.
 */
import { type InstalledPackage, productionPackages, readLock } from "./production.ts";

const taken = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "MIT-0",
  "Python-2.0",
  "Unlicense",
]);

/** Of `A OR B` one is enough, of `A AND B` both are needed. What is written in any other way is not taken. */
export function isTaken(licence: string | undefined): boolean {
  if (licence === undefined) return false;
  const bare = /^\([^()]*\)$/.test(licence) ? licence.slice(1, -1) : licence;
  return bare.split(" OR ").some((choice) => choice.split(" AND ").every((one) => taken.has(one)));
}

/** What is wrong with these packages, a sentence each. */
export function licenceProblems(packages: readonly InstalledPackage[]): string[] {
  return packages
    .filter(({ licence }) => !isTaken(licence))
    .map(
      ({ name, version, licence }) =>
        `${name} ${version} ${licence === undefined ? "has no licence" : `is under ${licence}, which is not taken`}.`,
    );
}

/** For docs/dependencies.md. */
export function dependencyTable(root: string): string {
  const rows = productionPackages(readLock(root)).map(
    ({ name, version, licence = "none", isDirect }) => `| ${isDirect ? `**${name}**` : name} | ${version} | ${licence} |`,
  );
  return ["| package | version | licence |", "|---|---|---|", ...rows].join("\n");
}
