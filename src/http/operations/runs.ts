/** The operations on runs: how one stands, its events from any number on, its end before its time. */
import type { components } from "../../../generated/openapi.ts";
import type { Principal } from "../../domain/principal.ts";
import type { NumberedEvent, RunRecord } from "../../domain/run-record.ts";
import type { RunDirectory } from "../../service/run-directory.ts";
import { callerOf } from "../caller.ts";
import type { Chunk, ReplyOptions } from "../chat-reply.ts";
import type { Operations } from "../contract.ts";
import type { ErrorBody } from "../errors.ts";
import { encodeHeaderValue } from "../headers.ts";
import { encodeRun, NumberedChunkEncoder, repliedRun } from "../run-reply.ts";
import type { Numbered } from "../sse.ts";

export interface RunParts {
  readonly runDirectory: RunDirectory;
}

export function getRun({ runDirectory }: RunParts): Operations["getRun"] {
  return async ({ path }, context) => {
    const caller = callerOf(context);
    const record = await runDirectory.find(caller, path.id);
    return { status: 200, type: "application/json", body: await describeRun(runDirectory, record, caller) };
  };
}

export function cancelRun({ runDirectory }: RunParts): Operations["cancelRun"] {
  return async ({ path }, context) => {
    const caller = callerOf(context);
    const record = await runDirectory.cancel(caller, path.id, context.signal);
    return { status: 200, type: "application/json", body: await describeRun(runDirectory, record, caller) };
  };
}

export function streamRunEvents({ runDirectory }: RunParts): Operations["streamRunEvents"] {
  return async ({ path, query, headers }, context) => {
    const caller = callerOf(context);
    const after = query.starting_after ?? Number(headers["last-event-id"] ?? 0);
    const record = await runDirectory.find(caller, path.id);
    const options = { model: record.modelName, includesUsage: true, showsProgress: headers["x-openclaw-events"] === "true" };
    const stream = await followRun(runDirectory, record, { caller, options, after, signal: context.signal });
    const replyHeaders = { "x-openclaw-session-key": encodeHeaderValue(record.sessionKey), "x-openclaw-run-id": record.id };
    return { status: 200, type: "text/event-stream", headers: replyHeaders, stream };
  };
}

export async function describeRun(runDirectory: RunDirectory, record: RunRecord, caller: Principal): Promise<components["schemas"]["Run"]> {
  return encodeRun(record, await runDirectory.resultOf(record), caller.isMain);
}

export interface Following {
  readonly caller: Principal;
  readonly options: ReplyOptions;
  readonly after: number;
  readonly signal: AbortSignal;
}

export async function followRun(
  runDirectory: RunDirectory,
  record: RunRecord,
  { caller, options, after, signal }: Following,
): Promise<AsyncIterable<Numbered<Chunk | ErrorBody>>> {
  const events = await runDirectory.follow(caller, record.id, after, signal);
  return numberedChunks(events, new NumberedChunkEncoder(repliedRun(record), options, after), signal);
}

async function* numberedChunks(
  events: AsyncIterable<NumberedEvent>,
  encoder: NumberedChunkEncoder,
  signal: AbortSignal,
): AsyncGenerator<Numbered<Chunk | ErrorBody>> {
  for await (const event of events) {
    // Whoever left needs no more of what is only read again.
    if (signal.aborted) return;
    for (const chunk of encoder.encode(event)) yield chunk;
  }
}
