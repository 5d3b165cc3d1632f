/**
 * Makes the documentation site in dist/docs, ready for any static host: index.html is the API reference, made out of the
 * contract and also served at /docs; the Markdown documents are pages beside it. A site that would load something from
 * elsewhere, or has a link that leads nowhere, is refused.
 *
 * The reference is left alone when it is newer than what it is made from.
 */
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { problemsOfSite } from "./docs-check.ts";
import { buildReference } from "./docs-reference.ts";
import { buildPages } from "./docs-site.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "dist/docs");
const page = join(folder, "index.html");

function isUpToDate(): boolean {
  const made = statSync(page, { throwIfNoEntry: false });
  if (!made) return false;
  const scripts = readdirSync(join(root, "scripts")).filter((name) => name.includes("docs"));
  const sources = [join(root, "openapi.yaml"), ...scripts.map((name) => join(root, "scripts", name))];
  return sources.every((source) => statSync(source).mtimeMs < made.mtimeMs);
}

mkdirSync(folder, { recursive: true });
const isNew = !isUpToDate();
if (isNew) buildReference(root, page);
const pages = buildPages(root, folder);
const problems = problemsOfSite(folder);
if (problems.length > 0) throw new Error(`The documentation cannot be published:\n${problems.join("\n")}`);
console.log(`dist/docs: index.html ${isNew ? "written" : "is up to date"}, ${pages.length} pages beside it`);
