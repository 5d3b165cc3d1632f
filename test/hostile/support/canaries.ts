/**
 * Values that stand for secrets and for private words, each of which is in one place only; and the search for them, in every
 * shape in which they might come to light. It knows no gateway: a place is a name and what is there.
 */
import { randomBytes } from "node:crypto";

export interface Place {
  readonly name: string;
  readonly content: string | Buffer;
}

export type Canaries = { readonly [name: string]: string };

/** No eight of its characters stand anywhere by chance, and every encoding writes it differently. */
export function makeCanary(): string {
  return `${randomBytes(15).toString("base64url")}"%+/${randomBytes(15).toString("base64url")}`;
}

const inJson = (value: string): string => JSON.stringify(value).slice(1, -1);

function inAddress(value: string): string[] {
  const escaped = encodeURIComponent(value);
  return [escaped, escaped.replaceAll(/%[\dA-F]{2}/g, (escape) => escape.toLowerCase())];
}

/** Its Base64 wherever it stands in a longer text, without the ends that also depend on what stands beside it. */
function inBase64(value: string): string[] {
  const forms = [0, 1, 2].map((shift) => {
    const bytes = Buffer.from(" ".repeat(shift) + value);
    return bytes.toString("base64").slice(Math.ceil((shift * 4) / 3), Math.floor((bytes.length * 4) / 3));
  });
  return [...forms, ...forms.map((form) => form.replaceAll("+", "-").replaceAll("/", "_"))];
}

/** The ends first: who finds a whole value finds them as well. */
export function shapesOf(value: string): { readonly [shape: string]: readonly string[] } {
  return {
    "its first eight characters": [value.slice(0, 8)],
    "its last eight characters": [value.slice(-8)],
    plain: [value],
    "percent-encoded": inAddress(value),
    "escaped in JSON": [inJson(value), inJson(inJson(value))],
    "in Base64": inBase64(value),
    "in hexadecimal": [Buffer.from(value).toString("hex"), Buffer.from(value).toString("hex").toUpperCase()],
  };
}

/** A line for each canary and each shape of it that is in a place. */
export function search(canaries: Canaries, places: readonly Place[]): string[] {
  const sought = Object.entries(canaries).flatMap(([name, value]) =>
    Object.entries(shapesOf(value)).map(([shape, texts]) => ({ what: `${name}, ${shape}`, texts: texts.map((text) => Buffer.from(text)) })),
  );
  return places.flatMap(({ name, content }) => {
    const bytes = Buffer.from(content);
    return sought.flatMap(({ what, texts }) => {
      const at = texts.map((text) => bytes.indexOf(text)).find((index) => index >= 0);
      return at === undefined ? [] : [`${what}: ${name}: …${bytes.toString("latin1", Math.max(0, at - 120), at + 20)}…`];
    });
  });
}
