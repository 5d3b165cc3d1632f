/**
 * Puts streamed tool calls together, as providers really send them: with or without index and id, with the name
 * repeated, whole calls in one chunk. Arguments are passed on as they come and never checked.
 *
 * Every character is looked at once and every entry finds its call at once: a reply costs what it is long.
 */
import { randomBytes } from "node:crypto";
import type { ModelEvent } from "../domain/model.ts";
import { ArgumentsScan } from "./arguments-scan.ts";
import type { ProviderErrors } from "./provider-errors.ts";

/** Far above what models ask for at a time (OpenAI offers at most 128 tools), and few enough to run and to keep. */
const maxCalls = 256;
/** Arguments of calls that have no name yet are kept here, where no one downstream can count them. In characters, per reply. */
const maxNamelessLength = 1024 * 1024;

interface Call {
  /** As the provider named it; further entries are matched by it. */
  readonly id: string | undefined;
  /** As it is passed on: no two calls of a reply share it. */
  readonly ownId: string;
  readonly scan: ArgumentsScan;
  name: string;
  /** Arguments that came before the name. */
  waiting: string;
  /** Counts the calls that have started; the provider's own index only says which entries belong together. */
  index: number | undefined;
}

interface Entry {
  readonly index?: unknown;
  readonly id?: unknown;
  readonly function?: { readonly name?: unknown; readonly arguments?: unknown } | null;
}

export class ToolCallAssembler {
  readonly #events: ModelEvent[];
  readonly #errors: ProviderErrors;
  /** The newest call under each of the provider's indexes and ids, and the newest of all. */
  readonly #byKey = new Map<number, Call>();
  readonly #byId = new Map<string, Call>();
  #newest: Call | undefined;
  #count = 0;
  #started = 0;
  #namelessLength = 0;

  constructor(events: ModelEvent[], errors: ProviderErrors) {
    this.#events = events;
    this.#errors = errors;
  }

  get count(): number {
    return this.#count;
  }

  /** Every call has a name, so that each of them was passed on. */
  get isWhole(): boolean {
    return this.#started === this.#count;
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
        call = this.#open(key, id);
      }
      this.#continue(call, name, text);
    }
  }

  #find(key: number | undefined, id: string | undefined): Call | undefined {
    if (key !== undefined) return this.#byKey.get(key);
    return (id === undefined ? undefined : this.#byId.get(id)) ?? this.#newest;
  }

  #open(key: number | undefined, id: string | undefined): Call {
    if (this.#count === maxCalls) throw this.#errors.broken(`made more than ${maxCalls} tool calls in one reply`);
    // Results are matched to calls by id: an id that came before would make two calls one.
    const ownId = id === undefined || this.#byId.has(id) ? `call_${randomBytes(12).toString("hex")}` : id;
    const call: Call = { id, ownId, scan: new ArgumentsScan(), name: "", waiting: "", index: undefined };
    this.#count++;
    this.#newest = call;
    if (key !== undefined) this.#byKey.set(key, call);
    if (id !== undefined) this.#byId.set(id, call);
    return call;
  }

  #continue(call: Call, name: string, text: string): void {
    call.name ||= name;
    call.scan.add(text);
    if (call.index !== undefined) {
      if (text !== "") this.#events.push({ type: "tool_call_delta", index: call.index, arguments: text });
      return;
    }
    call.waiting += text;
    if (call.name === "") {
      this.#namelessLength += text.length;
      if (this.#namelessLength > maxNamelessLength) throw this.#errors.broken("made a tool call without a name");
      return;
    }
    const index = (call.index = this.#started++);
    this.#events.push({ type: "tool_call_start", index, id: call.ownId, name: call.name });
    if (call.waiting !== "") this.#events.push({ type: "tool_call_delta", index, arguments: call.waiting });
    call.waiting = "";
  }
}

/** A delta that can only be the beginning of a further call, though its index or id, or its lack of them, leads to this one. */
function isAnother(call: Call, next: { id: string | undefined; name: string; text: string }): boolean {
  if (next.name === "") return false;
  if (next.id !== undefined && call.id !== undefined && next.id !== call.id) return true;
  if (call.name !== "" && next.name !== call.name) return true;
  return call.scan.isWhole && next.text.trim() !== "";
}

function textOfArguments(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
