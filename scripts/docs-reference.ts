/**
 * The API reference: Redoc's page of the contract, made fit to be opened anywhere. It loads nothing, and has a line of
 * links to the other pages of the site. One file, because the gateway serves it alone, at /docs; there the line is hidden.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { externalLoads } from "./docs-check.ts";
import { navigation, reference } from "./docs-site.ts";

/** Writes the page, or throws and leaves what was there. */
export function buildReference(root: string, page: string): void {
  const draft = `${page}.${process.pid}.new`;
  const redocly = join(root, "node_modules/@redocly/cli/bin/cli.js");
  const args = ["build-docs", join(root, "openapi.yaml"), "--output", draft, "--title", "Clawgate API", "--inlineBundle"];
  execFileSync(process.execPath, [redocly, ...args], {
    env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const html = withNavigation(selfContained(readFileSync(draft, "utf8")));
  const loads = externalLoads(html);
  if (loads.length > 0) {
    rmSync(draft);
    throw new Error(`The API reference would load from elsewhere:\n${loads.join("\n")}`);
  }
  writeFileSync(draft, html);
  renameSync(draft, page);
}

/** Whatever the page's code may come to want, the browser fetches nothing for it. */
const policy = [
  "default-src 'none'",
  "script-src 'unsafe-inline' blob:",
  "worker-src blob:",
  "connect-src blob: data:",
  "style-src 'unsafe-inline'",
  "img-src data: blob:",
  "font-src data:",
].join("; ");

/** The page's code would fetch a picture of Redoc's name; the name is drawn here instead. */
const logo = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="16"><text y="13" font-family="sans-serif" font-size="13" fill="gray">Redoc</text></svg>',
)}`;

function selfContained(html: string): string {
  const pieces = html.replaceAll(/https:\/\/cdn\.redoc\.ly\/redoc\/logo-[\w-]+\.svg/g, logo).split(/(?=<script\b)|(?<=<\/script>)/);
  // Places inside the page are found after a '#', also when such a link is opened in a tab of its own.
  const linked = pieces.map((piece) => (piece.startsWith("<script") ? piece : piece.replaceAll(/(<a\b[^>]* href=")\//g, "$1#/")));
  return linked.join("").replace("<head>", `<head>\n  <meta http-equiv="Content-Security-Policy" content="${policy}">`);
}

function withNavigation(html: string): string {
  const bar = `<nav id="guides" hidden style="font:14px/1.5 system-ui,sans-serif;padding:8px 20px">
<style>#guides a{margin-right:1.25em;display:inline-block;color:#0b57d0}</style>
${navigation(reference.target)}
</nav>
<script>document.getElementById("guides").hidden = /\\/docs\\/?$/.test(location.pathname);</script>`;
  return html.replace("<body>", `<body>\n${bar}`);
}
