import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import { loadConfig } from "../../src/config/load.ts";
import { anchors, codeBlocks, documentPaths, namedPaths, readDocument, relativeLinks, root } from "./documents.ts";

test.each(documentPaths())("every relative link in %s leads to a file, and to a heading where it names one", (path) => {
  const broken = relativeLinks(readDocument(path)).filter((link) => {
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? path : join(dirname(path), file);
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && !anchors(readDocument(target)).has(anchor);
  });
  expect(broken).toEqual([]);
});

test.each(documentPaths())("every file and folder that %s names is there", (path) => {
  const missing = namedPaths(readDocument(path)).filter((named) => !existsSync(join(root, named)));
  expect(missing).toEqual([]);
});

test("every configuration that the documents show is one the gateway starts with, without a warning", async () => {
  const examples = documentPaths().flatMap((path) => codeBlocks(readDocument(path), "json5"));
  expect(examples).not.toEqual([]);
  const folder = mkdtempSync(join(tmpdir(), "clawgate-docs-"));
  try {
    mkdirSync(join(folder, "workspace"));
    for (const example of examples) {
      const configPath = join(folder, "openclaw.json");
      writeFileSync(configPath, example);
      const variables = [...example.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name = ""]) => [name, "set"]);
      const config = await loadConfig({ configPath }, { CLAWGATE_OLLAMA: "off", ...(Object.fromEntries(variables) as NodeJS.ProcessEnv) });
      expect(config.warnings).toEqual([]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
