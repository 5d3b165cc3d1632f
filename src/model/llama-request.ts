/**
 * Our model request → history and options of node-llama-cpp. Pure, but for the grammars, which the package makes.
 *
 * A reply cannot be held to a grammar and call tools as well, so with tools the form of the reply is not enforced here;
 * the run checks it in any case. A tool that must be called is the only one offered; that it is called, the run checks too.
 */
import type { Message, ToolCall } from "../domain/message.ts";
import { isSystemMessage, textOf } from "../domain/message.ts";
import type { ModelRequest } from "../domain/model.ts";
import type { Llama, LlamaFunctionCall, LlamaGenerateOptions, LlamaHistory } from "./llama-binding.ts";
import { pairResults } from "./tool-call-pairs.ts";

export function encodeHistory(messages: readonly Message[]): LlamaHistory {
  const results = new Map<ToolCall, string>();
  for (const [message, call] of pairResults(messages)) {
    const before = results.get(call);
    results.set(call, before === undefined ? textOf(message) : `${before}\n${textOf(message)}`);
  }
  const system = messages.filter(isSystemMessage).map(textOf).join("\n\n");
  const turns: Turn[] = [];
  for (const message of messages) {
    if (message.role === "user") {
      const last = turns.at(-1);
      if (last?.type === "user") last.texts.push(textOf(message));
      else turns.push({ type: "user", texts: [textOf(message)] });
    } else if (message.role === "assistant") {
      const text = message.content === "" ? (message.refusal ?? "") : message.content;
      openReply(turns).push(...(text === "" ? [] : [text]), ...message.toolCalls.map((call) => encodeCall(call, results)));
    }
  }
  // The reply that is to come, or is to go on.
  openReply(turns);
  return [
    ...(system === "" ? [] : [{ type: "system" as const, text: system }]),
    ...turns.map((turn) => (turn.type === "user" ? { type: turn.type, text: turn.texts.join("\n\n") } : turn)),
  ];
}

type Turn =
  { readonly type: "user"; readonly texts: string[] } | { readonly type: "model"; readonly response: (string | LlamaFunctionCall)[] };

/** What follows a call's result belongs to the same reply. */
function openReply(turns: Turn[]): (string | LlamaFunctionCall)[] {
  const last = turns.at(-1);
  if (last?.type === "model") return last.response;
  const response: (string | LlamaFunctionCall)[] = [];
  turns.push({ type: "model", response });
  return response;
}

function encodeCall(call: ToolCall, results: ReadonlyMap<ToolCall, string>): LlamaFunctionCall {
  const { name, arguments: text } = call;
  let params: unknown = text;
  try {
    params = JSON.parse(text === "" ? "{}" : text);
  } catch {
    // What the model wrote and is no JSON is shown to it as it was.
  }
  return { type: "functionCall", name, params, result: results.get(call) ?? "" };
}

type Chosen = Omit<LlamaGenerateOptions, "signal" | "contextShift" | "onResponseChunk" | "onFunctionCallParamsChunk">;

export async function encodeOptions({ tools, toolChoice, settings }: ModelRequest, llama: Llama): Promise<Chosen> {
  const { maxCompletionTokens = Infinity, maxTokens = Infinity, temperature, topP, seed, stop, parallelToolCalls } = settings;
  const { frequencyPenalty, presencePenalty } = settings;
  const limit = Math.min(maxCompletionTokens, maxTokens);
  const named = typeof toolChoice === "object" ? toolChoice.name : undefined;
  const offered = toolChoice === "none" ? [] : tools.filter(({ name }) => named === undefined || name === named);
  const functions = offered.map(({ name, description, parameters }) => {
    const hasParameters = Object.keys(parameters?.["properties"] ?? {}).length > 0;
    return [name, { ...(description === undefined ? {} : { description }), ...(hasParameters ? { params: parameters } : {}) }] as const;
  });
  return {
    ...(limit === Infinity ? {} : { maxTokens: limit }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(seed === undefined ? {} : { seed }),
    ...(stop === undefined ? {} : { customStopTriggers: stop }),
    ...(frequencyPenalty === undefined && presencePenalty === undefined
      ? {}
      : { repeatPenalty: { frequencyPenalty: frequencyPenalty ?? 0, presencePenalty: presencePenalty ?? 0 } }),
    ...(functions.length > 0
      ? { functions: Object.fromEntries(functions), ...(parallelToolCalls === false ? { maxParallelFunctionCalls: 1 } : {}) }
      : await encodeGrammar(settings, llama)),
  };
}

async function encodeGrammar({ responseFormat: format }: ModelRequest["settings"], llama: Llama): Promise<{ grammar?: unknown }> {
  if (format === undefined || format.type === "text") return {};
  const schema = format.type === "json_schema" ? format.schema : undefined;
  return { grammar: await (schema === undefined ? llama.getGrammarFor("json") : llama.createGrammarForJsonSchema(schema)) };
}
