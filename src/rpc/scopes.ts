/**
 * What a connection limits itself to, in OpenClaw's words. The rights themselves are the principal's; scopes never add any.
 */
import { GatewayError } from "../domain/errors.ts";
import type { ResultOf } from "./contract.ts";
import { refusal } from "./errors.ts";

export type Scope = ResultOf<"connect">["auth"]["scopes"][number];

/** Each includes those before it. */
const ladder: readonly Scope[] = ["operator.read", "operator.write", "operator.admin"];

/**
 * Those of the asked ones that mean something here; all, when none were asked for. Clients of OpenClaw's ask for others
 * besides. Throws where there are others only: the connection could do nothing, and its client would learn it from its first request.
 */
export function grantedScopes(asked: readonly string[] | undefined): readonly Scope[] {
  if (asked === undefined) return ["operator.admin"];
  const granted = ladder.filter((scope) => asked.includes(scope));
  if (granted.length > 0 || asked.length === 0) return granted;
  const message = `None of these scopes is known here. Ask for ${ladder.slice(0, -1).join(", ")} or ${ladder.at(-1)}, or leave 'scopes' out.`;
  throw new GatewayError("invalid_value", message, { param: "scopes" });
}

export function includesScope(granted: readonly Scope[], needed: string | undefined): boolean {
  return needed === undefined || granted.some((scope) => ladder.indexOf(scope) >= ladder.indexOf(needed as Scope));
}

export function missingScope(method: string, needed: string): Error {
  return refusal(
    { code: "MISSING_SCOPE", missingScope: needed, requiredScopes: [needed] },
    `The method ${method} needs the scope ${needed}, which this connection did not ask for.`,
    "FORBIDDEN",
  );
}
