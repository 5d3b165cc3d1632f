/**
 * Decides what the offline model answers: tool calls or a sentence, a pure function of the request.
 *
 * Per user message each tool is called at most once, so that a run always ends.
 */
import { textOf, type Message, type ToolCall } from "../domain/message.ts";
import type { JsonObject, ModelRequest, ResponseFormat, ToolDefinition } from "../domain/model.ts";
import { english, korean, type Phrases } from "./builtin-phrases.ts";
import { isSameSubject, readStatement, understand, type Understanding } from "./builtin-understanding.ts";
import { sampleArguments, sampleBudget, sampleValue } from "./schema-sample.ts";

const maxQuoteCharacters = 200;
const maxQuotes = 5;
const maxMessagesBack = 20;
const maxArgumentCharacters = 2000;
/** Of one reply; what else was asked for is called in the next one. */
const maxCalls = 16;

export interface PlannedCall {
  readonly name: string;
  readonly arguments: string;
}

export type Reply = { readonly text: string } | { readonly calls: readonly PlannedCall[] };

interface Conversation {
  /** The last user message. */
  readonly text: string;
  /** What the user wrote before it, oldest first. */
  readonly earlier: readonly string[];
  /** Tool calls after the last user message, with their results. */
  readonly results: readonly { readonly call: ToolCall; readonly content: string }[];
}

export function decideReply(request: ModelRequest): Reply {
  const conversation = readConversation(request.messages);
  const understanding = understand(conversation.text);
  const calls = planCalls(request, conversation, understanding);
  if (calls.length > 0) return { calls: request.settings.parallelToolCalls === false ? calls.slice(0, 1) : calls };
  return { text: inFormat(request.settings.responseFormat, conversation, answer(conversation, understanding)) };
}

/** With a JSON form, the text is that JSON only: a sample of the schema, or an object that holds the sentence. */
function inFormat(format: ResponseFormat | undefined, { text, results }: Conversation, sentence: string): string {
  if (format === undefined || format.type === "text") return sentence;
  const schema = format.type === "json_schema" ? format.schema : undefined;
  if (schema === undefined) return JSON.stringify({ reply: sentence });
  const filling = results.length > 0 ? sentence : text;
  return JSON.stringify(sampleValue(schema, filling.slice(0, maxArgumentCharacters), sampleBudget()));
}

function readConversation(messages: readonly Message[]): Conversation {
  const last = messages.findLastIndex((message) => message.role === "user");
  const after = messages.slice(last + 1);
  const calls = new Map(after.flatMap((message) => (message.role === "assistant" ? message.toolCalls.map((call) => [call.id, call]) : [])));
  return {
    text: last === -1 ? "" : textOf(messages[last]!),
    earlier: messages.slice(0, Math.max(last, 0)).flatMap((message) => (message.role === "user" ? [textOf(message)] : [])),
    results: after.flatMap((message) => {
      if (message.role !== "tool") return [];
      const id = message.toolCallId;
      return [{ call: calls.get(id) ?? { id, name: id, arguments: "{}" }, content: textOf(message) }];
    }),
  };
}

function planCalls({ tools, toolChoice }: ModelRequest, { text, results }: Conversation, understanding: Understanding): PlannedCall[] {
  if (tools.length === 0 || toolChoice === "none") return [];
  const isDone = (name: string): boolean => results.some(({ call }) => call.name === name);
  const forced = typeof toolChoice === "object" ? tools.find(({ name }) => name === toolChoice.name) : undefined;
  // A demanded call is made however often it is demanded: whoever repeats the demand after a result means it.
  const mustCall = toolChoice === "required" || forced !== undefined;
  const offered = forced ? [forced] : tools;
  const wanted = wantedArguments(understanding);
  const sampleText = text.slice(0, maxArgumentCharacters);
  const budget = sampleBudget();
  const plan = (tool: ToolDefinition): PlannedCall => {
    const args = wanted.get(tool.name);
    const fits = args && takes(tool, Object.keys(args));
    return { name: tool.name, arguments: JSON.stringify(fits ? args : sampleArguments(tool.parameters, sampleText, budget)) };
  };
  const calls = offered
    .filter(({ name }) => !isDone(name) && (wanted.has(name) || (!ownTools.has(name) && mentions(text, name))))
    .slice(0, maxCalls)
    .map((tool) => plan(tool));
  return calls.length > 0 || !mustCall ? calls : [plan(forced ?? tools[0]!)];
}

