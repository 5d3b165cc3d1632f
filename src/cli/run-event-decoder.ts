/**
 * What a gateway tells of a run → the run's events, so that all that prints a run is written once. Pure.
 *
 * What tools are told and answer is not told, and neither are the messages of a turn: `arguments` and `content` are empty, and
 * there is no `turn_end`. How the run ended is in the answer to its request.
 */
import type { components } from "../../generated/rpc.ts";
import { type ErrorCode, errorCodes, GatewayError } from "../domain/errors.ts";
import type { Usage } from "../domain/model.ts";
import type { RunEvent } from "../domain/run.ts";
import type { RunPayload } from "./gateway-client.ts";

type Schemas = components["schemas"];

export class RunEventDecoder {
  /** All text so far, and what of it was there before this turn. */
  #said = "";
  #saidBefore = "";

  /** Undefined for what is no event of a run. */
  take({ stream, data }: RunPayload): RunEvent | undefined {
    switch (stream) {
      case "lifecycle":
        return this.#lifecycle(data as Schemas["LifecycleData"]);
      case "assistant":
        return this.#speech(data as Schemas["SpeechData"]);
      case "thinking":
        return { type: "reasoning_delta", text: (data as Schemas["SpeechData"]).delta };
      case "tool":
        return tool(data as Schemas["ToolData"]);
    }
  }

  #lifecycle(data: Schemas["LifecycleData"]): RunEvent | undefined {
    switch (data.phase) {
      case "queued":
        return { type: "run_queued" };
      case "start":
        return { type: "run_start" };
      case "turn":
        this.#saidBefore = this.#said;
        return { type: "turn_start", turn: data.turn ?? 1, model: data.model ?? "" };
      case "fallback_step": {
        this.#said = this.#saidBefore;
        const { fallbackStepFromModel: from = "", fallbackStepToModel: to = "" } = data;
        const { fallbackStepFromFailureReason: code, fallbackStepFromFailureDetail: detail = "" } = data;
        return { type: "model_fallback", from, to, error: toError(code ?? "internal_error", detail) };
      }
      case "end":
      case "error":
        return undefined;
    }
  }

  #speech({ delta, refusal, replace }: Schemas["SpeechData"]): RunEvent | undefined {
    // What was said before the model gave way is said once more, and something new may follow it at once.
    const text = replace ? delta.slice(this.#said.length) : delta;
    if (replace && text === "") return undefined;
    this.#said += text;
    return { type: refusal ? "refusal_delta" : "text_delta", text };
  }
}

export function decodeUsage({ input, output, cacheRead, cacheWrite, reasoning }: Schemas["Usage"]): Usage {
  return {
    inputTokens: input,
    outputTokens: output,
    ...(cacheRead === undefined ? {} : { cachedInputTokens: cacheRead }),
    ...(cacheWrite === undefined ? {} : { cacheWriteTokens: cacheWrite }),
    ...(reasoning === undefined ? {} : { reasoningTokens: reasoning }),
  };
}

/** A code that this version does not know is one of the gateway's inner failures. */
export function toError(code: string, message: string): GatewayError {
  return new GatewayError(errorCodes.includes(code as ErrorCode) ? (code as ErrorCode) : "internal_error", message);
}

function tool({ phase, name, toolCallId: id, isError = false }: Schemas["ToolData"]): RunEvent {
  const call = { id, name, arguments: "" };
  return phase === "start" ? { type: "tool_start", call } : { type: "tool_result", call, content: "", isError };
}
