/**
 * `createChatCompletion`: decode, start the run, answer with its fold or its stream; in the background, with the run itself
 * or its events.
 *
 * What is refused before the run begins, and what fails before the first byte of a stream, is an ordinary error reply.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ChatCompletionsConfig } from "../../config/config.ts";
import type { Principal } from "../../domain/principal.ts";
import { type CompletedRun, errorOfEnd, foldRun, type Run, type RunEnd, type RunRequest, type RunResult } from "../../domain/run.ts";
import type { RunDirectory } from "../../service/run-directory.ts";
import type { RunService } from "../../service/run-service.ts";
import { callerOf } from "../caller.ts";
import { type Chunk, ChunkEncoder, encodeCompletion, type ReplyOptions } from "../chat-reply.ts";
import { decodeChatRequest } from "../chat-request.ts";
import type { OperationReply, Operations } from "../contract.ts";
import { Refusal } from "../errors.ts";
import { encodeHeaderValue } from "../headers.ts";
import { encodeRateLimits } from "../rate-limit-headers.ts";
import { describeRun, followRun } from "./runs.ts";

export interface ChatParts {
  readonly runs: RunService;
  readonly runDirectory: RunDirectory;
  readonly chatCompletions: ChatCompletionsConfig;
}

type ChatReply = OperationReply<"createChatCompletion">;

export function createChatCompletion(parts: ChatParts): Operations["createChatCompletion"] {
  return async ({ body, headers }, { principal, signal, headers: allHeaders }) => {
    const caller = callerOf({ principal });
    const request = decodeChatRequest({ body, headers, allHeaders, principal: caller }, parts.chatCompletions);
    const isStreamed = body.stream === true;
    const options = {
      model: body.model,
      includesUsage: body.stream_options?.include_usage === true,
      showsProgress: headers["x-openclaw-events"] === "true",
    };
    if (headers["x-openclaw-background"] === "true") return replyAtOnce(parts, request, { caller, isStreamed, options, signal });
    const run = await parts.runs.start(request, signal);
    const replyHeaders = headersOf(run, run);
    if (isStreamed) {
      return { status: 200, type: "text/event-stream", headers: replyHeaders, stream: chunksOf(run, new ChunkEncoder(run, options)) };
    }
    const { result, end } = await completed(run);
    return { status: 200, type: "application/json", headers: replyHeaders, body: encodeCompletion(run, result, end, options) };
  };
}

interface Asker {
  readonly caller: Principal;
  readonly isStreamed: boolean;
  readonly options: ReplyOptions;
  readonly signal: AbortSignal;
}

async function replyAtOnce(
  { runs, runDirectory }: ChatParts,
  request: RunRequest,
  { caller, isStreamed, options, signal }: Asker,
): Promise<ChatReply> {
  const { record, ...begun } = await runs.startInBackground(request);
  const headers = headersOf(record, begun);
  if (isStreamed) {
    const stream = await followRun(runDirectory, record, { caller, options, after: 0, signal });
    return { status: 200, type: "text/event-stream", headers, stream };
  }
  const body = await describeRun(runDirectory, record, caller);
  return { status: 202, type: "application/json", headers: { ...headers, location: `/v1/runs/${record.id}` }, body };
}

async function* chunksOf(run: Run, encoder: ChunkEncoder): AsyncGenerator<Chunk> {
  for await (const event of run.events) {
    for (const chunk of encoder.encode(event)) yield chunk;
    // Whoever left reads no error either.
    if (event.type !== "run_end" || event.status === "completed" || isLeft(event)) continue;
    // What the first request was sent before the failure is sent again. Read in one go, it would not be out before it.
    if (run.isReplay) await nextTurn();
    throw failure(run, event);
  }
}

async function completed(run: Run): Promise<{ result: RunResult; end: CompletedRun }> {
  const result = await foldRun(run.events);
  if (result.end.status !== "completed") throw failure(run, result.end);
  return { result, end: result.end };
}

function isLeft(end: RunEnd): boolean {
  return end.status === "aborted" && end.by === "caller";
}

/**
 * The run's id leads to its log lines. Official SDKs repeat a failed request by themselves; one whose tools have acted must
 * not be, and one that would fail the same way again need not.
 */
function failure(run: Run, end: Exclude<RunEnd, CompletedRun>): Refusal {
  const isFinal = run.isReplay || end.hasEffects;
  return new Refusal(errorOfEnd(end), {
    "x-openclaw-run-id": run.id,
    ...replayed(run.isReplay),
    ...encodeRateLimits(run.rateLimits),
    ...(isFinal ? { "x-should-retry": "false" } : {}),
  });
}

function headersOf({ id, sessionKey }: Pick<Run, "id" | "sessionKey">, { isReplay, rateLimits }: Pick<Run, "isReplay" | "rateLimits">) {
  return {
    "x-openclaw-session-key": encodeHeaderValue(sessionKey),
    "x-openclaw-run-id": id,
    ...replayed(isReplay),
    ...encodeRateLimits(rateLimits),
  };
}

function replayed(isReplay: boolean): { [name: string]: string } {
  return isReplay ? { "idempotency-replayed": "true" } : {};
}
