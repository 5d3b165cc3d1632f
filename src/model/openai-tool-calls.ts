/**
 * Puts streamed tool calls together, as providers really send them: with or without index and id, with the name
 * repeated, whole calls in one chunk. Arguments are passed on as they come and never checked.
 */
import { randomBytes } from "node:crypto";
import type { ModelEvent } from "../domain/model.ts";

interface Call {
  /** The provider's index; ours counts the calls that have started. */
  readonly key: number | undefined;
  readonly id: string | undefined;
  name: string;
  arguments: string;
  index: number | undefined;
}

interface Entry {
  readonly index?: unknown;
  readonly id?: unknown;
  readonly function?: { readonly name?: unknown; readonly arguments?: unknown } | null;
}

export class ToolCallAssembler {
  readonly #events: ModelEvent[];
  readonly #calls: Call[] = [];
  #started = 0;

  constructor(events: ModelEvent[]) {
    this.#events = events;
  }

  get count(): number {
    return this.#calls.length;
  }

  /** Every call has a name, so that each of them was passed on. */
  get isWhole(): boolean {
    return this.#started === this.#calls.length;
  }

  /** One chunk's `tool_calls`. In a whole message every entry is a call of its own. */
  add(entries: readonly unknown[], isWholeMessage: boolean): void {
    for (const [position, value] of entries.entries()) {
      if (typeof value !== "object" || value === null) continue;
      const entry = value as Entry;
      const key = isWholeMessage ? position : typeof entry.index === "number" ? entry.index : undefined;
      const id = typeof entry.id === "string" && entry.id !== "" ? entry.id : undefined;
      const name = typeof entry.function?.name === "string" ? entry.function.name : "";
      const text = textOfArguments(entry.function?.arguments);
      let call = this.#find(key, id);
      if (!call || isAnother(call, { id, name, text }) || (position > 0 && key === undefined && name !== "")) {
        call = { key, id, name: "", arguments: "", index: undefined };
        this.#calls.push(call);
      }
      this.#continue(call, name, text);
    }
  }

  #find(key: number | undefined, id: string | undefined): Call | undefined {
    if (key !== undefined) return this.#calls.findLast((call) => call.key === key);
    return this.#calls.findLast((call) => id !== undefined && call.id === id) ?? this.#calls.at(-1);
  }

  #continue(call: Call, name: string, text: string): void {
    call.name ||= name;
    call.arguments += text;
    if (call.index !== undefined) {
      if (text !== "") this.#events.push({ type: "tool_call_delta", index: call.index, arguments: text });
      return;
    }
    if (call.name === "") return;
    const index = (call.index = this.#started++);
    this.#events.push({ type: "tool_call_start", index, id: call.id ?? `call_${randomBytes(12).toString("hex")}`, name: call.name });
    if (call.arguments !== "") this.#events.push({ type: "tool_call_delta", index, arguments: call.arguments });
  }
}

/** A delta under a known index that can only be the beginning of a further call. */
function isAnother(call: Call, next: { id: string | undefined; name: string; text: string }): boolean {
  if (next.name === "") return false;
  if (next.id !== undefined && call.id !== undefined) return next.id !== call.id;
  if (call.name !== "" && next.name !== call.name) return true;
  return next.text.trim() !== "" && isJson(call.arguments);
}

function isJson(text: string): boolean {
  if (!text.trimEnd().endsWith("}")) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function textOfArguments(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
