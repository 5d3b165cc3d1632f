/** The address of the client, behind those proxies only that the configuration trusts. */
import type { IncomingMessage } from "node:http";
import proxyAddress from "proxy-addr";

export type ClientAddress = (req: IncomingMessage) => string;

/** `trustedProxies` are addresses or CIDR ranges; from anyone else `X-Forwarded-For` counts for nothing. */
export function clientAddressBehind(trustedProxies: readonly string[]): ClientAddress {
  if (trustedProxies.length === 0) return (req) => req.socket.remoteAddress ?? "unknown";
  const isTrusted = proxyAddress.compile([...trustedProxies]);
  return (req) => (req.socket.remoteAddress === undefined ? "unknown" : withoutPort(proxyAddress(req, isTrusted)));
}

/** Some proxies write the client's port behind its address: `203.0.113.1:1001`, `[2001:db8::1]:1001`. */
function withoutPort(address: string): string {
  return /^\[(.+)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address;
}
