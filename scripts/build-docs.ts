/**
 * Makes dist/docs/index.html, the documentation page served at /docs, out of the contract. One file that loads nothing:
 * a page that would is refused, because it would be blank on a machine without internet and tell others who reads it.
 * Does nothing when the page is newer than what it is made from.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const redocly = join(root, "node_modules/@redocly/cli/bin/cli.js");
const contract = join(root, "openapi.yaml");
const page = join(root, "dist/docs/index.html");

function isUpToDate(): boolean {
  const made = statSync(page, { throwIfNoEntry: false });
  if (!made) return false;
  return [contract, fileURLToPath(import.meta.url)].every((source) => statSync(source).mtimeMs < made.mtimeMs);
}

function build(output: string): void {
  execFileSync(process.execPath, [redocly, "build-docs", contract, "--output", output, "--title", "Clawgate API", "--inlineBundle"], {
    env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
    stdio: ["ignore", "ignore", "pipe"],
  });
}

/** What a browser would fetch while it shows the page. Links that a reader may follow are not among it. */
function externalLoads(html: string): string[] {
  const markup = html.replace(/(<script\b[^>]*>)[\s\S]*?(?=<\/script)/g, "$1");
  const tags = markup.match(
    /<(?:script|link|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|href|data)\s*=\s*["']?(?:https?:)?\/\/[^>]*>/g,
  );
  const styles = markup.match(/(?:url\(|@import)\s*["']?(?:https?:)?\/\/[^"')\s]*/g);
  return [...(tags ?? []), ...(styles ?? [])];
}

if (isUpToDate()) {
  console.log("dist/docs/index.html is up to date");
} else {
  mkdirSync(dirname(page), { recursive: true });
  const draft = `${page}.new`;
  build(draft);
  const loads = externalLoads(readFileSync(draft, "utf8"));
  if (loads.length > 0) {
    rmSync(draft);
    throw new Error(`The documentation page would load from elsewhere:\n${loads.join("\n")}`);
  }
  renameSync(draft, page);
  console.log("wrote dist/docs/index.html");
}
