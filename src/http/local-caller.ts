/**
 * Whether a request comes from the gateway's own machine, and not from elsewhere by way of something there.
 *
 * A proxy on this machine connects from a loopback address too, and so does the browser of somebody who looks at a strange
 * page: the one says that it forwards, or passes on the name its own caller used; the other names a host of the page's.
 */
import type { IncomingHttpHeaders } from "node:http";
import ipaddr from "ipaddr.js";

/** `address`: the client's, behind trusted proxies. */
export function isLocalCaller(headers: IncomingHttpHeaders, address: string): boolean {
  return isLoopback(address) && namesLoopback(headers.host ?? "") && !Object.keys(headers).some(isForwarding);
}

function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "loopback";
}

/** Of a `Host` header, its port included. */
export function namesLoopback(host: string): boolean {
  const name = host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
  return /^localhost\.?$/i.test(name) || isLoopback(name);
}

function isForwarding(name: string): boolean {
  return name.startsWith("x-forwarded-") || ["forwarded", "via", "x-real-ip", "cf-connecting-ip", "true-client-ip"].includes(name);
}
