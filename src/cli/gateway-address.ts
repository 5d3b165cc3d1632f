/** Where a gateway is reached: the address it listens on, or one that somebody typed, as the URL of its WebSocket. */
import { isLoopbackHost } from "../config/gateway.ts";

/** `http` for requests, `ws` for a connection. */
export function addressOf({ host, port }: { readonly host: string; readonly port: number }, scheme: "http" | "ws"): URL {
  const callable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return new URL(`${scheme}://${callable.includes(":") ? `[${callable}]` : callable}:${port}`);
}

/** Undefined for what is no address of a gateway. */
export function parseGatewayUrl(given: string): URL | undefined {
  const hasScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(given);
  const text = hasScheme ? given : `ws://${given}`;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  // To another machine, whether the secret goes there in the clear is for whoever types the address to say.
  if (!hasScheme && !isOnThisMachine(url)) return undefined;
  // To its HTTP face it is the same place.
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  if (!/^wss?:$/.test(url.protocol) || url.username !== "" || url.password !== "") return undefined;
  url.hash = "";
  // OpenAI clients are given the address with this path.
  url.pathname = url.pathname.replace(/\/v1\/?$/, "/");
  return url;
}

/** As sentences say it: without what a query may hold. */
export function shownAddress({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}

/** Whether what is sent there stays on this machine. */
export function isOnThisMachine({ hostname }: URL): boolean {
  return isLoopbackHost(hostname.replace(/^\[(.*)\]$/, "$1"));
}
