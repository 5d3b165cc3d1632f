/**
 * A GET of an address that a caller or a model named, which must not lead into the network the gateway stands in:
 * every address a name has is checked, a connection is made to a checked one only, and each redirect is checked anew.
 *
 * Deliberately absent: credentials, cookies, proxies, and connections that outlive one request.
 */
import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { domainToASCII } from "node:url";
import type { Dispatcher } from "undici";
import type { FetchLimits } from "../domain/agent.ts";
import { readBody } from "./fetched-body.ts";
import { FetchRefused } from "./fetch-refused.ts";
import { DeadlineOver, untilAborted, withDeadline } from "./until-aborted.ts";

export { FetchRefused } from "./fetch-refused.ts";

export interface Fetched {
  readonly status: number;
  /** As the server labels it, `""` when it does not. */
  readonly contentType: string;
  readonly body: Buffer;
  /** Where the last redirect led. */
  readonly url: string;
}

export interface FetchOptions {
  /** The `accept` header. */
  readonly accept?: string;
}

export interface GuardedFetcherOptions {
  /** All addresses of a name. */
  readonly lookup?: (hostname: string) => Promise<readonly LookupAddress[]>;
  /** Tests have their servers on the loopback; nothing else passes another rule. */
  readonly isAllowedAddress?: (address: string) => boolean;
}

const redirectStatuses = new Set([301, 302, 303, 307, 308]);
const maxShownHost = 100;

/** Rejects with a `FetchRefused`, or with the signal's reason. A reply with any status but a redirect is a result. */
export function guardedFetch(url: string, limits: FetchLimits, signal: AbortSignal, options?: FetchOptions): Promise<Fetched> {
  return new GuardedFetcher().fetch(url, limits, signal, options);
}

export class GuardedFetcher {
  readonly #lookup: NonNullable<GuardedFetcherOptions["lookup"]>;
  readonly #isAllowedAddress: GuardedFetcherOptions["isAllowedAddress"];

  constructor(options: GuardedFetcherOptions = {}) {
    this.#lookup = options.lookup ?? ((hostname) => lookup(hostname, { all: true }));
    this.#isAllowedAddress = options.isAllowedAddress;
  }

  async fetch(url: string, limits: FetchLimits, signal: AbortSignal, { accept = "*/*" }: FetchOptions = {}): Promise<Fetched> {
    try {
      return await withDeadline(limits.timeoutMs, signal, (stop) => this.#follow(url, limits, stop, accept));
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof FetchRefused) throw thrown;
      if (thrown instanceof DeadlineOver)
        throw new FetchRefused("time", `The address took longer than ${limits.timeoutMs} ms and was given up.`, thrown);
      const { code } = thrown as NodeJS.ErrnoException;
      throw new FetchRefused("unreachable", `The address could not be reached${code === undefined ? "" : ` (${code})`}.`, thrown);
    }
  }

  async #follow(url: string, limits: FetchLimits, signal: AbortSignal, accept: string): Promise<Fetched> {
    let next = parseUrl(url);
    for (let redirects = 0; ; redirects++) {
      const outcome = await this.#visit(next, limits, signal, accept);
      if (!("location" in outcome)) return outcome;
      if (redirects >= limits.maxRedirects) {
        throw new FetchRefused("redirects", `The address redirects more often than allowed (${limits.maxRedirects}).`);
      }
      next = parseUrl(outcome.location, next);
    }
  }

  async #visit(url: URL, limits: FetchLimits, signal: AbortSignal, accept: string): Promise<Fetched | { location: string }> {
    const addresses = await this.#resolve(url, limits, signal);
    const { Agent } = await import("undici");
    const agent = new Agent({ connect: { lookup: answering(addresses), timeout: limits.timeoutMs } });
    try {
      const reply = await agent.request({
        method: "GET",
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        headers: { accept, "accept-encoding": "identity", "user-agent": "clawgate" },
        headersTimeout: limits.timeoutMs,
        bodyTimeout: limits.timeoutMs,
        signal,
      });
      const location = headerOf(reply.headers, "location");
      if (redirectStatuses.has(reply.statusCode) && location !== "") return { location };
      const body = await readBody(reply.body, headerOf(reply.headers, "content-encoding"), limits.maxBytes);
      return { status: reply.statusCode, contentType: headerOf(reply.headers, "content-type"), body, url: url.href };
    } finally {
      // A body that nobody wants any more, of a redirect or one too large, is cut off and not read to its end.
      await agent.destroy();
    }
  }

  /** The addresses of `url`'s host, all of them allowed. */
  async #resolve(url: URL, limits: FetchLimits, signal: AbortSignal): Promise<readonly LookupAddress[]> {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const shown = host.slice(0, maxShownHost);
    if (!limits.allowHosts.some((entry) => matchesHost(entry, host))) {
      throw new FetchRefused("host", `The host '${shown}' is not on the list of hosts that may be reached.`);
    }
    const isAllowed = this.#isAllowedAddress ?? (await import("./public-address.ts")).isPublicAddress;
    const family = isIP(host);
    const addresses = family > 0 ? [{ address: host, family }] : await untilAborted(this.#lookup(host), signal);
    // One bad address spoils the name: a name that is both public and private is made to deceive.
    if (addresses.length === 0 || !addresses.every(({ address }) => isAllowed(address))) {
      throw new FetchRefused("address", `The host '${shown}' has an address that is not public; only public ones may be reached.`);
    }
    return addresses;
  }
}

/** Whoever connects asks for the addresses once more: what it gets is what was checked, so a name cannot change in between. */
function answering(addresses: readonly LookupAddress[]): LookupFunction {
  return (_hostname, { all }, callback) => {
    const [first] = addresses;
    if (all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? "", first?.family);
  };
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : undefined;
  if (url === undefined) throw new FetchRefused("url", `The ${base ? "redirect leads to an address that" : "address"} is not a URL.`);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new FetchRefused("scheme", `Addresses must start with http:// or https://, not with ${url.protocol.slice(0, 20)}`);
  }
  if (url.username !== "" || url.password !== "") throw new FetchRefused("url", "The address must not contain a user or a password.");
  // `example.org.` is the same name; certificates and lists of hosts know it without the dot.
  url.hostname = url.hostname.replace(/\.+$/, "");
  return url;
}

/** `host` is lower case and in ASCII, as a URL has it. */
function matchesHost(entry: string, host: string): boolean {
  if (entry === "*") return true;
  const isBelow = entry.startsWith("*.");
  const name = isBelow ? entry.slice(2) : entry;
  const ascii = domainToASCII(name) || name;
  return isBelow ? host.endsWith(`.${ascii}`) : host === ascii;
}

function headerOf(headers: Dispatcher.ResponseData["headers"], name: string): string {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? "";
}
