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
import { errorReply } from "./errors.ts";
import { endAfterBody } from "./linger.ts";
import { bearerSecret } from "./security.ts";
import type { Chain, State, Step } from "./state.ts";

export interface AppParts {
  readonly config: GatewayConfig;
  readonly contract: Contract;
  readonly auth: AuthService;
  readonly log: Logger;
}

export function createApp({ config, contract, auth, log }: AppParts): Koa<State> {
  const addressOf = clientAddressBehind(config.trustedProxies);
  const app = new Koa<State>();
  // Koa's own listener prints every client that goes away as an error; the log line says it better.
  app.silent = true;
  app.use(identify);
  app.use(accessLog(log, addressOf));
  app.use(allowOrigins(config.corsOrigins));
  app.use(reportErrors);
  app.use(route(contract));
  app.use(refuseDisabled(config));
  app.use(authenticate(auth, addressOf));
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
    if (ctx.req.httpVersion === "1.1" && ctx.req.headers.host === undefined) {
      throw new GatewayError("invalid_value", "The request has no Host header, which HTTP/1.1 demands.");
    }
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

function authenticate(auth: AuthService, addressOf: ClientAddress): Step {
  return async (ctx, next) => {
    if (ctx.state.route.needsPrincipal) {
      ctx.state.principal = await auth.authenticate({ secret: bearerSecret(ctx.req), address: addressOf(ctx.req) });
    }
    await next();
  };
}
