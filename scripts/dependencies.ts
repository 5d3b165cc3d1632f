/**
 * `npm run audit`, `npm run licences`, `npm run sbom`: known faults of the packages that are installed with the gateway, their
 * licences, and the bill of all of them, which is printed. `npm run check:dependencies` looks at all three; its last line counts
 * them, and a registry that cannot be asked is skipped.
 *
 * (npm itself runs a script that is called `dependencies` whenever it has installed something.)
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { audit } from "./dependencies/audit.ts";
import { dependencyTable, licenceProblems } from "./dependencies/licences.ts";
import { productionPackages, readLock } from "./dependencies/production.ts";
import { billOfMaterials, billProblems } from "./dependencies/sbom.ts";

type Result = "passed" | "failed" | "skipped";

const root = fileURLToPath(new URL("..", import.meta.url));
const [asked = "all"] = process.argv.slice(2);
const packages = productionPackages(readLock(root));

/** The report goes to stdout, what is wrong to stderr. */
const complain = (problems: readonly string[]): Result => {
  for (const problem of problems) console.error(problem);
  return problems.length > 0 ? "failed" : "passed";
};

async function askRegistry(): Promise<Result> {
  const { outcome, lines } = await audit(root);
  if (outcome === "found") return complain(lines);
  console.log(outcome === "clean" ? `No known faults in ${packages.length} packages.` : lines.join("\n"));
  return outcome === "clean" ? "passed" : "skipped";
}

function checkLicences(): Promise<Result> {
  const page = readFileSync(join(root, "docs/dependencies.md"), "utf8");
  const isStale = !page.includes(dependencyTable(root));
  for (const { name, version, licence } of packages) console.log(`${name} ${version}  ${licence}`);
  return Promise.resolve(
    complain([...licenceProblems(packages), ...(isStale ? ["docs/dependencies.md lists others: run `npm run quotes`."] : [])]),
  );
}

async function makeBill(isPrinted: boolean): Promise<Result> {
  const bill = await billOfMaterials(root);
  if (isPrinted) console.log(bill);
  else console.log(`A bill of ${packages.length} packages.`);
  const registry = execFileSync("npm", ["config", "get", "registry"], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return complain(billProblems(bill, packages, registry.trim()));
}

const checks: { readonly [name: string]: () => Promise<Result> } = {
  audit: askRegistry,
  licences: checkLicences,
  sbom: () => makeBill(asked === "sbom"),
};

const chosen = asked === "all" ? Object.keys(checks) : [asked];
const results: Result[] = [];
for (const name of chosen) {
  const check = checks[name];
  if (!check) throw new Error(`There is no check '${name}': ${Object.keys(checks).join(", ")}.`);
  if (asked === "all") console.log(`\n── ${name}`);
  results.push(await check());
}
const count = (wanted: Result): number => results.filter((result) => result === wanted).length;
if (asked === "all") {
  const skipped = count("skipped");
  console.log(`\n${count("passed")} passed, ${count("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
}
process.exitCode = count("failed") > 0 ? 1 : 0;
