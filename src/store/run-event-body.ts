/**
 * Events of a run as the JSON text of their rows, and back.
 *
 * What a run's own tools were told and what they answered is left out, and so are the messages of its turns: nobody who
 * follows a run is shown them, and those of a session are kept there. Every event stays, so that the numbers hold.
 * Deliberately absent: the cause of an error, which is for the log of the process that had it.
 */
import { errorCodes, type ErrorCode, GatewayError } from "../domain/errors.ts";
import type { RunEvent } from "../domain/run.ts";
import type { NumberedEvent } from "../domain/run-record.ts";
import type { RunEventsTable } from "./schema.ts";
import { hasStrings, isRecord, type JsonRecord, parseStored } from "./stored-json.ts";

/** Pages are read in rows: one event more than that makes a row of its own, however many there are. */
const maxBodyLength = 128 * 1024;

export type EventsRow = Pick<RunEventsTable, "first_seq" | "last_seq" | "body">;

interface StoredError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly param?: string;
  readonly retryAfterMs?: number;
}

/** An event as it is stored: its error as data. */
type StoredEvent = RunEvent extends infer Event
  ? Event extends { error: GatewayError }
    ? Omit<Event, "error"> & { error: StoredError }
    : Event
  : never;

/** `events` follow one another without a gap. As few rows as they fit in. */
export function encodeEvents(events: readonly NumberedEvent[]): EventsRow[] {
  const rows: EventsRow[] = [];
  let texts: string[] = [];
  let length = 0;
  for (const { seq, event } of events) {
    const text = JSON.stringify(toStored(event));
    texts.push(text);
    length += text.length;
    if (length < maxBodyLength && seq !== events.at(-1)?.seq) continue;
    rows.push({ first_seq: seq - texts.length + 1, last_seq: seq, body: `[${texts.join()}]` });
    texts = [];
    length = 0;
  }
  return rows;
}

export function decodeEvents({ first_seq, last_seq, body }: EventsRow, runId: string): NumberedEvent[] {
  const isWhole = (value: unknown): value is StoredEvent[] =>
    Array.isArray(value) && value.length === last_seq - first_seq + 1 && value.every(isStoredEvent);
  const stored = parseStored(body, isWhole, "An event of this run", `the events ${first_seq} to ${last_seq} of run ${runId}`);
  return stored.map((event, index) => ({ seq: first_seq + index, event: fromStored(event) }));
}

function toStored(event: RunEvent): StoredEvent {
  switch (event.type) {
    case "tool_call_delta":
      return event.owner === "agent" ? { ...event, arguments: "" } : event;
    case "tool_call_end":
      return event.owner === "agent" ? { ...event, call: { ...event.call, arguments: "" } } : event;
    case "tool_start":
      return { ...event, call: { ...event.call, arguments: "" } };
    case "tool_result":
      return { ...event, call: { ...event.call, arguments: "" }, content: "" };
    case "turn_end":
      return { ...event, messages: [] };
    case "model_fallback":
      return { ...event, error: errorToStored(event.error) };
    case "run_end":
      return event.status === "failed" ? { ...event, error: errorToStored(event.error) } : event;
    default:
      return event;
  }
}

function fromStored(event: StoredEvent): RunEvent {
  return "error" in event ? { ...event, error: errorFromStored(event.error) } : event;
}

function errorToStored({ code, message, param, retryAfterMs }: GatewayError): StoredError {
  return { code, message, ...(param === undefined ? {} : { param }), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function errorFromStored({ code, message, ...options }: StoredError): GatewayError {
  return new GatewayError(code, message, options);
}

const hasText = (event: JsonRecord): boolean => hasStrings(event, "text");
const hasCall = ({ call }: JsonRecord): boolean => isRecord(call) && hasStrings(call, "id", "name", "arguments");
const isOfCall = (event: JsonRecord): boolean => hasStrings(event, "owner") && typeof event["index"] === "number";

/** As much of the shape as the rest of the program relies on. */
const checks: { readonly [Type in RunEvent["type"]]: (event: JsonRecord) => boolean } = {
  run_queued: () => true,
  run_start: () => true,
  turn_start: (event) => typeof event["turn"] === "number" && hasStrings(event, "model"),
  model_fallback: (event) => hasStrings(event, "from", "to") && isStoredError(event["error"]),
  text_delta: hasText,
  reasoning_delta: hasText,
  refusal_delta: hasText,
  tool_call_start: (event) => isOfCall(event) && hasStrings(event, "id", "name"),
  tool_call_delta: (event) => isOfCall(event) && hasStrings(event, "arguments"),
  tool_call_end: (event) => isOfCall(event) && hasCall(event),
  tool_start: hasCall,
  tool_result: (event) => hasCall(event) && hasStrings(event, "content") && typeof event["isError"] === "boolean",
  turn_end: (event) => Array.isArray(event["messages"]) && hasStrings(event, "finishReason"),
  run_end: (event) =>
    typeof event["turns"] === "number" &&
    hasStrings(event, "model") &&
    (event["status"] === "failed"
      ? isStoredError(event["error"])
      : event["status"] === "completed"
        ? hasStrings(event, "finishReason")
        : event["status"] === "aborted"),
};

function isStoredEvent(value: unknown): value is StoredEvent {
  if (!isRecord(value) || !Object.hasOwn(checks, String(value["type"]))) return false;
  return checks[value["type"] as RunEvent["type"]](value);
}

function isStoredError(value: unknown): value is StoredError {
  return isRecord(value) && isErrorCode(value["code"]) && hasStrings(value, "message");
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return (errorCodes as readonly unknown[]).includes(value);
}
