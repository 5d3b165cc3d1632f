/**
 * The agent loop: call the model, run the agent's own tools it asked for, call it again, until it has answered or
 * asks for one of the caller's tools. Everything that happens is yielded as run events.
 *
 * Deliberately absent: sessions, lanes, persistence and how a run is classified at its end (`service/run-service.ts`).
 * Throws the model's `GatewayError`, `tool_choice_unmet`, `max_turns_exceeded`, or the signal's reason.
 */
import { GatewayError } from "../domain/errors.ts";
import type { AssistantMessage, Message, ToolMessage } from "../domain/message.ts";
import type { FinishReason, Model, ModelEvent, ModelRequest, ModelSettings, ToolChoice, ToolDefinition, Usage } from "../domain/model.ts";
import type { RunEvent } from "../domain/run.ts";
import type { ToolContext } from "../domain/tool.ts";
import type { AgentTools } from "./agent-tools.ts";
import { CallLog } from "./call-log.ts";
import { Speech } from "./speech.ts";

export interface LoopInput {
  readonly model: Model;
  readonly messages: readonly Message[];
  readonly tools: AgentTools;
  /** Names of the agent's own tools. */
  readonly agentToolNames: readonly string[];
  readonly callerTools: readonly ToolDefinition[];
  /** Speaks of the caller's tools. */
  readonly toolChoice: ToolChoice | undefined;
  readonly settings: ModelSettings;
  readonly maxTurns: number;
  readonly toolContext: ToolContext;
}

export async function* runTurns(input: LoopInput): AsyncGenerator<RunEvent> {
  const { signal } = input.toolContext;
  const messages = [...input.messages];
  const offer = offerTools(input);
  const speech = new Speech(offer.isForced || isJson(input.settings));
  for (let turn = 0; turn < input.maxTurns; turn++) {
    const calls = new CallLog(input.callerTools);
    let finish: { reason: FinishReason; usage?: Usage } | undefined;
    let refusal = "";
    let size = 0;
    speech.startTurn();
    for await (const event of input.model.stream({ ...offer.request, messages }, signal)) {
      size += sizeOf(event);
      if (size > maxReplyCharacters) throw tooLong(input.model);
      switch (event.type) {
        case "text_delta": {
          const text = speech.say(event.text);
          if (text !== "") yield { type: "text_delta", text };
          break;
        }
        case "reasoning_delta":
          yield event;
          break;
        case "refusal_delta":
          refusal += event.text;
          yield event;
          break;
        case "tool_call_start":
          yield calls.start(event.index, event.id, event.name);
          break;
        case "tool_call_delta":
          yield calls.append(event.index, event.arguments);
          break;
        case "finish":
          finish = event;
      }
    }
    if (!finish) throw new GatewayError("upstream_error", `The model ${input.model.ref} stopped without saying why.`);
    if (offer.isForced) checkChoice(input.toolChoice, calls);
    // A call that a token limit cut off may be no JSON: it is neither run nor kept, though the caller has seen it.
    const areCallsWhole = finish.reason === "tool_calls";
    const runnable = areCallsWhole ? calls.ofAgent : [];
    const goesOn = runnable.length > 0 && calls.ofCaller.length === 0;
    const held = speech.endTurn(goesOn);
    if (held !== "") yield { type: "text_delta", text: held };
    for (const ended of calls.ends()) yield ended;

    const results: ToolMessage[] = [];
    for (const call of runnable) {
      const { content, isError } = await input.tools.call(call, input.agentToolNames, input.toolContext);
      results.push({ role: "tool", toolCallId: call.id, content: [{ type: "text", text: content }] });
      yield { type: "tool_result", call, content, isError };
    }
    const toolCalls = areCallsWhole ? calls.all() : [];
    const reply: AssistantMessage = { role: "assistant", content: speech.turnText, ...(refusal === "" ? {} : { refusal }), toolCalls };
    yield {
      type: "turn_end",
      messages: [reply, ...results],
      finishReason: finish.reason,
      ...(finish.usage ? { usage: finish.usage } : {}),
    };
    if (!goesOn) return;
    messages.push(reply, ...results);
  }
  throw new GatewayError(
    "max_turns_exceeded",
    `The agent called the model ${input.maxTurns} times without reaching an answer (agents.*.maxTurns).`,
  );
}

/** A reply is kept in memory until its turn ends; far above what a model writes, far below what a process can hold. */
const maxReplyCharacters = 8 * 1024 * 1024;

function sizeOf(event: ModelEvent): number {
  switch (event.type) {
    case "text_delta":
    case "reasoning_delta":
    case "refusal_delta":
      return event.text.length;
    case "tool_call_start":
      return event.id.length + event.name.length;
    case "tool_call_delta":
      return event.arguments.length;
    default:
      return 0;
  }
}

function tooLong(model: Model): GatewayError {
  return new GatewayError(
    "upstream_error",
    `The model ${model.ref} wrote more than ${maxReplyCharacters} characters in one reply and was stopped.`,
  );
}

interface Offer {
  readonly request: Omit<ModelRequest, "messages">;
  /** One of the caller's tools must be called. */
  readonly isForced: boolean;
}

function offerTools({ agentToolNames, tools, callerTools, toolChoice, settings }: LoopInput): Offer {
  const isForced = toolChoice === "required" || typeof toolChoice === "object";
  const own = isForced ? [] : tools.pick(agentToolNames).map((tool) => tool.definition);
  const offered = [...(toolChoice === "none" ? [] : callerTools), ...own];
  // "none" speaks of the caller's tools: not offering them is all it takes.
  const choice = toolChoice === undefined || toolChoice === "none" ? {} : { toolChoice };
  return { isForced, request: { tools: offered, ...choice, settings } };
}

function checkChoice(choice: ToolChoice | undefined, calls: CallLog): void {
  const isMet = typeof choice === "object" ? calls.ofCaller.some((call) => call.name === choice.name) : calls.ofCaller.length > 0;
  if (isMet) return;
  const wanted = typeof choice === "object" ? `the tool '${choice.name}'` : "a tool";
  throw new GatewayError("tool_choice_unmet", `The model answered without calling ${wanted}, which tool_choice asked for.`, {
    param: "tool_choice",
  });
}

function isJson({ responseFormat }: ModelSettings): boolean {
  return responseFormat !== undefined && responseFormat.type !== "text";
}
