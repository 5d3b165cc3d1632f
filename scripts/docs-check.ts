/**
 * What is wrong with a built documentation site: pages that would load something from elsewhere, because they would be
 * blank on a machine without internet and tell others who reads them, and links that lead nowhere.
 *
 * Deliberately absent: links to other sites, which a reader may follow and nobody here can vouch for.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** A line each; nothing, if the site can be published. */
export function problemsOfSite(folder: string): string[] {
  const pages = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".html"));
  return pages.sort().flatMap((page) => {
    const html = readFileSync(join(folder, page), "utf8");
    return [
      ...externalLoads(html).map((load) => `${page} would load ${load}`),
      ...brokenLinks(folder, page, html).map((link) => `${page} links to ${link}, which is not there`),
    ];
  });
}

/** What a browser would fetch while it shows the page. */
export function externalLoads(html: string): string[] {
  const markup = withoutScripts(html);
  const tags = markup.match(
    /<(?:script|link|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|srcset|href|data)\s*=\s*["']?(?:https?:)?\/\/[^>]*>/g,
  );
  const styles = markup.match(/(?:url\(|@import)\s*["']?(?:https?:)?\/\/[^"')\s]*/g);
  return [...(tags ?? []), ...(styles ?? [])];
}

function brokenLinks(folder: string, page: string, html: string): string[] {
  const targets = [...withoutScripts(html).matchAll(/<(?:a|link|img|script)\b[^>]*?\b(?:href|src)="([^"]*)"/g)].map(
    ([, target = ""]) => target,
  );
  return [...new Set(targets)].filter((target) => {
    if (/^[a-z][a-z+.-]*:/i.test(target)) return false;
    // The reference finds its own places in itself when it is opened.
    if (page === "index.html" && /^[#/]/.test(target)) return false;
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? join(folder, page) : join(folder, dirname(page), path);
    if (relative(folder, file).startsWith("..") || !existsSync(file) || !statSync(file).isFile()) return true;
    return anchor !== undefined && !readFileSync(file, "utf8").includes(` id="${anchor}"`);
  });
}

function withoutScripts(html: string): string {
  return html.replace(/(<script\b[^>]*>)[\s\S]*?(?=<\/script)/g, "$1");
}
