import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { root } from "./documents.ts";

test("the documents quote what their commands print, and their tables say what the code says", () => {
  const script = join(root, "scripts/quotes.ts");
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", script, "--check"], {
    cwd: root,
    encoding: "utf8",
    timeout: 110_000,
  });
  // What is stale is said on stderr, so that a failure shows it.
  expect(status === 0 ? "" : stderr).toBe("");
  expect(stdout).toMatch(/[1-9]\d* commands were run/);
});
