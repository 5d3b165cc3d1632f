/** Who sent a request, for the operations that need to know. */
import { GatewayError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import type { RequestContext } from "./contract.ts";

/** The contract secures the operations that ask, so there is always a principal. */
export function callerOf({ principal }: Pick<RequestContext, "principal">): Principal {
  if (!principal) throw new GatewayError("invalid_api_key", "This operation needs a token.");
  return principal;
}
