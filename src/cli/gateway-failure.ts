/** Why nothing came of a request to a gateway, as a sentence and a code: the gateway's own, or that it could not be asked. */
import type { components } from "../../generated/rpc.ts";

type Schemas = components["schemas"];
type WireError = Schemas["Error"];
/** How a run stood that was begun and did not complete. */
export type UnfinishedRun = NonNullable<Schemas["RefusedFrame"]["payload"]>;

/** What only a client can say, besides the codes of the gateway. */
export type ClientCode = "gateway_unreachable" | "gateway_lost" | "not_a_gateway" | "protocol_mismatch";

export interface FailureOptions {
  /** Nobody listens there. */
  readonly isAbsence?: boolean;
  readonly run?: UnfinishedRun | undefined;
}

export class GatewayFailure extends Error {
  readonly code: ClientCode | WireError["details"]["code"];
  readonly isAbsence: boolean;
  readonly run: UnfinishedRun | undefined;

  constructor(code: GatewayFailure["code"], message: string, { isAbsence = false, run }: FailureOptions = {}) {
    super(message);
    this.code = code;
    this.isAbsence = isAbsence;
    this.run = run;
  }
}

/** `origin`: where the address stands that was tried. */
export function notWhereConfigured({ code, message }: GatewayFailure, origin: string): GatewayFailure {
  const why = `The port is from ${origin}: a gateway that was started with another config, or before that was changed, listens elsewhere.`;
  return new GatewayFailure(code, `${message} ${why}`, { isAbsence: true });
}

/** What the operating system calls it when nobody is there. */
const absences = new Set(["ECONNREFUSED", "EADDRNOTAVAIL", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENOTFOUND", "EAI_AGAIN"]);

/** The connection could not be made. */
export function unreachable(place: string, thrown: Error): GatewayFailure {
  const { code } = thrown as NodeJS.ErrnoException;
  if (code !== undefined && absences.has(code)) {
    const message = `No gateway answers at ${place} (${code}). Start one with \`clawgate gateway\`, or name another with --url.`;
    return new GatewayFailure("gateway_unreachable", message, { isAbsence: true });
  }
  // `Parse Error: Expected HTTP/…`, a hang-up, a certificate that is no good.
  return notAGateway(place, code ?? thrown.message);
}

export function notAGateway(place: string, what: string): GatewayFailure {
  const message = `What answers at ${place} is no gateway that this command can talk to (${what}). Name another with --url, or use --local.`;
  return new GatewayFailure("not_a_gateway", message);
}

/** To this, nothing is to be done by the caller but to wait. */
export function stopping(place: string): GatewayFailure {
  return new GatewayFailure(
    "draining",
    `The gateway at ${place} is about to stop and takes no connections any more. Try again in a moment.`,
  );
}

/** It greeted as a gateway does, and then said something else than this version's gateways do. */
export function garbled(place: string): GatewayFailure {
  const message = `What the gateway at ${place} says makes no sense to this command: they may be of different versions.`;
  return new GatewayFailure("not_a_gateway", message);
}

/** Something may be there, but it does not say what. */
export function silent(place: string, ms: number): GatewayFailure {
  return new GatewayFailure(
    "gateway_unreachable",
    `No gateway answers at ${place} within ${ms / 1000} s. Name another with --url, or use --local.`,
  );
}

/** The gateway's answer to `connect`. Its sentences speak of frames; who reads this has flags. */
export function refusedConnection(place: string, { message, details, retryAfterMs = 0 }: WireError): GatewayFailure {
  const { code } = details;
  switch (code) {
    case "PROTOCOL_MISMATCH":
      return new GatewayFailure("protocol_mismatch", `The gateway at ${place} is of another version than this command. ${message}`);
    case "AUTH_RATE_LIMITED": {
      const wait = Math.ceil(retryAfterMs / 1000);
      const words = `The gateway at ${place} had too many wrong secrets from here. Try again in ${wait} s, with the right one.`;
      return new GatewayFailure("too_many_failed_logins", words);
    }
    case "AUTH_TOKEN_MISSING":
    case "AUTH_PASSWORD_MISSING":
      return new GatewayFailure("invalid_api_key", `The gateway at ${place} asks for a secret. ${howToSend}`);
    case "AUTH_TOKEN_MISMATCH":
    case "AUTH_PASSWORD_MISMATCH":
      // One that was right until it expired is another matter, and the gateway says so.
      if (!/^The secret that was sent is wrong\b/.test(message)) return new GatewayFailure("invalid_api_key", message);
      return new GatewayFailure("invalid_api_key", `The gateway at ${place} does not know the secret that was sent. ${howToSend}`);
    default:
      return new GatewayFailure(code, message);
  }
}

const howToSend = "Give its token with --token or in OPENCLAW_GATEWAY_TOKEN. One that it made for its start is in its greeting.";
