/**
 * `createChatCompletion`: decode, start the run, answer with its fold or its stream.
 *
 * What is refused before the run begins, and what fails before the first byte of a stream, is an ordinary error reply.
 */
import type { ChatCompletionsConfig } from "../../config/config.ts";
import { GatewayError } from "../../domain/errors.ts";
import { foldRun, type Run, type RunEnd } from "../../domain/run.ts";
import type { RunService } from "../../service/run-service.ts";
import { callerOf } from "../caller.ts";
import { type Chunk, ChunkEncoder, encodeCompletion } from "../chat-reply.ts";
import { decodeChatRequest } from "../chat-request.ts";
import type { Operations } from "../contract.ts";
import { Refusal } from "../errors.ts";
import { encodeHeaderValue } from "../headers.ts";

export interface ChatParts {
  readonly runs: RunService;
  readonly chatCompletions: ChatCompletionsConfig;
}

export function createChatCompletion({ runs, chatCompletions }: ChatParts): Operations["createChatCompletion"] {
  return async ({ body, headers }, { principal, signal, headers: allHeaders }) => {
    const request = decodeChatRequest({ body, headers, allHeaders, principal: callerOf({ principal }) }, chatCompletions);
    const run = await runs.start(request, signal);
    const replyHeaders = { "x-openclaw-session-key": encodeHeaderValue(run.sessionKey), "x-openclaw-run-id": run.id };
    const options = {
      model: body.model,
      includesUsage: body.stream_options?.include_usage === true,
      showsProgress: headers["x-openclaw-events"] === "true",
    };
    if (body.stream === true) {
      const encoder = new ChunkEncoder(run, options);
      return { status: 200, type: "text/event-stream", headers: replyHeaders, stream: chunksOf(run, encoder) };
    }
    const result = await foldRun(run.events);
    const completion = encodeCompletion(run, result, completed(run, result.end), options);
    return { status: 200, type: "application/json", headers: replyHeaders, body: completion };
  };
}

async function* chunksOf(run: Run, encoder: ChunkEncoder): AsyncGenerator<Chunk> {
  for await (const event of run.events) {
    for (const chunk of encoder.encode(event)) yield chunk;
    if (event.type === "run_end" && event.status === "failed") throw failure(run, event);
  }
}

function completed(run: Run, end: RunEnd): Extract<RunEnd, { status: "completed" }> {
  if (end.status === "failed") throw failure(run, end);
  // Only a caller that has gone aborts its run, so nobody reads this.
  if (end.status === "aborted") throw new GatewayError("internal_error", "The run was aborted.");
  return end;
}

/** The run's id leads to its log lines. Official SDKs repeat a failed request by themselves; one whose tools have acted must not be. */
function failure(run: Run, { error, hasEffects }: Extract<RunEnd, { status: "failed" }>): Refusal {
  return new Refusal(error, { "x-openclaw-run-id": run.id, ...(hasEffects ? { "x-should-retry": "false" } : {}) });
}
