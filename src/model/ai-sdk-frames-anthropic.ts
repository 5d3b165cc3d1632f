/**
 * Frames of Anthropic's protocol, also as servers that are like Anthropic's send them → those that its package takes.
 *
 * New kinds of events, blocks and deltas are skipped, as Anthropic asks of its clients; so are the blocks of tools that run
 * at the provider, which are never asked for. A frame of a known kind that lacks what makes it one stays as it is.
 */
import { isCount, isObject, type Frame, type MendFrame } from "./ai-sdk-frame.ts";
import { readErrorValue, statusOf } from "./provider-errors.ts";

/** In place of a count that was not given: no sum with it is a count, so that the usage counts as not given. */
const noCount = -Number.MAX_SAFE_INTEGER;

export function anthropicFrames(): MendFrame {
  /** Of the newest block, if it is skipped: one follows the other. */
  let skipped: unknown;
  let outputTokens: number = noCount;
  let stopReason: string | null = null;
  return (frame, event) => {
    const { type, index } = frame;
    const isSkipped = index !== undefined && index === skipped;
    if (type === "error" || event === "error" || (frame["error"] ?? null) !== null) return [mendError(frame)];
    switch (type) {
      case "message_start":
        return [mendStart(frame["message"])];
      case "content_block_start": {
        const frames = mendBlock(frame);
        skipped = frames.length === 0 ? index : undefined;
        return frames;
      }
      case "content_block_delta":
        return isSkipped || isUnknownDelta(frame["delta"]) ? [] : [frame];
      case "content_block_stop":
        return isSkipped ? [] : [frame];
      case "message_delta": {
        const delta = isObject(frame["delta"]) ? frame["delta"] : {};
        const usage = isObject(frame["usage"]) ? frame["usage"] : {};
        // Neither is taken back by a later frame that does not say it again.
        if (isCount(usage["output_tokens"])) outputTokens = usage["output_tokens"];
        if (typeof delta["stop_reason"] === "string") stopReason = delta["stop_reason"];
        return [{ type, delta: { stop_reason: stopReason }, usage: { ...countsIn(usage), output_tokens: outputTokens } }];
      }
      case "message_stop":
      case "ping":
        return [frame];
      default:
        return typeof type === "string" ? [] : [frame];
    }
  };
}

function mendStart(message: unknown): Frame {
  const { id, model, stop_reason: reason, usage } = isObject(message) ? message : {};
  const counts = countsIn(isObject(usage) ? usage : {});
  return {
    type: "message_start",
    message: {
      id: typeof id === "string" ? id : null,
      model: typeof model === "string" ? model : null,
      stop_reason: typeof reason === "string" ? reason : null,
      usage: { input_tokens: noCount, ...counts },
    },
  };
}

function countsIn(usage: Frame): Frame {
  const details = usage["output_tokens_details"];
  const thinking = isObject(details) ? details["thinking_tokens"] : undefined;
  const names = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
  return {
    ...Object.fromEntries(names.filter((name) => isCount(usage[name])).map((name) => [name, usage[name]])),
    ...(isCount(thinking) ? { output_tokens_details: { thinking_tokens: thinking } } : {}),
  };
}

/** None for a block that is skipped. What a block says at its start, the package reads from its deltas only. */
function mendBlock(frame: Frame): readonly Frame[] {
  const { type, index, content_block: block } = frame;
  if (!isObject(block)) return [frame];
  const start = (content_block: Frame): Frame => ({ type, index, content_block });
  const delta = (kind: string, field: string, text: unknown): readonly Frame[] =>
    typeof text === "string" && text !== "" ? [{ type: "content_block_delta", index, delta: { type: kind, [field]: text } }] : [];
  switch (block["type"]) {
    case "text":
      return [start({ type: "text", text: "" }), ...delta("text_delta", "text", block["text"])];
    case "thinking":
      return [
        start({ type: "thinking", thinking: "" }),
        ...delta("thinking_delta", "thinking", block["thinking"]),
        ...delta("signature_delta", "signature", block["signature"]),
      ];
    case "redacted_thinking":
      return typeof block["data"] === "string" ? [start({ type: "redacted_thinking", data: block["data"] })] : [];
    case "tool_use": {
      const { id, name, input } = block;
      return [start({ type: "tool_use", id: textOf(id), name: textOf(name), ...(isObject(input) ? { input } : {}) })];
    }
    default:
      return [];
  }
}

function isUnknownDelta(delta: unknown): boolean {
  return isObject(delta) && typeof delta["type"] === "string" && !deltas.has(delta["type"]);
}

const deltas = new Set(["text_delta", "thinking_delta", "signature_delta", "input_json_delta"]);

/** The package reads a name and words; a number goes in the place of the name. */
function mendError(frame: Frame): Frame {
  const { error } = frame;
  const status = statusOf(frame);
  const type = isObject(error) && typeof error["type"] === "string" ? error["type"] : "error";
  return { type: "error", error: { type: status === undefined ? type : String(status), message: readErrorValue(frame).message } };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
