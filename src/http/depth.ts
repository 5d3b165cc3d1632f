/** Bounds on free-form JSON that goes on to a provider or a checker: serialising it is recursive, and reading it costs work. */
import { GatewayError } from "../domain/errors.ts";
import { exceededBound } from "../domain/json-bounds.ts";

const maxDepth = 64;
const maxBytes = 256 * 1024;
/** Far more than a schema of a readable size has; looking at each takes time that others wait. */
const maxNodes = 100_000;

/** Throws `invalid_value` for `param` when `value` is nested deeper. */
export function refuseDeep(value: object, param: string): void {
  const exceeded = exceededBound(value, { maxDepth, maxNodes });
  if (exceeded === "nodes") throw new GatewayError("invalid_value", `'${param}' has more than ${maxNodes} objects and lists.`, { param });
  if (exceeded === "depth") throw new GatewayError("invalid_value", `'${param}' is nested deeper than ${maxDepth} levels.`, { param });
}

/** Throws `invalid_value` for `param` when the JSON of `value`, which is not deep, is longer. */
export function refuseLong(value: object, param: string): void {
  if (Buffer.byteLength(JSON.stringify(value)) <= maxBytes) return;
  throw new GatewayError(
    "invalid_value",
    `'${param}' is longer than ${maxBytes / 1024} KiB. Leave out of it what the reply does not need.`,
    {
      param,
    },
  );
}
