/**
 * Whether a message of the transcript is one of the request's, by what a caller could see of it. Messages that look the
 * same get the same number, so that everything after this compares numbers.
 *
 * Only what the request says is remembered: a stored message is looked up in it, which costs no more than reading it.
 * Deliberately absent: `name`, `detail` and `replay`, which callers do not get to see or do not send back.
 */
import { createHash } from "node:crypto";
import type { ToolCall } from "../domain/message.ts";
import { textOf } from "../domain/message.ts";
import type { DialogueMessage } from "../domain/transcript-tree.ts";

/**
 * A map tells long strings apart by comparing them, one after the other, when their lengths are the same. Texts longer
 * than this are told apart by their digest, so that a request full of them stays cheap.
 */
const maxPlainLength = 8_192;

type NumberOf = (spelled: string) => number | undefined;

export class Likeness {
  readonly #texts = new Map<string, number>();
  readonly #longLengths = new Set<number>();
  readonly #images = new Map<string, number>();
  readonly #messages = new Map<string, number>();
  /** One for each message of the request. */
  readonly numbers: readonly number[];

  constructor(dialogue: readonly DialogueMessage[]) {
    this.numbers = dialogue.map((message) => this.#learn(message));
  }

  /** The number of the messages of the request that look like this one; undefined when none does. */
  find(message: DialogueMessage): number | undefined {
    const spelled = spell(
      message,
      (text) => (text.length > maxPlainLength && !this.#longLengths.has(text.length) ? undefined : this.#texts.get(textKey(text))),
      (data) => this.#images.get(data),
    );
    return spelled === undefined ? undefined : this.#messages.get(spelled);
  }

  #learn(message: DialogueMessage): number {
    const spelled = spell(
      message,
      (text) => {
        if (text.length > maxPlainLength) this.#longLengths.add(text.length);
        return numberIn(this.#texts, textKey(text));
      },
      // Images are few, and most differ in length: comparing them is cheaper than any digest.
      (data) => numberIn(this.#images, data),
    );
    return numberIn(this.#messages, spelled!);
  }
}

/** The number that `key` has, or now gets. */
function numberIn(numbers: Map<string, number>, key: string): number {
  const known = numbers.get(key);
  if (known !== undefined) return known;
  numbers.set(key, numbers.size);
  return numbers.size - 1;
}

function textKey(text: string): string {
  if (text.length <= maxPlainLength) return text;
  return `${text.length} ${createHash("sha256").update(text, "utf16le").digest("base64")}`;
}

/** A message as the numbers of its pieces; undefined when one of them has none. */
function spell(message: DialogueMessage, numberOfText: NumberOf, numberOfImage: NumberOf): string | undefined {
  let spelled: string = message.role;
  for (const text of textsOf(message)) {
    const number = numberOfText(text);
    if (number === undefined) return undefined;
    spelled += ` ${number}`;
  }
  if (message.role !== "user") return spelled;
  for (const part of message.content) {
    if (part.type !== "image") continue;
    const number = numberOfImage(part.data);
    if (number === undefined) return undefined;
    spelled += ` ${number}`;
  }
  return spelled;
}

/** As many for every message of a role. */
function* textsOf(message: DialogueMessage): Generator<string> {
  yield textOf(message).trim();
  if (message.role === "tool") yield message.toolCallId;
  if (message.role !== "assistant") return;
  yield (message.refusal ?? "").trim();
  yield message.toolCalls.length === 0 ? "" : JSON.stringify(message.toolCalls.map(spellCall));
}

function spellCall({ id, name, arguments: text }: ToolCall): readonly string[] {
  // Models leave the arguments of a tool that takes none empty; clients that parse them send an empty object back.
  if (text.trim() === "") return [id, name, "json", "{}"];
  try {
    return [id, name, "json", JSON.stringify(JSON.parse(text), sortKeys)];
  } catch {
    // Not JSON, or nested too deeply to be written again.
    return [id, name, "text", text];
  }
}

function sortKeys(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
