/**
 * What a run says → OpenAI's words: the result as a completion, each event as chunks. Pure.
 *
 * Deliberately absent: bytes and headers (`sse.ts`, `operations/`), and everything of the agent's own tools, which
 * the caller does not see.
 */
import type { components } from "../../generated/openapi.ts";
import type { Usage } from "../domain/model.ts";
import type { Run, RunEnd, RunEvent, RunResult } from "../domain/run.ts";

type Schemas = components["schemas"];
export type Completion = Schemas["ChatCompletion"];
export type Chunk = Schemas["ChatCompletionChunk"];
type Delta = Schemas["ChunkDelta"];

type CompletedRun = Extract<RunEnd, { status: "completed" }>;
type RunIdentity = Pick<Run, "id" | "createdAt">;

export function completionId(runId: string): string {
  return `chatcmpl-${runId}`;
}

/** `model` is echoed as the caller sent it. */
export function encodeCompletion(
  run: RunIdentity,
  model: string,
  { text, refusal, reasoning, toolCalls }: RunResult,
  end: CompletedRun,
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
  };
}

export function encodeUsage({ inputTokens, outputTokens, cachedInputTokens, reasoningTokens }: Usage): Schemas["Usage"] {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    ...(cachedInputTokens === undefined ? {} : { prompt_tokens_details: { cached_tokens: cachedInputTokens } }),
    ...(reasoningTokens === undefined ? {} : { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
  };
}

/** Turns the events of one run into its chunks, in order. The first chunk brings the role, the last the finish reason. */
export class ChunkEncoder {
  readonly #frame: Pick<Chunk, "id" | "object" | "created" | "model">;
  readonly #includesUsage: boolean;
  #hasBegun = false;

  constructor(run: RunIdentity, model: string, includesUsage: boolean) {
    this.#frame = { id: completionId(run.id), object: "chat.completion.chunk", created: run.createdAt, model };
    this.#includesUsage = includesUsage;
  }

  /** Throws the error of a failed run. An aborted one has nothing more to say. */
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
        return [];
    }
  }

  #delta(delta: Delta): Chunk[] {
    return [...this.#first(), this.#chunk(delta, null)];
  }

  #first(): Chunk[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    return [this.#chunk({ role: "assistant", content: "", refusal: null }, null)];
  }

  #last({ finishReason, usage }: CompletedRun): Chunk[] {
    const chunks = [...this.#first(), this.#chunk({}, finishReason)];
    if (this.#includesUsage && usage) chunks.push({ ...this.#frame, choices: [], usage: encodeUsage(usage) });
    return chunks;
  }

  #chunk(delta: Delta, finishReason: Chunk["choices"][number]["finish_reason"]): Chunk {
    return {
      ...this.#frame,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...(this.#includesUsage ? { usage: null } : {}),
    };
  }
}
