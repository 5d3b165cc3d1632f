/**
 * The agent loop: call the model, run the agent's own tools it asked for, call it again, until it has answered or
 * asks for one of the caller's tools. Everything that happens is yielded as run events.
 *
 * Deliberately absent: sessions, lanes, persistence and how a run is classified at its end (`service/run-service.ts`).
 * Throws the model's `GatewayError`, `tool_choice_unmet`, `response_format_mismatch`, `max_turns_exceeded`, or the
 * signal's reason.
 */
import { GatewayError } from "../domain/errors.ts";
import type { Message, ToolCall, ToolMessage } from "../domain/message.ts";
import {
  costOf,
  type FinishReason,
  type Model,
  type ModelSettings,
  type ToolChoice,
  type ToolDefinition,
  type Usage,
} from "../domain/model.ts";
import type { RunEvent } from "../domain/run.ts";
import type { ToolContext } from "../domain/tool.ts";
import type { AgentTools, ToolOutcome, ToolSet } from "./agent-tools.ts";
import { ModelLine } from "./model-line.ts";
import type { ReplyFormatChecker } from "./reply-format.ts";
import { Speech } from "./speech.ts";
import { TokenBudget } from "./token-budget.ts";
import { type Finish, isSeen, TurnReply } from "./turn-reply.ts";

export interface LoopInput {
  /** The agent's own first, then its fallbacks. */
  readonly models: readonly Model[];
  readonly messages: readonly Message[];
  readonly tools: AgentTools;
  readonly callerTools: readonly ToolDefinition[];
  /** Speaks of the caller's tools. */
  readonly toolChoice: ToolChoice | undefined;
  /** See `RunRequest`. */
  readonly isFolded: boolean;
  readonly settings: ModelSettings;
  readonly formats: ReplyFormatChecker;
  readonly maxTurns: number;
  readonly toolContext: ToolContext;
}

/** Calls of one turn that are worked on at the same time. */
const maxParallelCalls = 8;

export async function* runTurns(input: LoopInput): AsyncGenerator<RunEvent> {
  const { toolChoice, settings, toolContext } = input;
  const { signal } = toolContext;
  // "none" speaks of the caller's tools: they are not offered, and a call that the model makes up all the same is not theirs.
  const callerTools = toolChoice === "none" ? [] : input.callerTools;
  const isForced = toolChoice === "required" || typeof toolChoice === "object";
  const toolSet = isForced ? noTools : await input.tools.open(toolContext.agent, signal);
  const offered = offerTools(callerTools, toolChoice, toolSet);
  const messages = [...input.messages];
  const line = new ModelLine(input.models);
  const budget = new TokenBudget(settings);
  const speech = new Speech(isForced || isJson(settings));
  let hasBeenSeen = false;
  for (let turn = 1; turn <= input.maxTurns; turn++) {
    const request = { ...offered, messages, settings: budget.settings };
    let answered: TurnReply | undefined;
    while (!answered) {
      const model = line.current;
      const reply = new TurnReply(model.ref, callerTools, speech);
      yield { type: "turn_start", turn, model: model.ref };
      try {
        for await (const event of model.stream(request, signal)) {
          const said = reply.take(event);
          if (!said) continue;
          hasBeenSeen ||= !input.isFolded && isSeen(said);
          yield said;
        }
        answered = reply.finish && reply;
      } catch (thrown) {
        signal.throwIfAborted();
        yield line.fallBack(thrown, hasBeenSeen);
        speech.takeBack();
      }
    }
    const { calls } = answered;
    if (isForced) checkChoice(toolChoice, answered);
    budget.spend(answered.finish.usage);
    const { reason, goesOn, kept } = decideEnd(answered, budget);
    if (!goesOn && reason === "stop" && answered.refusal === "")
      await input.formats.check(speech.turnText, settings.responseFormat, signal);
    const held = speech.endTurn(goesOn);
    if (held !== "") yield { type: "text_delta", text: held };
    for (const ended of calls.ends()) yield ended;
    const results: ToolMessage[] = [];
    for await (const event of callTools(kept.length > 0 ? calls.ofAgent : [], toolSet, toolContext)) {
      if (event.type === "tool_result") results.push(toMessage(event.call, event.content));
      yield event;
    }
    const added = [answered.message(kept), ...results];
    yield { type: "turn_end", messages: added, finishReason: reason, ...spentBy(line.current, answered.finish) };
    if (!goesOn) return;
    messages.push(...added);
  }
  throw new GatewayError(
    "max_turns_exceeded",
    `The agent called the model ${input.maxTurns} times without reaching an answer (agents.*.maxTurns).`,
  );
}

