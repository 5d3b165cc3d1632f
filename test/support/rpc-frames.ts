/** Holds the frames that the gateway sends against asyncapi.yaml, stricter than a client would: what is not described must not be there. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { components, events } from "../../generated/rpc.ts";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

interface Document {
  readonly methods: {
    readonly [name: string]: { readonly params: string; readonly ack?: string; readonly result: string; readonly scope?: string };
  };
  readonly events: { readonly [name: string]: string };
  readonly schemas: { readonly [name: string]: object };
}

export const rpcDocument = JSON.parse(
  readFileSync(fileURLToPath(new URL("../../generated/rpc.json", import.meta.url)), "utf8"),
) as Document;

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema({ $id: "rpc", components: { schemas: closed(rpcDocument.schemas) } });

/** Objects whose properties are listed have no others. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const copy: { [key: string]: unknown } = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closed(inner)]));
  if (copy["type"] === "object" && copy["properties"] !== undefined && !("additionalProperties" in copy))
    copy["additionalProperties"] = false;
  return copy;
}

function validatorOf(schema: string): ValidateFunction {
  return ajv.getSchema(`rpc#/components/schemas/${schema}`)!;
}

type EventName = keyof events;

/** An event frame; told apart by its name. */
export type EventFrame = {
  [Name in EventName]: { readonly type: "event"; readonly event: Name; readonly payload: events[Name]; readonly seq?: number };
}[EventName];

export type RefusedFrame = components["schemas"]["RefusedFrame"];

export interface ResultFrame {
  readonly type: "res";
  readonly id: string;
  readonly ok: true;
  readonly payload: unknown;
}

export type Frame = EventFrame | ResultFrame | RefusedFrame;

/** What is wrong with the frame; undefined: nothing. `method`: of the request that a `res` answers. */
export function complaintOf(frame: Frame, method: string | undefined): string | undefined {
  if (frame.type === "event") {
    const schema = rpcDocument.events[frame.event];
    if (schema === undefined) return `There is no event ${frame.event}.`;
    return against([schema], frame.payload) ?? keysOf(frame, ["type", "event", "payload", "seq"]);
  }
  if ((frame.type as string) !== "res") return "It is neither an answer nor an event.";
  if (!frame.ok) return against(["RefusedFrame"], frame);
  const known = method === undefined ? undefined : rpcDocument.methods[method];
  if (!known) return `An answer to no known method (${method}).`;
  const schemas = known.ack === undefined ? [known.result] : [known.ack, known.result];
  return against(schemas, frame.payload) ?? keysOf(frame, ["type", "id", "ok", "payload"]);
}

function against(schemas: readonly string[], value: unknown): string | undefined {
  const validators = schemas.map(validatorOf);
  if (validators.some((validate) => validate(value))) return undefined;
  return `${schemas.join("|")}: ${validators.map((validate) => ajv.errorsText(validate.errors)).join(" | ")} in ${JSON.stringify(value)}`;
}

function keysOf(frame: object, allowed: readonly string[]): string | undefined {
  const others = Object.keys(frame).filter((key) => !allowed.includes(key));
  return others.length === 0 ? undefined : `It has ${others.join(", ")} besides.`;
}
