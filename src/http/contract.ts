/**
 * The contract, compiled: routes, validates and dispatches what `openapi.yaml` describes to handlers whose types
 * come from it. A missing operation, a wrong body or an undeclared status does not compile.
 *
 * Deliberately absent: validation of the document itself (`redocly lint` does it) and of replies at run time (types
 * and tests do it).
 */
import type { Context, Operation, Request } from "openapi-backend";
import type { IncomingHttpHeaders } from "node:http";
import type { operations } from "../../generated/openapi.ts";
import { GatewayError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import { toValidationError } from "../service/validation-errors.ts";
import { ContractBackend } from "./contract-backend.ts";
import { type ErrorBody, Refusal } from "./errors.ts";
import { queryOf } from "./query.ts";
import type { Numbered } from "./sse.ts";

export type OperationId = keyof operations;

type BodyOf<Id extends OperationId> = operations[Id] extends { requestBody: { content: { "application/json": infer Body } } }
  ? Body
  : undefined;

/** A request that fits the contract. */
export interface OperationRequest<Id extends OperationId> {
  readonly path: operations[Id]["parameters"]["path"];
  readonly query: NonNullable<operations[Id]["parameters"]["query"]>;
  readonly headers: NonNullable<operations[Id]["parameters"]["header"]>;
  readonly body: BodyOf<Id>;
}

/** What is known of a request besides what the contract says. */
export interface RequestContext {
  /** Undefined on operations that need no token. */
  readonly principal: Principal | undefined;
  /** Aborts when the client goes away before its reply is complete. */
  readonly signal: AbortSignal;
  /** All request headers, also those that only the configuration names. */
  readonly headers: IncomingHttpHeaders;
}

type Headers = { readonly [name: string]: string };
/** With numbers, an error is an event like others: its reader asked for what happened, and got it. */
type StreamOf<Chunk extends object> = AsyncIterable<Chunk> | AsyncIterable<Numbered<Chunk | ErrorBody>>;
/** Text may come as the bytes it is. */
type BodyValue<Media, Value> = Media extends "application/json" ? Value : Value | Buffer;
type ContentReply<Status, Content> = {
  [Media in keyof Content]: Media extends "text/event-stream"
    ? { readonly status: Status; readonly type: Media; readonly headers?: Headers; readonly stream: StreamOf<Content[Media] & object> }
    : { readonly status: Status; readonly type: Media; readonly headers?: Headers; readonly body: BodyValue<Media, Content[Media]> };
}[keyof Content];

/** One of the replies that the contract declares for the operation. Errors are thrown, not returned. */
export type OperationReply<Id extends OperationId> = {
  [Status in keyof operations[Id]["responses"]]: operations[Id]["responses"][Status] extends { content: infer Content }
    ? ContentReply<Status, Content>
    : never;
}[keyof operations[Id]["responses"]];

/** Any reply, as the chain sends it. */
export type Reply =
  | { readonly status: number; readonly type: string; readonly headers?: Headers; readonly body: unknown }
  | { readonly status: number; readonly type: "text/event-stream"; readonly headers?: Headers; readonly stream: AsyncIterable<object> };

/** A handler for every operation of the contract. */
export type Operations = {
  readonly [Id in OperationId]: (request: OperationRequest<Id>, context: RequestContext) => Promise<OperationReply<Id>>;
};

export interface Route {
  readonly operation: Operation;
  /** The path as the router reads it. */
  readonly path: string;
  readonly needsPrincipal: boolean;
  /** Callers on the gateway's own machine need no principal: the contract's security has `{}` beside the token. */
  readonly isOpenLocally: boolean;
  readonly hasBody: boolean;
  /** The config key that must be true for the operation to exist, from the contract's `x-openclaw-enabled-by`. */
  readonly enabledBy: string | undefined;
}

/** A routed request, as the chain knows it. */
export interface RoutedRequest extends RequestContext {
  /** The address from its `?` on, or nothing. */
  readonly search: string;
  readonly body: unknown;
}

/** Every handler as the dispatcher sees it: what it is given has been validated against the types it was written for. */
type UntypedHandler = (
  request: { path: unknown; query: unknown; headers: unknown; body: unknown },
  context: RequestContext,
) => Promise<Reply>;

export class Contract {
  readonly #backend: ContractBackend;

  private constructor(backend: ContractBackend) {
    this.#backend = backend;
  }

  /** `document` is the bundled contract. Nothing is compiled per request afterwards; the handlers are asked for with each. */
  static async load(document: object, handlersNow: () => Operations): Promise<Contract> {
    const backend = new ContractBackend(document);
    for (const operationId of Object.keys(handlersNow()) as OperationId[]) {
      backend.register(operationId, ({ request }: Context, context: RequestContext) =>
        (handlersNow()[operationId] as unknown as UntypedHandler)(
          { path: request.params, query: request.query, headers: request.headers, body: request.requestBody as unknown },
          context,
        ),
      );
    }
    backend.register({
      validationFail: ({ validation }: Context) => {
        throw toValidationError(validation.errors ?? []);
      },
      unauthorizedHandler: () => {
        throw new GatewayError("invalid_api_key", "This operation needs a token.");
      },
    });
    // The caller was authenticated before its body was read. An operation that the contract secures and that step missed is refused here.
    backend.registerSecurityHandler("bearerAuth", (_request: Context, context: RequestContext) => context.principal);
    await backend.init();
    return new Contract(backend);
  }

  /** Throws `not_found`, `method_not_allowed` (with `allow`) or `invalid_value` for a path that is not well-formed. */
  route(method: string, rawPath: string): Route {
    const path = routablePath(rawPath);
    const operation = this.#backend.match(method, path) ?? (method === "HEAD" ? this.#backend.match("GET", path) : undefined);
    if (!operation) throw this.#unroutable(method, path);
    const security = operation.security ?? [];
    return {
      operation,
      path,
      needsPrincipal: security.length > 0,
      isOpenLocally: security.some((requirement) => Object.keys(requirement).length === 0),
      hasBody: operation.requestBody !== undefined,
      enabledBy: (operation as { "x-openclaw-enabled-by"?: string })["x-openclaw-enabled-by"],
    };
  }

  /** Validates the request and answers with the reply of its operation; rejects with the error to send. */
  dispatch({ operation, path }: Route, { body, search, ...context }: RoutedRequest): Promise<Reply> {
    const query = queryOf(operation, search) as NonNullable<Request["query"]>;
    const request: Request = { method: operation.method, path, query, headers: context.headers as Request["headers"], body };
    return this.#backend.handle(this.#backend.parse(request, operation), context) as Promise<Reply>;
  }

  /** A base URL with too few or too many `/v1` at its end is what most clients that get here have. */
  #suggest(method: string, path: string): string {
    const likely = `/v1/${path.replace(/^\/(?:v1\/)*/, "")}`;
    return this.#backend.match(method, likely) ? `Did you mean ${likely.slice(0, 200)}? A client's base URL ends in /v1. ` : "";
  }

  #unroutable(method: string, path: string): Error {
    const allowed = ["GET", "POST", "PUT", "PATCH", "DELETE"].filter((other) => this.#backend.match(other, path));
    if (allowed.length === 0)
      return new GatewayError(
        "not_found",
        `There is nothing at ${method} ${path.slice(0, 200)}. ${this.#suggest(method, path)}The contract is at /openapi.json, its documentation at /docs.`,
      );
    if (allowed.includes("GET")) allowed.push("HEAD");
    return new Refusal(new GatewayError("method_not_allowed", `${path} does not answer ${method}. Use ${allowed.join(" or ")}.`), {
      allow: allowed.join(", "),
    });
  }
}

/**
 * Model ids and session keys hold slashes and many clients do not encode them: all that follows `/v1/models/` is one id, and
 * all that follows `/v1/sessions/` one key, up to the name of what is done with it.
 */
function routablePath(path: string): string {
  try {
    decodeURIComponent(path);
  } catch {
    throw new GatewayError("invalid_value", "The path holds a '%' that is not followed by two hexadecimal digits of well-formed UTF-8.");
  }
  const [, place = "", name, rest = ""] =
    /^(\/v1\/models\/)(.+)$/.exec(path) ?? /^(\/v1\/sessions\/)(.+?)(\/(?:messages|reset))?$/.exec(path) ?? [];
  return name === undefined ? path : `${place}${name.replaceAll("/", "%2F")}${rest}`;
}
