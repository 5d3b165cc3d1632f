/**
 * What a run says → OpenAI's words: the result as a completion, each event as chunks. Pure.
 *
 * Deliberately absent: bytes and headers (`sse.ts`, `operations/`), and what the agent's own tools are told and answer,
 * which the caller does not see. That they work, it sees if it asked for that (`run-progress.ts`).
 */
import type { components } from "../../generated/openapi.ts";
import type { CompletedRun, Run, RunEvent, RunResult } from "../domain/run.ts";
import { encodeProgress, encodeSummary, encodeUsage } from "./run-progress.ts";

type Schemas = components["schemas"];
export type Completion = Schemas["ChatCompletion"];
export type Chunk = Schemas["ChatCompletionChunk"];
type Delta = Schemas["ChunkDelta"];

/** `createdAt` in Unix seconds. */
export type RepliedRun = Pick<Run, "id" | "createdAt">;

export function completionId(runId: string): string {
  return `chatcmpl-${runId}`;
}

/** What the caller asked to see. */
export interface ReplyOptions {
  /** Echoed as the caller sent it. */
  readonly model: string;
  /** Streamed only: `stream_options.include_usage`. */
  readonly includesUsage: boolean;
  /** `x-openclaw-events`. */
  readonly showsProgress: boolean;
}

export function encodeCompletion(
  run: RepliedRun,
  { text, refusal, reasoning, toolCalls }: RunResult,
  end: CompletedRun,
  { model, showsProgress }: ReplyOptions,
): Completion {
  return {
    id: completionId(run.id),
    object: "chat.completion",
    created: run.createdAt,
    model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: text === "" && (toolCalls.length > 0 || refusal !== "") ? null : text,
          refusal: refusal === "" ? null : refusal,
          ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
          ...(toolCalls.length === 0
            ? {}
            : {
                tool_calls: toolCalls.map((call) => ({
                  id: call.id,
                  type: "function",
                  function: { name: call.name, arguments: call.arguments },
                })),
              }),
        },
        logprobs: null,
        finish_reason: end.finishReason,
      },
    ],
    ...(end.usage ? { usage: encodeUsage(end.usage) } : {}),
    ...(showsProgress ? { openclaw: encodeSummary(end) } : {}),
  };
}

/** Turns the events of one run into its chunks, in order. The first chunk brings the role, the last the finish reason. */
export class ChunkEncoder {
  readonly #frame: Pick<Chunk, "id" | "object" | "created" | "model">;
  readonly #options: ReplyOptions;
  #hasBegun = false;

  constructor(run: RepliedRun, options: ReplyOptions) {
    this.#frame = { id: completionId(run.id), object: "chat.completion.chunk", created: run.createdAt, model: options.model };
    this.#options = options;
  }

  /** The first chunk, unless there was one. */
  begin(): Chunk[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    return [this.#chunk({ role: "assistant", content: "", refusal: null }, null)];
  }

  /** A failed run and an aborted one have nothing more to say. */
  encode(event: RunEvent): Chunk[] {
    switch (event.type) {
      case "text_delta":
        return this.#delta({ content: event.text });
      case "refusal_delta":
        return this.#delta({ refusal: event.text });
      case "reasoning_delta":
        return this.#delta({ reasoning_content: event.text });
      case "tool_call_start":
        if (event.owner === "agent") return [];
        return this.#delta({
          tool_calls: [{ index: event.index, id: event.id, type: "function", function: { name: event.name, arguments: "" } }],
        });
      case "tool_call_delta":
        if (event.owner === "agent") return [];
        return this.#delta({ tool_calls: [{ index: event.index, function: { arguments: event.arguments } }] });
      case "run_end":
        return event.status === "completed" ? this.#last(event) : [];
      default:
        return this.#progress(event);
    }
  }

  #progress(event: RunEvent): Chunk[] {
    const progress = this.#options.showsProgress ? encodeProgress(event) : undefined;
    return progress ? [...this.begin(), { ...this.#chunk({}, null), openclaw: progress }] : [];
  }

  #delta(delta: Delta): Chunk[] {
    return [...this.begin(), this.#chunk(delta, null)];
  }

  #last(end: CompletedRun): Chunk[] {
    const { includesUsage, showsProgress } = this.#options;
    const last = { ...this.#chunk({}, end.finishReason), ...(showsProgress ? { openclaw: encodeSummary(end) } : {}) };
    const chunks = [...this.begin(), last];
    if (includesUsage && end.usage) chunks.push({ ...this.#frame, choices: [], usage: encodeUsage(end.usage) });
    return chunks;
  }

  #chunk(delta: Delta, finishReason: Chunk["choices"][number]["finish_reason"]): Chunk {
    return {
      ...this.#frame,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...(this.#options.includesUsage ? { usage: null } : {}),
    };
  }
}
