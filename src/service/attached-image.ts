/**
 * The images of one request: within the limits, in a form that models take, from an address only where that is allowed.
 *
 * What an image is, its first bytes tell. Deliberately absent: decoding, scaling or converting it.
 */
import type { AttachmentsConfig } from "../config/config.ts";
import type { Attachment } from "../domain/attachment.ts";
import { GatewayError } from "../domain/errors.ts";
import type { ImagePart } from "../domain/message.ts";
import { FetchRefused, type GuardedFetcher } from "../runtime/guarded-fetch.ts";

export type ImageFetcher = Pick<GuardedFetcher, "fetch">;
type MediaType = ImagePart["mediaType"];

/** Enough of an image to tell what it is: looking through all the chunks of a large one would take long. */
const sampleBytes = 65_536;

const names: { readonly [Type in MediaType]: string } = {
  "image/png": "PNG",
  "image/jpeg": "JPEG",
  "image/gif": "GIF",
  "image/webp": "WebP",
};

/** One for each request: it knows how many bytes there were so far. */
export class ImageReader {
  readonly #config: AttachmentsConfig;
  readonly #fetcher: ImageFetcher;
  #totalBytes = 0;

  constructor(config: AttachmentsConfig, fetcher: ImageFetcher) {
    this.#config = config;
    this.#fetcher = fetcher;
  }

  /** Throws a `GatewayError` when the request's images are too large, or come from addresses that are never asked. */
  admit(images: readonly Attachment[]): void {
    for (const { source, param } of images) {
      if ("data" in source) this.#count(source.data.length, param);
      else if (!this.#config.imageUrls) throw notFetched(param);
    }
  }

  /** Only what `admit` has let through. */
  async read({ source, param, detail }: Attachment, signal: AbortSignal): Promise<ImagePart> {
    const bytes = "data" in source ? source.data : await this.#fetch(source.url, param, signal);
    const mediaType = await this.#typeOf(bytes);
    if (mediaType === undefined) {
      const taken = this.#config.imageTypes.map((type) => names[type]);
      throw invalid(`This is not an image that models take. Send ${inWords(taken)}.`, param);
    }
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
    return { type: "image", mediaType, data, ...(detail ? { detail } : {}) };
  }

  #count(bytes: number, param: string): void {
    const { maxImageBytes, maxTotalImageBytes } = this.#config;
    if (bytes > maxImageBytes)
      throw invalid(`The image has ${bytes} bytes; at most ${maxImageBytes} are taken. Send a smaller one.`, param);
    this.#totalBytes += bytes;
    if (this.#totalBytes <= maxTotalImageBytes) return;
    throw invalid(`The images have more than ${maxTotalImageBytes} bytes together. Send fewer or smaller ones.`, param);
  }

  async #fetch(url: string, param: string, signal: AbortSignal): Promise<Uint8Array> {
    const limits = this.#config.imageUrls;
    if (!limits) throw notFetched(param);
    const accept = this.#config.imageTypes.join(", ");
    try {
      const { status, body } = await this.#fetcher.fetch(url, limits, signal, { accept });
      if (status !== 200) throw invalid(`The image could not be fetched: its server answered with status ${status}.`, param);
      this.#count(body.length, param);
      return body;
    } catch (thrown) {
      if (!(thrown instanceof FetchRefused)) throw thrown;
      if (thrown.reason === "host") throw notFetched(param, thrown);
      throw invalid(`The image could not be fetched. ${thrown.message}`, param, thrown);
    }
  }

  async #typeOf(bytes: Uint8Array): Promise<MediaType | undefined> {
    const { fileTypeFromBuffer } = await import("file-type");
    const { mime } = (await fileTypeFromBuffer(bytes.subarray(0, sampleBytes))) ?? {};
    // An animated PNG is a PNG whose first picture any reader shows. Three letters are all that a GIF is told by: text has them too.
    const type = mime === "image/apng" ? "image/png" : mime;
    if (type === "image/gif" && !/^GIF8[79]a/.test(Buffer.from(bytes.subarray(0, 6)).toString("latin1"))) return undefined;
    return this.#config.imageTypes.find((taken) => taken === type);
  }
}

function notFetched(param: string, cause?: unknown): GatewayError {
  return new GatewayError(
    "unsupported_parameter",
    "Images are not fetched from this address. Send the image as a data: URL, or set allowUrl: true and list its host in urlAllowlist, both in gateway.http.endpoints.chatCompletions.images.",
    { param, cause },
  );
}

function invalid(message: string, param: string, cause?: unknown): GatewayError {
  return new GatewayError("invalid_value", message, { param, cause });
}

/** `A, B or C` */
function inWords(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
