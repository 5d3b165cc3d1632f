/**
 * What a provider wants back of its own reply besides text and tool calls: signed or encrypted reasoning, and signatures
 * on texts and calls, in the order they came. Kept as plain JSON with the message; it may come from a database.
 */
import type { SharedV3ProviderMetadata } from "@ai-sdk/provider";

export type ReplayPart =
  | { readonly type: "reasoning"; readonly text: string; readonly metadata?: SharedV3ProviderMetadata }
  /** Without `text`: the message's whole text. */
  | { readonly type: "text"; readonly text?: string; readonly metadata?: SharedV3ProviderMetadata }
  | { readonly type: "tool-call"; readonly id: string; readonly metadata?: SharedV3ProviderMetadata };

interface Open {
  readonly type: ReplayPart["type"];
  /** The block's id, or the call's. */
  readonly id: string;
  text: string;
  metadata: SharedV3ProviderMetadata | undefined;
}

/** What a part costs beside its text, about. */
const partSize = 128;

/** Gathers the parts of one reply. */
export class ReplayRecorder {
  readonly #parts: Open[] = [];
  readonly #newest = new Map<ReplayPart["type"], Open>();
  /** Of all that was added, in characters. */
  size = 0;

  /** A piece of the part `id`, which is a new one when it is not the newest of its type. */
  add(
    type: ReplayPart["type"],
    id: string,
    { text = "", metadata }: { text?: string; metadata?: SharedV3ProviderMetadata | undefined },
  ): void {
    let part = this.#newest.get(type);
    if (part?.id !== id) {
      part = { type, id, text: "", metadata: undefined };
      this.#parts.push(part);
      this.#newest.set(type, part);
      this.size += partSize + id.length;
    }
    part.text += text;
    if (metadata) part.metadata = merge(part.metadata, metadata);
    this.size += text.length + (metadata ? JSON.stringify(metadata).length : 0);
  }

  /** Undefined when nothing of it is signed: then text and tool calls say it all. */
  finish(): readonly ReplayPart[] | undefined {
    if (!this.#parts.some(({ metadata }) => metadata)) return undefined;
    const parts = this.#parts.filter(({ type, text }) => type !== "text" || text !== "");
    const texts = parts.filter(({ type }) => type === "text").length;
    return parts.map(({ type, id, text, metadata }): ReplayPart => {
      const more = metadata ? { metadata } : {};
      if (type === "tool-call") return { type, id, ...more };
      return type === "text" && texts === 1 ? { type, ...more } : { type, text, ...more };
    });
  }
}

function merge(known: SharedV3ProviderMetadata | undefined, more: SharedV3ProviderMetadata): SharedV3ProviderMetadata {
  const merged = { ...known };
  for (const [provider, values] of Object.entries(more)) merged[provider] = { ...merged[provider], ...values };
  return merged;
}

/** What is not of that form is left out: a provider that misses it says so. */
export function readReplay(content: unknown): ReplayPart[] {
  return Array.isArray(content) ? content.filter(isReplayPart) : [];
}

function isReplayPart(value: unknown): value is ReplayPart {
  if (typeof value !== "object" || value === null) return false;
  const { type, id, text, metadata } = value as { readonly [key: string]: unknown };
  if (metadata !== undefined && (typeof metadata !== "object" || metadata === null)) return false;
  if (type === "tool-call") return typeof id === "string";
  return type === "reasoning" ? typeof text === "string" : type === "text" && (text === undefined || typeof text === "string");
}
