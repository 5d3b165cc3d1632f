/** Lists of hosts that may be reached: what an entry of one may be. Whether a host is on a list is `runtime/guarded-fetch.ts`. */
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import type { ConfigPath, Findings } from "./config-error.ts";

const maxShown = 100;

/** The entries as they are compared, each that could match no host reported. `path` is the list's. */
export function readHostNames(entries: readonly string[], path: ConfigPath, findings: Findings): string[] {
  return entries.map((entry, index) => {
    const host = entry.trim().toLowerCase();
    if (!isHostEntry(host)) {
      const shown = JSON.stringify(host.slice(0, maxShown));
      findings.error(
        [...path, index],
        `${shown} must be a host name only, such as "example.org", "*.example.org" or "*": no scheme, user, port, path or blanks.`,
      );
    }
    return host;
  });
}

function isHostEntry(host: string): boolean {
  if (host === "*" || isIP(host) > 0) return true;
  // What follows would take them for the ends of a host and cut them off.
  if (/[/\\?#@:]/.test(host)) return false;
  const ascii = domainToASCII(host.replace(/^\*\./, ""));
  return ascii.split(".").every((label) => /^[a-z\d_-]+$/.test(label));
}
