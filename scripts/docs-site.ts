/**
 * The Markdown documents as pages beside the API reference in dist/docs: plain HTML with their style inside, which any
 * static host serves as they are.
 *
 * Deliberately absent: scripts, search and anything loaded. A link to a file of the repository that is not a page leads
 * to a copy of it where readers may want one, and is plain text elsewhere.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import { Marked, type Tokens } from "marked";

interface Page {
  /** From the root of the repository. */
  readonly source: string;
  /** From the root of the site. */
  readonly target: string;
  readonly title: string;
  readonly markdown: string;
}

export const reference = { target: "index.html", title: "API reference" };
const decisionsTarget = "decisions/index.html";

/** In the order in which the head of each page lists them; decisions have a page of their own. */
const sources: readonly (readonly [source: string, target: string, title: string])[] = [
  ["README.md", "guide.html", "Guide"],
  ["docs/clients.md", "clients.html", "Chat apps"],
  ["docs/sessions.md", "sessions.html", "Sessions"],
  ["docs/runs.md", "runs.html", "Runs"],
  ["docs/completions.md", "completions.html", "Stored completions"],
  ["docs/websocket.md", "websocket.html", "WebSocket"],
  ["docs/operations.md", "operations.html", "Operations"],
  ["docs/tokens.md", "tokens.html", "Tokens in the database"],
  ["docs/limits.md", "limits.html", "Limits of tokens"],
  ["docs/scaling.md", "scaling.html", "Several gateways"],
  ["SECURITY.md", "security.html", "Security"],
  ["docs/benchmarks.md", "benchmarks.html", "Benchmarks"],
  ["docs/performance.md", "performance.html", "Performance"],
  ["docs/compatibility.md", "compatibility.html", "Compatibility"],
  ["docs/errors.md", "errors.html", "Errors"],
  ["docs/cli.md", "cli.html", "Command line"],
  ["generated/client/README.md", "client.html", "TypeScript client"],
  ["docs/architecture.md", "architecture.html", "Architecture"],
  ["docs/glossary.md", "glossary.html", "Glossary"],
  ["CONTRIBUTING.md", "contributing.html", "Contributing"],
  ["docs/dependencies.md", "dependencies.html", "Dependencies"],
  ["CHANGELOG.md", "changelog.html", "Changes"],
];

/** Files that readers may want to have; they lie in files/ of the site. */
const copied =
  /^(?:openapi\.yaml|LICENSE|\.env\.example|generated\/(?:openapi\.json|config\.schema\.json)|examples\/[\w.-]+|docs\/[\w-]+\.(?:svg|json))$/;

/** Makes all of the site but the reference what the documents say now. Returns the pages. */
export function buildPages(root: string, folder: string): string[] {
  const pages = [...readPages(root), ...readDecisions(root)];
  const targets = new Map(pages.map(({ source, target }) => [source, target]));
  targets.set("docs/decisions", decisionsTarget);
  const files = new Map<string, string>();
  for (const page of pages) files.set(page.target, pageHtml(page.target, page.title, render(page, root, files, targets)));
  for (const [target, content] of files) put(join(folder, target), content);
  const stale = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { parentPath, name } of stale) {
    const target = posix.join(relative(folder, parentPath).replaceAll("\\", "/"), name);
    // What ends in a number is a draft of another build that runs at the same time.
    if (target !== reference.target && !files.has(target) && !/\.\d+(?:\.new)?$/.test(target)) rmSync(join(folder, target));
  }
  return pages.map(({ target }) => target);
}

/** What is there already stays untouched, and a reader never meets half a file. */
function put(path: string, content: string): void {
  if (existsSync(path) && readFileSync(path, "utf8") === content) return;
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, content);
  renameSync(draft, path);
}

function readPages(root: string): Page[] {
  return sources
    .filter(([source]) => existsSync(join(root, source)))
    .map(([source, target, title]) => ({ source, target, title, markdown: readFileSync(join(root, source), "utf8") }));
}

function readDecisions(root: string): Page[] {
  const names = readdirSync(join(root, "docs/decisions")).filter((name) => name.endsWith(".md"));
  const decisions = names.sort().map((name) => {
    const markdown = readFileSync(join(root, "docs/decisions", name), "utf8");
    const title = /^# (.+)$/m.exec(markdown)?.[1] ?? name;
    return { source: `docs/decisions/${name}`, target: `decisions/${name.replace(/\.md$/, ".html")}`, title, markdown };
  });
  const list = decisions.map(({ source, title }) => `- [${title}](${posix.basename(source)})`);
  const markdown = ["# Decisions", "", "What was chosen, why, and what it costs.", "", ...list].join("\n");
  return [{ source: "docs/decisions/README.md", target: decisionsTarget, title: "Decisions", markdown }, ...decisions];
}