function takes({ parameters }: ToolDefinition, names: readonly string[]): boolean {
  const properties = parameters?.["properties"];
  return parameters === undefined || names.every((name) => typeof properties === "object" && properties !== null && name in properties);
}

/** The agent's own tools: called when what they are for is asked, not when their name is mentioned. */
const ownTools: ReadonlySet<string> = new Set(["calculator", "current_time", "memory_save", "memory_recall"]);

function wantedArguments({ expression, asksTime, toRemember, asksMemory }: Understanding): Map<string, JsonObject> {
  const wanted = new Map<string, JsonObject>();
  if (expression !== undefined) wanted.set("calculator", { expression });
  if (asksTime) wanted.set("current_time", {});
  if (toRemember) wanted.set("memory_save", toRemember);
  if (asksMemory) wanted.set("memory_recall", {});
  return wanted;
}

/** `get_weather` is mentioned by "get_weather" and by "get weather". */
function mentions(text: string, toolName: string): boolean {
  const lower = text.slice(0, maxArgumentCharacters).toLowerCase();
  const name = toolName.toLowerCase();
  return name.length > 2 && (lower.includes(name) || lower.includes(name.replaceAll(/[_-]/gu, " ")));
}

function answer(conversation: Conversation, understanding: Understanding): string {
  const phrases = understanding.isKorean ? korean : english;
  const { text, earlier, results } = conversation;
  if (results.length > 0) {
    return results.map(({ call, content }) => sayResult(call, content, phrases, conversation, understanding)).join(" ");
  }
  if (understanding.asksHistory) {
    return earlier.length === 0 ? phrases.noHistory() : phrases.history(earlier.slice(-maxQuotes).map(quote));
  }
  const subject = understanding.asksMemory?.subject;
  if (subject !== undefined) return sayFromHistory(subject, earlier, phrases) ?? `${phrases.unknown(subject)} ${phrases.noModel()}`;
  const opening = understanding.isGreeting ? phrases.greeting() : text.trim() === "" ? phrases.nothingSaid() : phrases.echo(quote(text));
  return `${opening} ${phrases.noModel()}`;
}

function sayResult(call: ToolCall, content: string, phrases: Phrases, { earlier }: Conversation, { asksMemory }: Understanding): string {
  if (content.startsWith("Error: ")) return phrases.toolFailed(call.name, content.slice("Error: ".length));
  const args = parseObject(call.arguments) ?? {};
  switch (call.name) {
    case "calculator":
      return phrases.sum(shown(args["expression"]), content);
    case "current_time":
      return phrases.time(content);
    case "memory_save":
      return phrases.saved(shown(args["name"]), shown(args["value"]));
    case "memory_recall": {
      const memory = parseObject(content);
      if (memory) return sayMemory(memory, asksMemory?.subject, earlier, phrases);
    }
  }
  return phrases.toolAnswered(call.name, content);
}

function sayMemory(memory: Record<string, unknown>, subject: string | undefined, earlier: readonly string[], phrases: Phrases): string {
  const entries = Object.entries(memory).map(([name, value]) => [name, shown(value)] as const);
  const all = entries.length === 0 ? phrases.nothingRemembered() : phrases.remembered(entries.map(([name, value]) => `${name} = ${value}`));
  if (subject === undefined) return all;
  const found = entries.find(([name]) => isSameSubject(name, subject));
  if (found) return phrases.known(found[0], found[1]);
  return (
    sayFromHistory(subject, earlier, phrases) ?? (entries.length === 0 ? phrases.unknown(subject) : `${phrases.unknown(subject)} ${all}`)
  );
}

function sayFromHistory(subject: string, earlier: readonly string[], phrases: Phrases): string | undefined {
  for (const message of earlier.slice(-maxMessagesBack).reverse()) {
    const value = readStatement(message, subject);
    if (value !== undefined) return phrases.saidBefore(subject, value);
  }
  return undefined;
}

function quote(text: string): string {
  const characters = Array.from(
    text
      .slice(0, 4 * maxQuoteCharacters)
      .trim()
      .replaceAll(/\s+/gu, " "),
  );
  const isCut = characters.length > maxQuoteCharacters || text.length > 4 * maxQuoteCharacters;
  return characters.slice(0, maxQuoteCharacters).join("") + (isCut ? "…" : "");
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "?");
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
