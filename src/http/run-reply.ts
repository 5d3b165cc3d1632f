/**
 * Runs → the contract's objects: how a run stands, why it has no answer, and its events with their numbers. Pure.
 *
 * Deliberately absent: what an event says (`chat-reply.ts`) and bytes (`sse.ts`).
 */
import type { components } from "../../generated/openapi.ts";
import { errorOfEnd, type RunResult } from "../domain/run.ts";
import { errorOfFailure, type NumberedEvent, type RunOutcome, type RunRecord } from "../domain/run-record.ts";
import { runInterrupted } from "../service/run-history.ts";
import {
  type Chunk,
  ChunkEncoder,
  type Completion,
  completionId,
  encodeCompletion,
  type RepliedRun,
  type ReplyOptions,
} from "./chat-reply.ts";
import { type ErrorBody, errorReply } from "./errors.ts";
import { encodeUsage } from "./run-progress.ts";
import { Numbered } from "./sse.ts";

type EncodedRun = components["schemas"]["Run"];

/** `result`: of a completed run whose events are kept. `isOwnerShown`: to whoever sees the runs of others too. */
export function encodeRun(record: RunRecord, result: RunResult | undefined, isOwnerShown: boolean): EncodedRun {
  const { id, agentId, sessionKey, owner, modelName, model, status, isBackground, createdAt, outcome } = record;
  return {
    id,
    object: "run",
    completion_id: completionId(id),
    agent: agentId,
    session_key: sessionKey,
    ...(isOwnerShown ? { owner } : {}),
    model: modelName,
    language_model: outcome?.model ?? model,
    status,
    background: isBackground,
    created: seconds(createdAt),
    ended_at: outcome ? seconds(outcome.endedAt) : null,
    ...(outcome && status !== "interrupted" ? spent(outcome) : {}),
    finish_reason: outcome?.finishReason ?? null,
    error: errorOf(record),
    completion: result ? completionOf(record, result) : null,
  };
}

/** As its replies name it. */
export function repliedRun({ id, createdAt }: RunRecord): RepliedRun {
  return { id, createdAt: seconds(createdAt) };
}

/**
 * The events of one run after number `after` as chunks, each with the number of its event, so that whoever sends the last
 * number it got is sent the rest. No event makes two chunks, but for the end when it brings the usage: then the chunk before
 * has the number of the event before, which made none itself.
 */
export class NumberedChunkEncoder {
  readonly #chunks: ChunkEncoder;
  readonly #after: number;

  constructor(run: RepliedRun, options: ReplyOptions, after: number) {
    this.#chunks = new ChunkEncoder(run, options);
    this.#after = after;
    if (after > 0) this.#chunks.begin();
  }

  encode({ seq, event }: NumberedEvent): Numbered<Chunk | ErrorBody>[] {
    if (event.type === "run_end" && event.status !== "completed") return [new Numbered(seq, errorReply(errorOfEnd(event)).body)];
    // At once, so that its reader knows whose words it waits for. Nothing is ever said with the first event.
    const [role] = this.#chunks.begin();
    const chunks = this.#chunks.encode(event);
    if (role) return [new Numbered(seq, { ...chunks[0], ...role })];
    const isKnown = seq === this.#after + 1;
    return chunks.slice(isKnown ? -1 : 0).map((chunk, index, { length }) => new Numbered(seq - (length - 1 - index), chunk));
  }
}

function completionOf(record: RunRecord, result: RunResult): Completion | null {
  if (result.end.status !== "completed") return null;
  return encodeCompletion(repliedRun(record), result, result.end, { model: record.modelName, includesUsage: false, showsProgress: false });
}

function spent({ turns, usage, cost }: RunOutcome) {
  return { turns, ...(usage ? { usage: encodeUsage(usage) } : {}), ...(cost === undefined ? {} : { cost }) };
}

function errorOf({ status, outcome }: RunRecord): EncodedRun["error"] {
  if (status === "interrupted") return errorReply(runInterrupted()).body.error;
  return outcome?.error ? errorReply(errorOfFailure(outcome.error)).body.error : null;
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
