/** What the chain has found out about a request so far, each field by the step of the same meaning. */
import type { Middleware, ParameterizedContext } from "koa";
import type { GatewayError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import type { Route } from "./contract.ts";

export interface State {
  requestId: string;
  /** Undefined when the request's target is not a URL. */
  path: string | undefined;
  route: Route;
  /** Undefined on operations that need no token. */
  principal?: Principal;
  /** Undefined on operations without a request body. */
  body?: unknown;
  /** The error that was answered, for the log. */
  failure?: GatewayError;
}

export type Chain = ParameterizedContext<State>;
export type Step = Middleware<State>;
