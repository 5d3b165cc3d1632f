/** What a provider's address, key and headers may be. Values are never quoted: they may be secrets. */
import type { ConfigPath, Findings } from "./config-error.ts";
import type { ProviderConfig } from "./config.ts";

/** The HTTP client's business: most of these make every request fail, the others change how its connection is used. */
const connectionHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);

/** What is wrong with it as an address, or undefined. */
export function checkUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return "must be a URL that starts with http:// or https://.";
  if (url.username !== "" || url.password !== "") return "must not contain a user or password; use apiKey or headers.";
  if (url.search !== "" || url.hash !== "") return "must end with its path, without ? and #.";
  return undefined;
}

export const notAHeaderValue =
  "has a character that no HTTP header can carry, such as a line break or a typographic quotation mark; take the value over again.";

export function isHeaderValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}

/** Names are well formed by now. */
export function checkHeaders(headers: ProviderConfig["headers"], path: ConfigPath, findings: Findings): void {
  for (const [name, value] of Object.entries(headers)) {
    if (connectionHeaders.has(name.toLowerCase())) {
      findings.error([...path, name], "this header belongs to the connection and is set by the gateway; remove it.");
    } else if (!isHeaderValue(value)) findings.error([...path, name], notAHeaderValue);
  }
}

/**
 * The address that requests are made below, without a slash at its end. For Anthropic's and Google's protocols users
 * write it with or without the version, as each of the many clients wants it, so a missing one is added.
 */
export function toBaseUrl(text: string, api: ProviderConfig["api"]): string {
  const trimmed = text.trim().replace(/\/+$/, "");
  const version = versions.get(api);
  return version === undefined || /\/v\d[\w.]*$/.test(trimmed) ? trimmed : `${trimmed}/${version}`;
}

const versions: ReadonlyMap<ProviderConfig["api"], string> = new Map([
  ["anthropic-messages", "v1"],
  ["google-generative-ai", "v1beta"],
]);

export const anthropicUrl = "https://api.anthropic.com/v1";
export const googleUrl = "https://generativelanguage.googleapis.com/v1beta";
