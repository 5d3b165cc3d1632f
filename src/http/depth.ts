/** A bound on the depth of free-form JSON that goes on to a provider: serialising it is recursive. */
import { GatewayError } from "../domain/errors.ts";

const maxDepth = 64;

/** Throws `invalid_value` for `param` when `value` is nested deeper. */
export function refuseDeep(value: object, param: string): void {
  let level: object[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) throw new GatewayError("invalid_value", `'${param}' is nested deeper than ${maxDepth} levels.`, { param });
    level = level.flatMap((node) => Object.values(node).filter((child): child is object => typeof child === "object" && child !== null));
  }
}