/** Files that the page leads to are added to `files`. */
function render(page: Page, root: string, files: Map<string, string>, targets: ReadonlyMap<string, string>): string {
  const marked = new Marked({
    gfm: true,
    renderer: {
      heading({ tokens, depth, text }: Tokens.Heading): string {
        return `<h${depth} id="${anchorOf(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }: Tokens.Link): string {
        const text = this.parser.parseInline(tokens);
        const target = siteLink(page, href, root, files, targets);
        return target === undefined ? text : `<a href="${escapeHtml(target)}">${text}</a>`;
      },
      image({ href, text }: Tokens.Image): string {
        return `<img src="${escapeHtml(siteLink(page, href, root, files, targets) ?? href)}" alt="${escapeHtml(text)}">`;
      },
      table(token: Tokens.Table): string {
        const cells = (row: Tokens.TableCell[], tag: string): string =>
          `<tr>${row.map(({ tokens }) => `<${tag}>${this.parser.parseInline(tokens)}</${tag}>`).join("")}</tr>`;
        const body = token.rows.map((row) => cells(row, "td")).join("\n");
        // Wide tables scroll by themselves, not with the page.
        return `<div class="table"><table><thead>${cells(token.header, "th")}</thead><tbody>${body}</tbody></table></div>\n`;
      },
    },
  });
  // The comments say where a quote comes from; that is for those who edit the page.
  return marked.parse(page.markdown.replaceAll(/^<!--.*-->\n/gm, ""), { async: false });
}

/** A link of the document as the site has it; undefined where the site has nothing to lead to. */
function siteLink(
  page: Page,
  href: string,
  root: string,
  files: Map<string, string>,
  targets: ReadonlyMap<string, string>,
): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(href)) return href;
  const [path = "", anchor] = href.split("#");
  const fragment = anchor === undefined ? "" : `#${anchor}`;
  if (path === "") return fragment;
  const source = posix.join(posix.dirname(page.source), path).replace(/\/$/, "");
  const from = posix.dirname(page.target);
  const target = targets.get(source);
  if (target !== undefined) return posix.relative(from, target) + fragment;
  if (!copied.test(source)) return undefined;
  // Hosts tend not to serve files whose names begin with a dot.
  const copy = posix.join("files", posix.dirname(source), posix.basename(source).replace(/^\./, ""));
  files.set(copy, readFileSync(join(root, source), "utf8"));
  return posix.relative(from, copy);
}

/** As GitHub names headings, so that one link works there and here. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Links to all pages, as seen from one of them. */
export function navigation(from: string): string {
  const listed = sources.map(([, target, title]) => ({ target, title }));
  const links = [reference, ...listed, { target: decisionsTarget, title: "Decisions" }].map(({ target, title }) => {
    const current = target === from ? ' aria-current="page"' : "";
    return `<a href="${posix.relative(posix.dirname(from), target)}"${current}>${escapeHtml(title)}</a>`;
  });
  return links.join("\n");
}

function pageHtml(target: string, title: string, body: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} – Clawgate</title>
<style>
${style}
</style>
</head>
<body>
<nav>
${navigation(target)}
</nav>
<main>
${body.trim()}
</main>
</body>
</html>
`;
}

const style = `:root { color-scheme: light dark; --line: #d7dbe0; --soft: #f4f6f8; --link: #0b57d0; }
@media (prefers-color-scheme: dark) { :root { --line: #3a4048; --soft: #1f242a; --link: #8ab4f8; } }
body { margin: 0; font: 16px/1.6 system-ui, sans-serif; }
nav { display: flex; flex-wrap: wrap; gap: .25em 1.25em; padding: .6em 1.25em; border-bottom: 1px solid var(--line); font-size: 14px; }
nav [aria-current] { color: inherit; text-decoration: none; font-weight: 600; }
main { max-width: 60rem; margin: 0 auto; padding: 1em 1.25em 4em; }
a { color: var(--link); }
img { max-width: 100%; }
h1, h2, h3 { line-height: 1.25; margin-top: 1.6em; }
code, pre { font: 14px/1.5 ui-monospace, monospace; }
code { background: var(--soft); padding: .1em .3em; border-radius: 3px; }
pre { background: var(--soft); padding: .8em 1em; border-radius: 6px; overflow-x: auto; }
pre code { background: none; padding: 0; }
.table { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: .35em .7em; text-align: left; vertical-align: top; }`;
