/**
 * What a connection limits itself to, in OpenClaw's words. The rights themselves are the principal's; scopes never add any.
 */
import type { ResultOf } from "./contract.ts";
import { refusal } from "./errors.ts";

export type Scope = ResultOf<"connect">["auth"]["scopes"][number];

/** Each includes those before it. */
const ladder: readonly Scope[] = ["operator.read", "operator.write", "operator.admin"];

/** Those of the asked ones that mean something here; all, when none were asked for. */
export function grantedScopes(asked: readonly string[] | undefined): readonly Scope[] {
  return asked === undefined ? ["operator.admin"] : ladder.filter((scope) => asked.includes(scope));
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
