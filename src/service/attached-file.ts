/**
 * The text of one file: its own, when it is text in UTF-8, or that of a PDF. Models get it after the file's name.
 *
 * What a file is, its bytes tell; neither its label nor its name counts. Deliberately absent: other formats, and pictures of text.
 */
import type { AttachmentsConfig } from "../config/config.ts";
import type { Attachment } from "../domain/attachment.ts";
import { GatewayError } from "../domain/errors.ts";
import type { TextPart } from "../domain/message.ts";
import type { PdfOutcome, PdfReader } from "../runtime/pdf-reader.ts";

type PdfProblem = Exclude<PdfOutcome, { text: string }>["problem"];

const problems: { readonly [Problem in Exclude<PdfProblem, "long">]: string } = {
  broken: "This PDF is damaged and cannot be read. Save it anew, or send its text.",
  costly: "This PDF takes too much time or memory to read. Send its text instead, or only the pages that matter.",
  empty: "This PDF has no text; it may be a scan. Send its pages as images.",
  encrypted: "This PDF is protected with a password. Send it without one.",
};

/** Rejects with a `GatewayError` whose `param` is the file's, or with the signal's reason. */
export async function readFile(file: Attachment, limits: AttachmentsConfig, pdfs: PdfReader, signal: AbortSignal): Promise<TextPart> {
  const refuse = (message: string): never => {
    throw new GatewayError("invalid_value", message, { param: file.param });
  };
  if (!("data" in file.source)) return refuse("Files are not fetched. Send the file itself.");
  const { data } = file.source;
  const { maxFileBytes, maxFileCharacters } = limits;
  if (data.length > maxFileBytes)
    return refuse(`The file has ${data.length} bytes; at most ${maxFileBytes} are taken. Send a smaller one.`);
  const tooLong = `The file's text has more than ${maxFileCharacters} characters. Send only the part that matters.`;
  if (isPdf(data)) {
    const outcome = await pdfs.read(data, maxFileCharacters, signal);
    if ("text" in outcome) return asPart(file.filename, outcome.text);
    return refuse(outcome.problem === "long" ? tooLong : problems[outcome.problem]);
  }
  const text = decodeText(data);
  if (text === undefined)
    return refuse("Only text in UTF-8 and PDF are taken as files. Save it as one of these; send images as parts of type 'image_url'.");
  return text.length > maxFileCharacters ? refuse(tooLong) : asPart(file.filename, text);
}

function isPdf(data: Uint8Array): boolean {
  return Buffer.from(data.subarray(0, 5)).toString("latin1") === "%PDF-";
}

/** Undefined when it is not UTF-8, or has a character that no text has. */
function decodeText(data: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(data);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

function asPart(filename: string | undefined, text: string): TextPart {
  const name = shown(filename ?? "");
  return { type: "text", text: `File${name === "" ? "" : ` "${name}"`}:\n${text}` };
}

/** A name is one line of visible characters, whatever the caller sent: it must not pass for something else in the prompt. */
function shown(name: string): string {
  return name
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s"]+/gu, " ")
    .trim();
}
