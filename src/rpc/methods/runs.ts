/** `agent`, `agent.wait`, `runs.get`: runs, from the first word to the record. */
import type { GatewayError } from "../../domain/errors.ts";
import type { Principal } from "../../domain/principal.ts";
import { type CompletedRun, errorOfEnd, foldRun, type RunEnd, type RunEvent, type RunResult } from "../../domain/run.ts";
import { errorOfFailure, type NumberedEvent, type RunRecord, type RunStatus } from "../../domain/run-record.ts";
import type { RunDirectory } from "../../service/run-directory.ts";
import { runInterrupted } from "../../service/run-history.ts";
import type { RunService } from "../../service/run-service.ts";
import type { Methods, ResultOf } from "../contract.ts";
import { RpcError, toWireError, type UnfinishedPayload } from "../errors.ts";
import { decodeRun } from "../run-request.ts";
import { encodeUsage } from "../wire.ts";

export interface RunParts {
  readonly runs: Pick<RunService, "startInBackground" | "load">;
  readonly runDirectory: RunDirectory;
}

const usualWaitMs = 30_000;

export function runAgent({ runs, runDirectory }: RunParts): Methods["agent"] {
  return async (params, call) => {
    const { principal, signal } = call;
    const { record, isReplay } = await runs.startInBackground(decodeRun("agent", params, principal));
    const { id: runId, sessionKey } = record;
    call.follow({ runId, sessionKey });
    if (params.timeout && !isReplay) cancelAfter(runDirectory, principal, runId, params.timeout * 1000);
    call.acknowledge({ runId, status: "accepted", acceptedAt: Date.now(), sessionKey, agentId: record.agentId, model: record.model });
    const result = await foldRun(eventsOf(await runDirectory.follow(principal, runId, 0, signal)));
    const { outcome } = await runDirectory.find(principal, runId);
    return encodeResult(record, result, completed(record, result.end), outcome?.endedAt ?? Date.now());
  };
}

export function waitForRun({ runDirectory }: RunParts): Methods["agent.wait"] {
  return async ({ runId: given, timeoutMs = usualWaitMs }, call) => {
    const { principal, signal } = call;
    const found = await runDirectory.find(principal, given);
    call.follow({ runId: found.id, sessionKey: found.sessionKey });
    signal.throwIfAborted();
    // Not `AbortSignal.any`, which leaves something behind with the connection's signal for every wait.
    const wait = new AbortController();
    const stop = (): void => wait.abort();
    const timer = setTimeout(stop, timeoutMs).unref();
    signal.addEventListener("abort", stop, { once: true });
    try {
      return encodeWaited(await runDirectory.waitFor(principal, found.id, wait.signal));
    } catch (thrown) {
      if (signal.aborted || !wait.signal.aborted) throw thrown;
      return { runId: found.id, status: "timeout", startedAt: found.createdAt };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  };
}

export function getRun({ runDirectory }: RunParts): Methods["runs.get"] {
  return async ({ runId }, call) => {
    const { principal } = call;
    const record = await runDirectory.find(principal, runId);
    call.follow({ runId: record.id, sessionKey: record.sessionKey });
    return encodeRun(record, await runDirectory.resultOf(record), principal.isMain);
  };
}

/** A limit of the caller's own. Nobody waits for it, and it is forgotten with the run. */
export function cancelAfter(runDirectory: RunDirectory, principal: Principal, runId: string, ms: number): void {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), ms).unref();
  const ended = runDirectory.waitFor(principal, runId, over.signal);
  void ended
    .catch(() => (over.signal.aborted ? runDirectory.cancel(principal, runId, new AbortController().signal) : undefined))
    .catch(() => undefined)
    .finally(() => clearTimeout(timer));
}

export function waitStatusOf(status: RunStatus): "ok" | "error" | "aborted" | "in_flight" {
  if (status === "running") return "in_flight";
  if (status === "completed") return "ok";
  return status === "aborted" ? "aborted" : "error";
}

async function* eventsOf(numbered: AsyncIterable<NumberedEvent>): AsyncGenerator<RunEvent> {
  for await (const { event } of numbered) yield event;
}

/** Throws why there is no result. */
function completed({ id: runId }: RunRecord, end: RunEnd): CompletedRun {
  if (end.status === "completed") return end;
  const error = errorOfEnd(end);
  if (end.status === "failed") throw unfinished(error, { runId, status: "error", summary: error.message, ...encodeSpent(end) });
  const stopReason = end.by === "shutdown" ? "shutdown" : "cancel";
  throw unfinished(error, { runId, status: "aborted", summary: "aborted", stopReason, ...encodeSpent(end) });
}

function encodeSpent({ model, turns, usage, cost }: RunEnd) {
  return { model, turns, ...(usage ? { usage: encodeUsage(usage) } : {}), ...(cost === undefined ? {} : { cost }) };
}

function unfinished(error: GatewayError, payload: UnfinishedPayload): RpcError {
  return new RpcError(toWireError(error), payload);
}

function encodeResult(
  { id: runId, agentId, sessionKey, createdAt }: RunRecord,
  { text, refusal, reasoning }: RunResult,
  end: CompletedRun,
  endedAt: number,
): ResultOf<"agent"> {
  const said = text + refusal;
  return {
    runId,
    status: "ok",
    summary: "completed",
    result: {
      payloads: said === "" ? [] : [{ text: said }],
      text,
      ...(refusal === "" ? {} : { refusal }),
      ...(reasoning === "" ? {} : { reasoning }),
      toolCalls: [],
      agentId,
      sessionKey,
      finishReason: end.finishReason,
      ...encodeSpent(end),
      meta: { durationMs: Math.max(0, endedAt - createdAt) },
    },
  };
}

function encodeWaited({ id: runId, status, createdAt: startedAt, outcome }: RunRecord): ResultOf<"agent.wait"> {
  const waited = waitStatusOf(status);
  return {
    runId,
    status: waited === "in_flight" ? "timeout" : waited,
    startedAt,
    ...(outcome ? { endedAt: outcome.endedAt } : {}),
    ...(outcome?.finishReason ? { stopReason: outcome.finishReason } : {}),
    ...(waited === "error" ? { error: outcome?.error?.message ?? runInterrupted().message } : {}),
  };
}

function encodeRun(record: RunRecord, result: RunResult | undefined, isOwnerShown: boolean): ResultOf<"runs.get"> {
  const { id: runId, status, agentId, sessionKey, owner, model, isBackground, createdAt, outcome } = record;
  const spent = status === "interrupted" ? undefined : outcome;
  return {
    runId,
    status,
    agentId,
    sessionKey,
    ...(isOwnerShown ? { owner } : {}),
    model: outcome?.model ?? model,
    background: isBackground,
    createdAt,
    ...(outcome ? { endedAt: outcome.endedAt } : {}),
    ...(spent ? { turns: spent.turns } : {}),
    ...(spent?.finishReason ? { finishReason: spent.finishReason } : {}),
    ...(spent?.usage ? { usage: encodeUsage(spent.usage) } : {}),
    ...(spent?.cost === undefined ? {} : { cost: spent.cost }),
    ...encodeFailure(record),
    ...(result ? { text: result.text + result.refusal } : {}),
  };
}

function encodeFailure({ status, outcome }: RunRecord): Pick<ResultOf<"runs.get">, "error"> {
  if (status === "interrupted") return { error: toWireError(runInterrupted()) };
  return outcome?.error ? { error: toWireError(errorOfFailure(outcome.error)) } : {};
}
