/**
 * What callers attach → what models read: images that are what they claim, and the text of files.
 *
 * What can be refused at a glance is refused before anything is fetched or taken apart.
 * Deliberately absent: how attachments look on a wire, and whether a model takes images (`run-admission.ts`).
 */
import type { AttachmentsConfig } from "../config/config.ts";
import type { Attachment, SentMessage } from "../domain/attachment.ts";
import { GatewayError } from "../domain/errors.ts";
import type { Message, UserPart } from "../domain/message.ts";
import { GuardedFetcher } from "../runtime/guarded-fetch.ts";
import { PdfReader } from "../runtime/pdf-reader.ts";
import { readFile } from "./attached-file.ts";
import { type ImageFetcher, ImageReader } from "./attached-image.ts";

type SentPart = UserPart | Attachment;

interface AttachmentParts {
  readonly pdfs: PdfReader;
  readonly fetcher: ImageFetcher;
}

export class AttachmentService {
  readonly #config: AttachmentsConfig;
  readonly #pdfs: PdfReader;
  readonly #fetcher: ImageFetcher;

  constructor(config: AttachmentsConfig, { pdfs = new PdfReader(), fetcher = new GuardedFetcher() }: Partial<AttachmentParts> = {}) {
    this.#config = config;
    this.#pdfs = pdfs;
    this.#fetcher = fetcher;
  }

  /**
   * The same messages in the same order, every attachment read; one without attachments is the same object.
   * Rejects with a `GatewayError` whose `param` is the attachment's, or with the signal's reason.
   */
  async read(messages: readonly SentMessage[], signal: AbortSignal): Promise<readonly Message[]> {
    signal.throwIfAborted();
    if (messages.every(isRead)) return messages;
    const attachments = messages.flatMap(attachmentsOf);
    const images = new ImageReader(this.#config, this.#fetcher);
    this.#refuseTooMany(attachments);
    // In all of them before the first is read: what is too large must not cost a fetch.
    images.admit(attachments.filter(({ kind }) => kind === "image"));
    const read: Message[] = [];
    for (const message of messages) {
      read.push(isRead(message) ? message : { ...message, content: await this.#readParts(message.content, images, signal) });
    }
    return read;
  }

  /** Ends what reads PDFs. */
  close(): Promise<void> {
    return this.#pdfs.close();
  }

  #refuseTooMany(attachments: readonly Attachment[]): void {
    const { maxImageParts, maxFileParts } = this.#config;
    for (const [kind, most] of [["image", maxImageParts] as const, ["file", maxFileParts] as const]) {
      const first = attachments.filter((attachment) => attachment.kind === kind)[most];
      if (!first) continue;
      const taken = most === 0 ? `No ${kind}s are taken here.` : `At most ${most} ${kind}s are taken in one request. Send fewer.`;
      throw new GatewayError("invalid_value", taken, { param: first.param });
    }
  }

  /** One after the other: at any time there is one PDF taken apart and one address asked. */
  async #readParts(parts: readonly SentPart[], images: ImageReader, signal: AbortSignal): Promise<UserPart[]> {
    const read: UserPart[] = [];
    for (const part of parts) {
      if (part.type !== "attachment") read.push(part);
      else if (part.kind === "image") read.push(await images.read(part, signal));
      else read.push(await readFile(part, this.#config, this.#pdfs, signal));
    }
    return read;
  }
}

function attachmentsOf({ content }: SentMessage): Attachment[] {
  return typeof content === "string" ? [] : content.flatMap((part: SentPart) => (part.type === "attachment" ? [part] : []));
}

function isRead(message: SentMessage): message is Message {
  return attachmentsOf(message).length === 0;
}
