/** `clawgate agent`: one run in this process, by the same service as every HTTP request. */
import type { Writable } from "node:stream";
import { canAnimate } from "../config/terminal.ts";
import type { GatewayError } from "../domain/errors.ts";
import { mainPrincipal, type Principal } from "../domain/principal.ts";
import { foldRun, type Run, type RunEnd, type RunEvent, type RunRequest, type RunResult } from "../domain/run.ts";
import { principalNamed } from "../service/principals.ts";
import { exitCodes } from "./exit-codes.ts";
import type { AgentFlags } from "./flags.ts";
import { open } from "./open.ts";
import { drawProgress } from "./progress.ts";
import { noteFallbacks, noteTrouble } from "./run-notes.ts";
import { onStopSignal, stoppedBy } from "./stop-signals.ts";

export async function runAgent(flags: AgentFlags): Promise<number> {
  const isAnimated = canAnimate(process.stderr);
  // The answer is this command's only output, as text or as one object; stderr has a line for what is amiss beside it.
  const opened = await open({ configPath: flags.config }, () => (flags.json ? undefined : noteTrouble(process.stderr, isAnimated)));
  if (typeof opened === "number") return opened;
  const { program } = opened;
  const stop = new AbortController();
  let exitCode: number = exitCodes.failed;
  const off = onStopSignal((signal) => {
    exitCode = stoppedBy[signal];
    stop.abort();
  });
  const giveUp = (): void => {
    exitCode = exitCodes.timedOut;
    stop.abort();
  };
  const timer = flags.timeout === undefined ? undefined : setTimeout(giveUp, flags.timeout * 1000);
  // Whoever read the output has gone (`| head`): there is nobody left to run for.
  process.stdout.on("error", () => stop.abort());
  try {
    // Whoever can read the config may act for everybody in it: no secret is asked for here.
    const principal = flags.as === undefined ? mainPrincipal : principalNamed(program.config.gateway.auth.tokens, flags.as, "--as");
    const run = await program.runs.start(requestOf(flags, principal), stop.signal);
    const isTextShown = !flags.json && process.stdout.isTTY;
    const shown = isAnimated ? drawProgress(run.events, process.stderr, isTextShown) : run.events;
    const noted = isAnimated || flags.json ? shown : noteFallbacks(shown, process.stderr);
    const result = await foldRun(flags.json ? noted : printText(noted, process.stdout));
    if (flags.json) console.log(JSON.stringify(jsonOf(run, result)));
    return report(result.end, exitCode, flags) ? exitCodes.ok : exitCode;
  } catch (thrown) {
    const { message, code } = thrown as GatewayError;
    if (flags.json) console.log(JSON.stringify({ status: "failed", error: { message, code } }));
    else console.error(message);
    return exitCode;
  } finally {
    clearTimeout(timer);
    await program.close();
    off();
  }
}

function requestOf({ message, agent, sessionKey, model, json }: AgentFlags, principal: Principal): RunRequest {
  return {
    principal,
    ...(agent === undefined ? {} : { agent: { value: agent, param: "--agent" } }),
    ...(sessionKey === undefined ? {} : { sessionKey: { value: sessionKey, param: "--session-key" } }),
    ...(model === undefined ? {} : { model: { value: model, param: "--model" } }),
    messages: [{ role: "user", content: [{ type: "text", text: message }] }],
    tools: [],
    isFolded: json === true,
    settings: {},
  };
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

function jsonOf(run: Run, { text, refusal, reasoning, toolCalls, end }: RunResult): object {
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
    ...(end.status === "failed" ? { error: { message: end.error.message, code: end.error.code } } : {}),
  };
}

/** Says on stderr how a run ended that did not complete. */
function report(end: RunEnd, exitCode: number, { json, timeout }: AgentFlags): boolean {
  if (end.status === "completed") return true;
  const why = exitCode === exitCodes.timedOut ? `The run took longer than --timeout ${timeout} s and was stopped.` : "The run was aborted.";
  if (!json) console.error(end.status === "failed" ? end.error.message : why);
  return false;
}
