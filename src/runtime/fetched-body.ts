/**
 * The body of a reply from somewhere on the Internet, read to its end but never beyond a limit.
 *
 * The limit counts what comes out of a compressed body, so that a small one cannot unfold into all of the memory.
 */
import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { FetchRefused } from "./fetch-refused.ts";

/** Servers are asked for no encoding; some send what they have stored. */
const decoders: { readonly [encoding: string]: () => Transform } = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** `encoding` is the `content-encoding` header. Rejects with `FetchRefused`, or whatever breaks `body`. */
export async function readBody(body: Readable, encoding: string, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  const collect = async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const piece of source) {
      size += piece.length;
      if (size > maxBytes) return;
      pieces.push(piece);
    }
  };
  const decoder = decoderOf(encoding.trim().toLowerCase());
  try {
    await (decoder ? pipeline(body, decoder, collect) : pipeline(body, collect));
  } catch (thrown) {
    // Stopping in the middle is an error of the streams before.
    if (size <= maxBytes) throw thrown;
  }
  if (size > maxBytes) throw new FetchRefused("size", `The address sends more than ${maxBytes} bytes.`);
  return Buffer.concat(pieces, size);
}

function decoderOf(encoding: string): Transform | undefined {
  if (encoding === "" || encoding === "identity") return undefined;
  const create = Object.hasOwn(decoders, encoding) ? decoders[encoding] : undefined;
  if (!create) throw new FetchRefused("unreachable", "The address sends its content in an encoding that is not understood.");
  return create();
}
