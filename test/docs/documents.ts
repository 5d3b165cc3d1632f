/** The documents of the repository, and what can be found in their text. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Paths from the root. */
export function documentPaths(): string[] {
  const isDocument = (name: string): boolean => name.endsWith(".md");
  const inDocs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" });
  return [...readdirSync(root).filter(isDocument), ...inDocs.filter(isDocument).map((name) => join("docs", name))];
}

export function readDocument(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The blocks fenced with this language. */
export function codeBlocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)\n```$/gm)].flatMap(([, found, text]) => (found === language && text ? [text] : []));
}

/** Without fenced blocks: what a reader reads. */
export function prose(markdown: string): string {
  return markdown.replaceAll(/^```[\s\S]*?^```$/gm, "");
}

/** Targets of `[text](target)`, those with a scheme left out. */
export function relativeLinks(markdown: string): string[] {
  const targets = [...prose(markdown).matchAll(/\]\(([^()\s]+)\)/g)].flatMap(([, target]) => (target ? [target] : []));
  return targets.filter((target) => !/^[a-z]+:/i.test(target));
}

/** The anchors that a page's headings make, as GitHub names them. */
export function anchors(markdown: string): Set<string> {
  const headings = [...prose(markdown).matchAll(/^#+ (.+)$/gm)].flatMap(([, heading]) => (heading ? [heading] : []));
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** Paths of this repository that stand in backticks, such as `src/http/app.ts` and `test/store/`. */
export function namedPaths(markdown: string): string[] {
  const paths = prose(markdown).matchAll(/`((?:bin|docs|examples|generated|scripts|src|test)\/[\w./-]*)`/g);
  return [...paths].flatMap(([, path]) => (path ? [path] : []));
}
