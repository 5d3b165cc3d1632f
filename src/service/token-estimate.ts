/**
 * How many tokens a model may make of messages and tools, without its tokenizer: from the number of characters and of
 * the bytes that they take in UTF-8. Pure.
 *
 * Two answers are given, because no single one is right: `atMost` is meant to be a little too high for prose and code in
 * any script, `atLeast` is what no tokenizer in use stays below. Deliberately absent: tokenizers, of which each family of
 * models has its own, megabytes large.
 */
import type { Message } from "../domain/message.ts";
import type { ToolDefinition } from "../domain/model.ts";

/** Tokens for each. */
export interface TokenRates {
  /** UTF-16 unit. */
  readonly unit: number;
  /** Byte that a unit takes in UTF-8 beside its first: none for Latin letters, one for Cyrillic, two for Korean. */
  readonly moreByte: number;
  readonly image: number;
  /** Message, or call in one: roles, names and marks around it. */
  readonly frame: number;
}

/** English and code: 3.3 characters a token. Korean, Chinese and Japanese: a token a character. An image of the largest size. */
export const atMost: TokenRates = { unit: 0.3, moreByte: 0.35, image: 1600, frame: 8 };

/** English: 6 characters a token. Cyrillic: 4. Korean, Chinese and Japanese: 3. */
export const atLeast: TokenRates = { unit: 1 / 6, moreByte: 1 / 12, image: 0, frame: 0 };

/** `ref` is the model's that is asked: it reads a replay of its own. */
export function tokensOfMessage(message: Message, ref: string, rates: TokenRates): number {
  let tokens = rates.frame;
  if (message.role === "assistant") {
    const { content, refusal = "", toolCalls, replay } = message;
    tokens += tokensOfText(content, rates) + tokensOfText(refusal, rates);
    for (const call of toolCalls) tokens += rates.frame + tokensOfText(call.name, rates) + tokensOfText(call.arguments, rates);
    if (replay?.model === ref) tokens += tokensOfText(JSON.stringify(replay.content), rates);
  } else {
    for (const part of message.content) tokens += part.type === "text" ? tokensOfText(part.text, rates) : rates.image;
  }
  return tokens;
}

export function tokensOfTools(tools: readonly ToolDefinition[], rates: TokenRates): number {
  return tools.length === 0 ? 0 : tokensOfText(JSON.stringify(tools), rates);
}

/** `rates` as `tokensOfMessage` takes them. */
export function tokensOfText(text: string, { unit, moreByte }: TokenRates): number {
  return text.length * unit + (Buffer.byteLength(text) - text.length) * moreByte;
}
