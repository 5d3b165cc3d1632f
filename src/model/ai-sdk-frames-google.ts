/**
 * Frames of Google's protocol → those that its package takes: without what a chat completion has no place for, which the
 * package checks all the same, and with counts that are none left out.
 */
import { isCount, isObject, type Frame, type MendFrame } from "./ai-sdk-frame.ts";
import { readErrorValue, statusOf } from "./provider-errors.ts";

export function googleFrames(): MendFrame {
  return (frame, event) => {
    if (event === "error" || (frame["error"] ?? null) !== null) return [mendError(frame)];
    const { candidates, usageMetadata, promptFeedback, responseId } = frame;
    return [
      {
        ...(typeof responseId === "string" ? { responseId } : {}),
        ...(candidates === undefined ? {} : { candidates: Array.isArray(candidates) ? candidates.map(mendCandidate) : candidates }),
        ...(isObject(usageMetadata) && isUsage(usageMetadata) ? { usageMetadata: countsIn(usageMetadata) } : {}),
        ...(isObject(promptFeedback) ? { promptFeedback: { blockReason: promptFeedback["blockReason"] } } : {}),
      },
    ];
  };
}

/** What is left out: ratings, sources and whatever is new. */
function mendCandidate(candidate: unknown): unknown {
  if (!isObject(candidate)) return candidate;
  const { content, finishReason, continuationToken } = candidate;
  return { content, finishReason, continuationToken };
}

const counts = ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount", "totalTokenCount"];

/** The package takes a count that is missing for 0. One is: that of a reply without words, whose total says so. */
function isUsage({ promptTokenCount, candidatesTokenCount, totalTokenCount }: Frame): boolean {
  return isCount(promptTokenCount) && (isCount(candidatesTokenCount) || isCount(totalTokenCount));
}

function countsIn(usage: Frame): Frame {
  return Object.fromEntries(counts.filter((name) => isCount(usage[name])).map((name) => [name, usage[name]]));
}

function mendError(frame: Frame): Frame {
  const { error } = frame;
  const { status, details } = isObject(error) ? error : {};
  return {
    error: {
      code: statusOf(frame) ?? null,
      message: readErrorValue(frame).message,
      status: typeof status === "string" ? status : "",
      ...(Array.isArray(details) ? { details: details as unknown[] } : {}),
    },
  };
}
