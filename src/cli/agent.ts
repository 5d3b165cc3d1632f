/** `clawgate agent`: one run, in the gateway or in this process, printed as it comes; the same text, object and exit code either way. */
import type { Writable } from "node:stream";
import { canAnimate } from "../config/terminal.ts";
import { foldRun, type Run, type RunEnd, type RunEvent, type RunResult } from "../domain/run.ts";
import { exitCodes } from "./exit-codes.ts";
import type { AgentFlags } from "./flags.ts";
import { readMessage } from "./message-source.ts";
import { drawProgress } from "./progress.ts";
import { noteFallbacks, noteTrouble } from "./run-notes.ts";
import { openRunPlace, type RunPlace } from "./run-place.ts";
import { onStopSignal, stoppedBy, type StopSignal } from "./stop-signals.ts";

export async function runAgent(flags: AgentFlags): Promise<number> {
  const message = await readMessage(flags);
  if (typeof message === "number") return message;
  const stop = new AbortController();
  let exitCode: number = exitCodes.failed;
  const stopFor = (signal: StopSignal): void => {
    exitCode = stoppedBy[signal];
    stop.abort();
  };
  const off = onStopSignal(stopFor, { signals: ["SIGINT", "SIGTERM", "SIGHUP"] });
  const giveUp = (): void => {
    exitCode = exitCodes.timedOut;
    stop.abort();
  };
  const timer = flags.timeout === undefined ? undefined : setTimeout(giveUp, flags.timeout * 1000);
  // Whoever read the output has gone (`| head`): there is nobody left to run for.
  process.stdout.on("error", () => stop.abort());
  // What is said beside the answer needs no listener.
  process.stderr.on("error", () => undefined);
  let place: RunPlace | undefined;
  try {
    const isAnimated = canAnimate(process.stderr);
    // The answer is this command's only output, as text or as one object; stderr has a line for what is amiss beside it.
    const opened = await openRunPlace(flags, () => (flags.json ? undefined : noteTrouble(process.stderr, isAnimated)), stop.signal);
    if (typeof opened === "number") return opened;
    place = opened;
    const run = await place.start(message, stop.signal);
    const isTextShown = !flags.json && process.stdout.isTTY;
    const shown = isAnimated ? drawProgress(run.events, process.stderr, isTextShown) : run.events;
    const noted = isAnimated || flags.json ? shown : noteFallbacks(shown, process.stderr);
    const result = await foldRun(flags.json ? noted : printText(noted, process.stdout));
    if (flags.json) console.log(JSON.stringify(jsonOf(run, result, whyUnfinished(result.end, exitCode, flags))));
    return report(result.end, exitCode, flags) ? exitCodes.ok : exitCode;
  } catch (thrown) {
    if (stop.signal.aborted && thrown === stop.signal.reason) sayRefused("aborted", whyAborted(exitCode, flags), flags);
    else sayRefused("failed", thrown as Error & Unfinished, flags);
    return exitCode;
  } finally {
    clearTimeout(timer);
    await place?.close();
    off();
  }
}

/** Passes the events on and prints the text in them as it comes. */
async function* printText(events: AsyncIterable<RunEvent>, to: Writable): AsyncGenerator<RunEvent> {
  let hasText = false;
  for await (const event of events) {
    if (event.type === "text_delta" || event.type === "refusal_delta") {
      hasText = true;
      to.write(event.text);
    }
    if (event.type === "run_end" && hasText) to.write("\n");
    yield event;
  }
}

function jsonOf(run: Run, { text, refusal, reasoning, toolCalls, end }: RunResult, error: Unfinished | undefined): object {
  return {
    runId: run.id,
    agentId: run.agentId,
    sessionKey: run.sessionKey,
    model: end.model,
    status: end.status,
    text,
    ...(refusal === "" ? {} : { refusal }),
    ...(reasoning === "" ? {} : { reasoning }),
    toolCalls,
    ...(end.status === "completed" ? { finishReason: end.finishReason } : {}),
    ...(end.usage ? { usage: end.usage } : {}),
    ...(end.cost === undefined ? {} : { cost: end.cost }),
    ...(error ? { error } : {}),
  };
}

interface Unfinished {
  readonly message: string;
  readonly code: string | undefined;
}

/** Undefined where the run completed. */
function whyUnfinished(end: RunEnd, exitCode: number, flags: AgentFlags): Unfinished | undefined {
  if (end.status === "completed") return undefined;
  if (end.status === "failed") return { message: end.error.message, code: end.error.code };
  if (end.by === "shutdown") return { message: "The gateway is stopping and has ended the run.", code: "draining" };
  return whyAborted(exitCode, flags);
}

/** Says on stderr how a run ended that did not complete. */
function report(end: RunEnd, exitCode: number, flags: AgentFlags): boolean {
  const why = whyUnfinished(end, exitCode, flags);
  if (why && !flags.json) console.error(why.message);
  return why === undefined;
}

/** Before there was a run. */
function sayRefused(status: "failed" | "aborted", { message, code }: Unfinished, { json }: AgentFlags): void {
  if (json) console.log(JSON.stringify({ status, error: { message, code } }));
  else console.error(message);
}

function whyAborted(exitCode: number, { timeout }: AgentFlags): Unfinished {
  if (exitCode !== exitCodes.timedOut) return { message: "The run was aborted.", code: "run_aborted" };
  return { message: `The run took longer than --timeout ${timeout} s and was stopped.`, code: "run_timeout" };
}