const noTools: ToolSet = {
  definitions: [],
  call: () => Promise.resolve({ content: "Error: No tool of the agent's was offered.", isError: true }),
};

function offerTools(callerTools: readonly ToolDefinition[], toolChoice: ToolChoice | undefined, own: ToolSet) {
  const tools = [...callerTools, ...own.definitions];
  return { tools, ...(toolChoice === undefined || toolChoice === "none" ? {} : { toolChoice }) };
}

/**
 * Why the turn ended, whether another follows, and which of its calls stand. A call that a token limit cut off may be
 * no JSON: it is neither run nor kept, though the caller has seen it. Nor is one whose result nobody could read any
 * more because the run's tokens are spent.
 */
function decideEnd(
  { calls, finish }: TurnReply,
  budget: TokenBudget,
): { reason: FinishReason; goesOn: boolean; kept: readonly ToolCall[] } {
  if (finish.reason !== "tool_calls") return { reason: finish.reason, goesOn: false, kept: [] };
  const goesOn = calls.ofAgent.length > 0 && calls.ofCaller.length === 0;
  if (goesOn && budget.isSpent) return { reason: "length", goesOn: false, kept: [] };
  return { reason: finish.reason, goesOn, kept: calls.all() };
}

/** Works on some calls at a time; their results come in the order of the calls. */
async function* callTools(calls: readonly ToolCall[], toolSet: ToolSet, context: ToolContext): AsyncGenerator<RunEvent> {
  for (let at = 0; at < calls.length; at += maxParallelCalls) {
    const some = calls.slice(at, at + maxParallelCalls);
    // Before they do anything, so that whoever keeps account of runs knows of it, whatever happens then.
    for (const call of some) yield { type: "tool_start", call };
    const outcomes = some.map((call) => timed(toolSet.call(call, context)));
    // An abort rejects all of them, and only the first is waited for then.
    for (const outcome of outcomes) outcome.catch(() => undefined);
    for (const [index, call] of some.entries()) yield { type: "tool_result", call, ...(await outcomes[index]!) };
  }
}

async function timed(outcome: Promise<ToolOutcome>): Promise<ToolOutcome & { durationMs: number }> {
  const startedAt = performance.now();
  return { ...(await outcome), durationMs: performance.now() - startedAt };
}

function toMessage({ id }: ToolCall, content: string): ToolMessage {
  return { role: "tool", toolCallId: id, content: [{ type: "text", text: content }] };
}

function spentBy({ price }: Model, { usage }: Finish): { usage?: Usage; cost?: number } {
  return usage ? { usage, ...(price ? { cost: costOf(usage, price) } : {}) } : {};
}

function checkChoice(choice: ToolChoice | undefined, { calls, finish }: TurnReply): void {
  const isMet = typeof choice === "object" ? calls.ofCaller.some((call) => call.name === choice.name) : calls.ofCaller.length > 0;
  if (isMet) return;
  const wanted = typeof choice === "object" ? `the tool '${choice.name}'` : "a tool";
  const what = finish.reason === "length" ? "came to its token limit before it called" : "answered without calling";
  throw new GatewayError("tool_choice_unmet", `The model ${what} ${wanted}, which tool_choice asked for.`, { param: "tool_choice" });
}

function isJson({ responseFormat }: ModelSettings): boolean {
  return responseFormat !== undefined && responseFormat.type !== "text";
}
