/** SECURITY.md names tests, packages and rows of tables: those are there, so that none of it is said of what was once. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { productionPackages, readLock } from "../../scripts/dependencies/production.ts";
import { readDocument, root } from "./documents.ts";

const page = readDocument("SECURITY.md");
const [, section = ""] = page.split("\n## What others had\n");
const rows = section
  .split("\n")
  .flatMap((line) => (/^\| (?!which|-)/.test(line) ? [line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, ""))] : []));

/** `test/….test.ts`: “a name”, “another” */
const named = [...section.matchAll(/`(test\/[\w./-]+\.test\.ts)`: ((?:“[^”]+”(?:, )?)+)/g)].flatMap(([, file = "", names = ""]) =>
  [...names.matchAll(/“([^”]+)”/g)].map(([, name = ""]) => [file, name] as const),
);

describe("what others had", () => {
  test("is told of each fault once, with what covers it here", () => {
    expect(rows.length).toBeGreaterThan(35);
    const ids = rows.flatMap(([which = ""]) => which.match(/CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}/g) ?? []);
    expect(ids.length).toBeGreaterThan(rows.length);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
    const bare = rows.filter(([, , here = ""]) => !/“[^”]+”|^The same test[.:]|^Not applicable, because /.test(here));
    expect(bare).toEqual([]);
    // Every quoted name follows its file.
    expect(named.length).toBe(section.match(/“/g)?.length);
  });

  test.each(named)("%s has a test of the name it is mapped to: %s", (file, name) => {
    expect(existsSync(join(root, file))).toBe(true);
    const source = readFileSync(join(root, file), "utf8");
    expect(['"', "'", "`"].some((quote) => source.includes(quote + name + quote))).toBe(true);
  });

  const fixed = [...section.matchAll(/Fixed in `([^`]+)` (\d+\.\d+\.\d+)\./g)].map(([, name = "", since = ""]) => [name, since] as const);

  test.each(fixed)("%s, which had one, is installed as it is since %s", (name, since) => {
    const installed = productionPackages(readLock(root)).filter((one) => one.name === name && one.isDirect);
    expect(installed).toHaveLength(1);
    expect(isAtLeast(installed[0]!.version, since)).toBe(true);
  });

  test("are partly those of packages that are installed", () => expect(fixed.length).toBeGreaterThanOrEqual(6));
});

function isAtLeast(version: string, least: string): boolean {
  const [have, need] = [version, least].map((text) => text.split(".").map(Number));
  const at = need!.findIndex((part, index) => part !== have![index]);
  return at < 0 || have![at]! > need![at]!;
}
