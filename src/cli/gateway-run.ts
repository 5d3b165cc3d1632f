/**
 * A run in a gateway, as one in this process would be: it either does not begin, or has events that never throw and end with
 * exactly one `run_end`. An abort of its signal cancels it there.
 */
import type { methods } from "../../generated/rpc.ts";
import type { Run, RunEnd, RunEvent } from "../domain/run.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { garbled, GatewayFailure } from "./gateway-failure.ts";
import { decodeUsage, RunEventDecoder, toError } from "./run-event-decoder.ts";

type AgentParams = methods["agent"]["params"];
type Accepted = methods["agent"]["ack"];
type Result = methods["agent"]["result"]["result"];

/** How long a gateway has to end a run that is cancelled. */
const cancelLimitMs = 5_000;

/** Rejects with a `GatewayFailure` when the run is refused, or with the signal's reason when it was aborted before. */
export async function startGatewayRun(client: GatewayClient, params: AgentParams, signal: AbortSignal): Promise<Run> {
  const events = new RunEvents();
  let cancel = (): void => undefined;
  let limit: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    limit = setTimeout(() => client.terminate(), cancelLimitMs);
    cancel();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  const accepted = await new Promise<Accepted>((resolve, reject) => {
    const onAccepted = (run: Accepted): void => {
      events.begin(run);
      client.follow(run.runId, (payload) => events.take(payload));
      const { sessionKey, runId } = run;
      // Whatever becomes of it: the request itself is answered when the run has ended.
      cancel = () => void client.request("chat.abort", { sessionKey, runId }).catch(() => undefined);
      if (signal.aborted) cancel();
      resolve(run);
    };
    signal.throwIfAborted();
    void client
      .request("agent", params, onAccepted)
      .then(({ result }) => completed(result))
      .catch((thrown: unknown) => {
        const failure = thrown instanceof GatewayFailure ? thrown : garbled(client.place);
        // Of no effect once it is accepted.
        reject(signal.aborted ? (signal.reason as Error) : failure);
        return unfinished(failure, events, signal);
      })
      .then((end) => events.end(end))
      .finally(() => {
        clearTimeout(limit);
        signal.removeEventListener("abort", onAbort);
      });
  });
  const { runId: id, agentId, sessionKey, model, acceptedAt } = accepted;
  return { id, agentId, sessionKey, model, createdAt: Math.floor(acceptedAt / 1000), isReplay: false, events };
}

/** Those that have come and are not read yet, in order. */
class RunEvents implements AsyncIterable<RunEvent> {
  readonly #decoder = new RunEventDecoder();
  readonly #unread: RunEvent[] = [];
  #wake: (() => void) | undefined;
  /** As far as they were told. */
  runId = "";
  model = "";
  turns = 0;
  hasEffects = false;

  begin({ runId, model }: Accepted): void {
    this.runId = runId;
    this.model = model;
  }

  take(payload: Parameters<RunEventDecoder["take"]>[0]): void {
    const event = this.#decoder.take(payload);
    if (!event) return;
    if (event.type === "turn_start") [this.model, this.turns] = [event.model, event.turn];
    if (event.type === "tool_start") this.hasEffects = true;
    this.#add(event);
  }

  end(event: RunEnd): void {
    this.#add(event);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunEvent> {
    for (;;) {
      const event = this.#unread.shift();
      if (event) yield event;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
      if (event?.type === "run_end") return;
    }
  }

  #add(event: RunEvent): void {
    this.#unread.push(event);
    this.#wake?.();
  }
}

function completed(result: Result): RunEnd {
  return { type: "run_end", status: "completed", finishReason: result.finishReason, ...spent(result) };
}

/** `told`: what is known of a run whose gateway is gone. */
function unfinished({ code, message, run }: GatewayFailure, told: RunEvents, { aborted }: AbortSignal): RunEnd {
  const { hasEffects } = told;
  if (!run) {
    const at = { type: "run_end", model: told.model, turns: told.turns } as const;
    if (aborted) return { ...at, status: "aborted", by: "caller", hasEffects };
    const error = toError("run_interrupted", `${message} What became of the run ${told.runId} is not known.`);
    return { ...at, status: "failed", error, hasEffects };
  }
  if (run.status === "error") return { type: "run_end", status: "failed", error: toError(code, message), hasEffects, ...spent(run) };
  const by = run.stopReason === "shutdown" ? "shutdown" : aborted ? "caller" : "cancel";
  return { type: "run_end", status: "aborted", by, hasEffects, ...spent(run) };
}

function spent({ model, turns, usage, cost }: Pick<Result, "model" | "turns" | "usage" | "cost">) {
  return { model, turns, ...(usage ? { usage: decodeUsage(usage) } : {}), ...(cost === undefined ? {} : { cost }) };
}
