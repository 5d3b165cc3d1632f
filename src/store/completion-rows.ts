/**
 * A kept completion's row, written and read.
 *
 * Deliberately absent: which ones are looked for (`completion-store.ts`).
 */
import type { Transaction } from "kysely";

import type { KeptCompletion, ListedCompletion } from "../domain/kept-completion.ts";
import type { Message } from "../domain/message.ts";
import type { Metadata } from "../domain/run.ts";
import type { CompletionsTable, StoreTables } from "./schema.ts";
import { storedBytes } from "./stored-bytes.ts";
import { hasStrings, isRecord, parseStored } from "./stored-json.ts";

/** All but what went in, which may be large. */
export const listedColumns = ["run_id", "owner", "agent_id", "model_name", "created_at", "expires_at", "metadata", "result"] as const;

type ListedRow = Pick<CompletionsTable, (typeof listedColumns)[number]>;

const whole = "This stored completion";

export async function insertCompletion(trx: Transaction<StoreTables>, completion: KeptCompletion): Promise<void> {
  const texts = {
    metadata: JSON.stringify(completion.metadata),
    result: JSON.stringify(completion.result),
    input: JSON.stringify(completion.input),
  };
  await trx
    .insertInto("completions")
    .values({
      run_id: completion.runId,
      owner: completion.owner,
      agent_id: completion.agentId,
      model_name: completion.modelName,
      created_at: new Date(completion.createdAt).toISOString(),
      expires_at: new Date(completion.expiresAt).toISOString(),
      ...texts,
      bytes: storedBytes(...Object.values(texts)),
    })
    .execute();
}

export function toListed(row: ListedRow): ListedCompletion {
  return {
    runId: row.run_id,
    agentId: row.agent_id,
    owner: row.owner,
    modelName: row.model_name,
    createdAt: Date.parse(row.created_at),
    expiresAt: Date.parse(row.expires_at),
    metadata: toMetadata(row),
    result: parseStored(row.result, isResult, whole, `the result of completion ${row.run_id}`),
  };
}

export function toMetadata({ run_id, metadata }: Pick<CompletionsTable, "run_id" | "metadata">): Metadata {
  return parseStored(metadata, isMetadata, whole, `the metadata of completion ${run_id}`);
}

export function toInput(text: string, runId: string): readonly Message[] {
  return parseStored(text, isInput, whole, `the input of completion ${runId}`);
}

function isMetadata(value: unknown): value is Metadata {
  return isRecord(value) && Object.values(value).every((text) => typeof text === "string");
}

function isResult(value: unknown): value is KeptCompletion["result"] {
  if (!isRecord(value) || !hasStrings(value, "text", "refusal", "reasoning")) return false;
  const { toolCalls, end } = value;
  const areCalls = Array.isArray(toolCalls) && toolCalls.every((call) => isRecord(call) && hasStrings(call, "id", "name", "arguments"));
  return areCalls && isRecord(end) && end["status"] === "completed" && hasStrings(end, "model", "finishReason");
}

function isInput(value: unknown): value is Message[] {
  const isContent = (content: unknown): boolean => typeof content === "string" || (Array.isArray(content) && content.every(isRecord));
  return (
    Array.isArray(value) && value.every((message) => isRecord(message) && hasStrings(message, "role") && isContent(message["content"]))
  );
}
