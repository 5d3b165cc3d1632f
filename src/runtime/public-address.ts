/**
 * Whether an address belongs to the public Internet, so that anybody may be sent there.
 *
 * It allows what is known to be public and refuses all else, addresses not given to anyone included. Deliberately
 * absent: IPv4 addresses inside of IPv6 ones (mapped, NAT64, 6to4, Teredo). No public host needs them, so none is unpacked.
 */
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** All that is given out as global unicast. Everything else is special or nobody's. */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

/** In the public range, but it answers only from inside of Azure's machines, and about them. */
const azureHost = "168.63.129.16";

/** `address` as a resolver or a URL gives it; anything else is not public. */
export function isPublicAddress(address: string): boolean {
  // ipaddr.js reads looser spellings than a connection does.
  if (isIP(address) === 0 || address === azureHost) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || parsed.match(globalUnicast);
}
