/** docs/operations.md says what each line of the log means: those that it names are lines that the program writes. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("every line of the log that the documents explain is one that the program writes, at that level", () => {
  const text = readFileSync(join(root, "docs/operations.md"), "utf8");
  const [, table = ""] = /\| `msg` \|[^\n]*\n\|[-|]+\n((?:\|.*\n)+)/.exec(text) ?? [];
  const rows = table.trim().split("\n");
  expect(rows.length).toBeGreaterThan(15);
  const source = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => readFileSync(join(root, "src", name), "utf8").split("\n"))
    .join(" ");
  const astray = rows.flatMap((row) => {
    const [, names = "", levels = ""] = row.split(" | ").length > 2 ? ["", ...row.slice(2).split(" | ")] : [];
    return [...names.matchAll(/`([^`]+)`/g)].flatMap(([, name = ""]) =>
      levels.split(", ").some((level) => isWritten(source, name, level)) ? [] : [`${name} (${levels})`],
    );
  });
  expect(astray).toEqual([]);
});

/** In a call of the logger that may be spread over lines, with nothing but its fields before it. */
function isWritten(source: string, name: string, level: string): boolean {
  const at = source.indexOf(`"${name}"`);
  for (let from = at; from >= 0; from = source.indexOf(`"${name}"`, from + 1)) {
    const call = source.slice(Math.max(0, from - 160), from);
    if (new RegExp(`(?:\\.${level}\\(|\\[[^\\]]*"${level}"[^\\]]*\\]\\()[^;]*$`).test(call)) return true;
  }
  return false;
}
