/**
 * The HTTP face, as the chain every request goes down.
 *
 * The order of answers is this order: framing (`server.ts`), then 404/405, disabled, locked out, 401, 413/415, 400,
 * and only then the run. Nobody unauthenticated makes the gateway parse anything.
 */
import { randomUUID } from "node:crypto";
import Koa from "koa";
import type { Logger } from "pino";
import type { GatewayConfig } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import type { AuthService } from "../service/auth-service.ts";
import { accessLog } from "./access-log.ts";
import { readBody } from "./body.ts";
import { type ClientAddress, clientAddressBehind } from "./client-address.ts";
import type { Contract } from "./contract.ts";
import { allowOrigins } from "./cors.ts";
import { dispatch } from "./dispatch.ts";
import { errorReply, Refusal } from "./errors.ts";
import type { Exchanges } from "./exchanges.ts";
import { framingFault } from "./framing.ts";
import { endAfterBody } from "./linger.ts";
import { isLocalCaller, namesLoopback } from "./local-caller.ts";
import { observeRequests, type RequestObserver } from "./request-observer.ts";
import { bearerSecret } from "./security.ts";
import type { Chain, State, Step } from "./state.ts";

export interface AppParts {
  readonly config: GatewayConfig;
  readonly contract: Contract;
  readonly auth: AuthService;
  readonly exchanges: Exchanges;
  readonly observer: RequestObserver;
  readonly log: Logger;
  /** Names of the headers that the contract knows. */
  readonly headerNames: ReadonlySet<string>;
}

export function createApp({ config, contract, auth, exchanges, observer, log, headerNames }: AppParts): Koa<State> {
  const addressOf = clientAddressBehind(config.trustedProxies);
  const app = new Koa<State>();
  // Koa's own listener prints every client that goes away as an error; the log line says it better.
  app.silent = true;
  app.use(identify);
  app.use(observeRequests(observer));
  app.use(accessLog(log, addressOf, new Set([...headerNames, config.chatCompletions.sessionHeader ?? ""])));
  app.use(allowOrigins(config.corsOrigins));
  app.use(reportErrors);
  app.use(route(contract));
  app.use(refuseDisabled(config));
  if (config.auth.mode === "none") app.use(refuseOtherNames);
  app.use(authenticate(auth, exchanges, addressOf));
  app.use(readBody(config.chatCompletions.maxBodyBytes));
  app.use(dispatch(contract, config.chatCompletions));
  return app;
}

const identify: Step = (ctx, next) => {
  const given = ctx.get("x-request-id");
  ctx.state.requestId = /^[\w.-]{1,128}$/.test(given) ? given : randomUUID();
  ctx.state.path = pathOf(ctx);
  ctx.set({ "x-request-id": ctx.state.requestId, "x-content-type-options": "nosniff" });
  return next();
};

/** Koa throws when the request's target is an absolute address that is no URL. */
function pathOf(ctx: Chain): string | undefined {
  try {
    return ctx.path;
  } catch {
    return undefined;
  }
}

/** Whatever is thrown below becomes an error reply in the contract's shape. */
const reportErrors: Step = async (ctx: Chain, next) => {
  try {
    await next();
  } catch (thrown) {
    const reply = errorReply(thrown);
    ctx.state.failure = reply.error;
    ctx.respond = true;
    ctx.status = reply.status;
    ctx.set(reply.headers);
    ctx.type = "application/json";
    const json = JSON.stringify(reply.body);
    ctx.body = json;
    if (ctx.req.complete) return;
    ctx.respond = false;
    endAfterBody(ctx.req, ctx.res, json);
  }
};

function route(contract: Contract): Step {
  return (ctx, next) => {
    const fault = framingFault(ctx.req);
    // What follows on the connection may be no request of this client's.
    if (fault !== undefined) throw new Refusal(new GatewayError("invalid_value", fault), { connection: "close" });
    if (ctx.state.path === undefined) throw new GatewayError("invalid_value", "The request's target is neither a path nor a URL.");
    ctx.state.route = contract.route(ctx.method, ctx.state.path);
    return next();
  };
}

function refuseDisabled({ chatCompletions }: GatewayConfig): Step {
  return (ctx, next) => {
    const key = ctx.state.route.enabledBy;
    if (key === undefined || chatCompletions.enabled) return next();
    throw new GatewayError("endpoint_disabled", `This endpoint is disabled. Set ${key}: true in the gateway's config to enable it.`);
  };
}

/**
 * Where nobody needs a secret, a name is all that tells a program of this machine from a web page whose own name was made to
 * lead here, to which the browser would show the replies.
 */
const refuseOtherNames: Step = (ctx, next) => {
  if (!ctx.state.route.needsPrincipal || namesLoopback(ctx.req.headers.host ?? "")) return next();
  throw new GatewayError(
    "invalid_value",
    "Without a secret the gateway answers to localhost and loopback addresses only, so that no web page reaches it by a name of its own. Set gateway.auth, or let the proxy before it send 'Host: localhost'.",
    { param: "host" },
  );
};

function authenticate(auth: AuthService, exchanges: Exchanges, addressOf: ClientAddress): Step {
  return async (ctx, next): Promise<void> => {
    const { needsPrincipal, isOpenLocally } = ctx.state.route;
    if (!needsPrincipal) return void (await next());
    const [secret, address] = [bearerSecret(ctx.req), addressOf(ctx.req)];
    if (isOpenLocally && secret === undefined && isLocalCaller(ctx.req.headers, address)) return void (await next());
    const principal = await auth.authenticate({ secret, address });
    ctx.state.principal = principal;
    await exchanges.add(principal, ctx.req, next);
  };
}
