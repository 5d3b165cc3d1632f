/**
 * `connect`: who is calling and on which terms, or why not. Decided in this order: protocol, role, origin, secret, device.
 *
 * Deliberately absent: what may be known of the gateway before that, which is nothing but the challenge.
 */
import type { IncomingMessage } from "node:http";
import type { AuthConfig, GatewayConfig } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import type { AuthService } from "../service/auth-service.ts";
import type { ParamsOf } from "./contract.ts";
import { checkDevice } from "./device.ts";
import { refusal, RpcError, toWireError, type WireError } from "./errors.ts";
import { grantedScopes, type Scope } from "./scopes.ts";

export const protocolVersion = 4;

export type ConnectParams = ParamsOf<"connect">;

/** What is known of a connection before it says anything. */
export interface Arrival {
  readonly nonce: string;
  /** The client's, behind trusted proxies. */
  readonly address: string;
  /** Of the web page that connects; undefined when none does. */
  readonly origin: string | undefined;
  readonly host: string | undefined;
}

export interface Admission {
  readonly principal: Principal;
  readonly scopes: readonly Scope[];
  /** Only events of what this connection names. */
  readonly isScoped: boolean;
}

export interface HandshakeParts {
  readonly auth: Pick<AuthService, "authenticate">;
  readonly config: Pick<GatewayConfig, "auth" | "corsOrigins">;
}

export function arrivalOf(req: IncomingMessage, nonce: string, address: string): Arrival {
  return { nonce, address, origin: req.headers.origin, host: req.headers.host };
}

export async function admit(params: ConnectParams, arrival: Arrival, { auth, config }: HandshakeParts): Promise<Admission> {
  const { minProtocol, maxProtocol, role = "operator", scopes, caps = [] } = params;
  if (minProtocol > protocolVersion || maxProtocol < protocolVersion) {
    const message = `Protocol mismatch: this gateway speaks version ${protocolVersion}.`;
    throw refusal({ code: "PROTOCOL_MISMATCH", expectedProtocol: protocolVersion }, message);
  }
  if (role !== "operator") throw refusal({ code: "ROLE_NOT_SUPPORTED" }, "This gateway knows no other role than operator.");
  if (!isAllowedOrigin(arrival, config)) {
    const message = "This web page may not connect. List its origin in gateway.http.cors.origins.";
    throw refusal({ code: "CONTROL_UI_ORIGIN_NOT_ALLOWED" }, message, "FORBIDDEN");
  }
  const principal = await authenticate(params, arrival, { auth, config });
  checkDevice(params, arrival.nonce, Date.now());
  return { principal, scopes: grantedScopes(scopes), isScoped: caps.includes("session-scoped-events") };
}

/** A page of the gateway's own address, or of a listed origin. Where no secret is asked for, an address is one of this machine only. */
function isAllowedOrigin({ origin, host }: Arrival, { auth, corsOrigins }: HandshakeParts["config"]): boolean {
  if (origin === undefined || corsOrigins.includes(origin)) return true;
  if (!URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase()) return false;
  // Otherwise any page could have its own name lead here.
  return auth.mode !== "none" || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(origin).hostname);
}

async function authenticate(
  { auth: sent = {} }: ConnectParams,
  { address }: Arrival,
  { auth, config }: HandshakeParts,
): Promise<Principal> {
  const { mode } = config.auth;
  const secrets = mode === "password" ? [sent.password, sent.token] : [sent.token, sent.password];
  const secret = secrets.find((one) => one !== undefined && one !== "");
  try {
    return await auth.authenticate({ secret, address, sentAs: `'auth.${mode}' of connect` });
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown;
    const wire = toWireError(thrown);
    throw new RpcError({ ...wire, details: { code: authCode(thrown, { mode, secret, sent }) } });
  }
}

interface Sent {
  readonly mode: AuthConfig["mode"];
  readonly secret: string | undefined;
  readonly sent: NonNullable<ConnectParams["auth"]>;
}

/** Clients go by it: they forget a device token that is no good, and stop trying with a wrong secret. */
function authCode({ code }: GatewayError, { mode, secret, sent }: Sent): WireError["details"]["code"] {
  if (code === "too_many_failed_logins") return "AUTH_RATE_LIMITED";
  if (code !== "invalid_api_key") return code;
  if (sent.deviceToken !== undefined && (secret === undefined || secret === sent.deviceToken)) return "AUTH_DEVICE_TOKEN_MISMATCH";
  if (secret === undefined && sent.bootstrapToken !== undefined) return "AUTH_BOOTSTRAP_TOKEN_INVALID";
  if (mode === "password") return secret === undefined ? "AUTH_PASSWORD_MISSING" : "AUTH_PASSWORD_MISMATCH";
  return secret === undefined ? "AUTH_TOKEN_MISSING" : "AUTH_TOKEN_MISMATCH";
}
