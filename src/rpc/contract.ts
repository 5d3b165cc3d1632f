/**
 * The contract of the frames, compiled: which methods and events there are, and whether parameters fit their method's. A
 * method without a handler, or a handler with another result, does not compile.
 *
 * Deliberately absent: validation of what the gateway itself sends (types and tests do it).
 */
import { Ajv2020 } from "ajv/dist/2020.js";
import type { events, methods } from "../../generated/rpc.ts";
import type { Principal } from "../domain/principal.ts";
import { toValidationError } from "../service/validation-errors.ts";

export type MethodName = Exclude<keyof methods, "connect">;
export type ParamsOf<Method extends keyof methods> = methods[Method]["params"];
export type ResultOf<Method extends keyof methods> = methods[Method]["result"];
export type EventName = keyof events;
export type PayloadOf<Event extends EventName> = events[Event];

/** One request, as its handler knows it. */
export interface Call<Method extends MethodName> {
  readonly principal: Principal;
  /** Aborts when the connection ends. */
  readonly signal: AbortSignal;
  /** Answers for now; the handler's result is the final answer. */
  acknowledge(payload: methods[Method]["ack"]): void;
  /** The connection wants to hear of these, whatever else it hears of. */
  follow(named: { readonly runId?: string; readonly sessionKey: string }): void;
}

/** A handler for every method of the contract. Errors are thrown, not returned. */
export type Methods = {
  readonly [Method in MethodName]: (params: ParamsOf<Method>, call: Call<Method>) => Promise<ResultOf<Method>>;
};

/** As `generated/rpc.json` has it. */
export interface RpcDocument {
  readonly methods: { readonly [name: string]: { readonly params: string; readonly scope?: string } };
  readonly events: { readonly [name: string]: string };
  readonly schemas: { readonly [name: string]: object };
}

const root = "rpc";

export class RpcContract {
  readonly methods: readonly string[];
  readonly events: readonly string[];
  readonly #document: RpcDocument;
  readonly #ajv: Ajv2020;

  /** Nothing is compiled before it is needed. */
  constructor(document: RpcDocument) {
    this.#document = document;
    this.methods = Object.keys(document.methods).filter((name) => name !== "connect");
    this.events = Object.keys(document.events);
    // One error is enough for the answer; verbose, so that it can say what would have been right.
    this.#ajv = new Ajv2020({ allErrors: false, strict: false, verbose: true });
    this.#ajv.addSchema({ $id: root, components: { schemas: document.schemas } });
  }

  has(name: string): name is MethodName {
    return this.methods.includes(name);
  }

  /** What a connection must be allowed to; undefined: any may. */
  scopeOf(method: MethodName): string | undefined {
    return this.#document.methods[method]?.scope;
  }

  /** Throws a `GatewayError` with the `param` that is at fault. */
  check<Method extends keyof methods>(method: Method, params: unknown): ParamsOf<Method> {
    const name = this.#document.methods[method]!.params;
    const isValid = this.#ajv.getSchema(`${root}#/components/schemas/${name}`)!;
    if (isValid(params)) return params as ParamsOf<Method>;
    const errors = (isValid.errors ?? []).map((error) => ({ ...error, instancePath: `/params${error.instancePath}` }));
    // They hold what was wrong, which may be megabytes, until the next request of this method.
    isValid.errors = null;
    throw toValidationError(errors, `'params' of ${method}`);
  }
}
