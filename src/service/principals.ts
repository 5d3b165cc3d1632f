/**
 * Named tokens of the configuration as principals, each with its end.
 *
 * Deliberately absent: secrets. Who sent which is the auth service's to find out; the command line needs none.
 */
import type { NamedToken } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import { mainPrincipal, type Principal } from "../domain/principal.ts";

export interface Holder {
  readonly principal: Principal;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export const mainHolder: Holder = Object.freeze({ principal: mainPrincipal, expiresAt: Number.POSITIVE_INFINITY });

export function holderOf({ name, agents, models, expiresAt, limits }: NamedToken): Holder {
  return {
    principal: Object.freeze({
      name,
      isMain: false,
      ...(agents ? { agents } : {}),
      ...(models ? { models } : {}),
      ...(limits ? { limits } : {}),
    }),
    expiresAt: expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt),
  };
}

/** Throws `invalid_api_key` once the holder's token has expired. */
export function principalAt({ principal, expiresAt }: Holder, now: number): Principal {
  if (now < expiresAt) return principal;
  const end = new Date(expiresAt).toISOString();
  throw new GatewayError("invalid_api_key", `The token '${principal.name}' expired at ${end}. Ask whoever runs the gateway for a new one.`);
}

/** `main`, or the token's name; throws `invalid_value` for a name that is not configured, and `invalid_api_key` for an expired one. */
export function principalNamed(tokens: readonly NamedToken[], name: string, param: string): Principal {
  if (name === mainPrincipal.name) return mainPrincipal;
  const token = tokens.find((one) => one.name === name);
  if (token) return principalAt(holderOf(token), Date.now());
  const known = [mainPrincipal.name, ...tokens.map((one) => one.name)].join(", ");
  throw new GatewayError("invalid_value", `There is no token of that name. There are: ${known}.`, { param });
}
