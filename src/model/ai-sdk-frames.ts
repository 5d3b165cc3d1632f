/**
 * A provider's event stream → the same, with each frame made into what its AI SDK package expects: what a package does not
 * know is left out or mended, rather than being the end of a reply that is otherwise good.
 *
 * What a frame means is said per protocol (`ai-sdk-frames-anthropic.ts`, `ai-sdk-frames-google.ts`). A frame that is no JSON
 * object goes through as it is: the package says that it is none.
 */
import { StringDecoder } from "node:string_decoder";
import { createParser } from "eventsource-parser";
import type { ProviderApi } from "../config/config.ts";
import { isObject, type MendFrame } from "./ai-sdk-frame.ts";
import { anthropicFrames } from "./ai-sdk-frames-anthropic.ts";
import { googleFrames } from "./ai-sdk-frames-google.ts";

/** Undefined for protocols that are the package's own business. */
export function frameMender(api: ProviderApi): MendFrame | undefined {
  if (api === "anthropic-messages") return anthropicFrames();
  return api === "google-generative-ai" ? googleFrames() : undefined;
}

/** Each piece of an event stream → what it completed. Frames are taken to be of a bounded size. */
export async function* mendFrames(pieces: AsyncIterable<Uint8Array>, mend: MendFrame): AsyncGenerator<Uint8Array, void> {
  const text = new StringDecoder("utf8");
  let mended = "";
  const parser = createParser({
    onEvent: ({ data, event }) => {
      for (const one of mendData(data, event, mend)) mended += `data: ${one.replaceAll("\n", "\ndata: ")}\n\n`;
    },
  });
  let isAtStart = true;
  for await (const piece of pieces) {
    const read = text.write(piece);
    parser.feed(isAtStart ? read.replace(/^\uFEFF/u, "") : read);
    isAtStart &&= read === "";
    if (mended !== "") yield Buffer.from(mended);
    mended = "";
  }
  // The last frame may lack the blank line that ends it.
  parser.feed(`${text.end()}\n\n`);
  if (mended !== "") yield Buffer.from(mended);
}

function mendData(data: string, event: string | undefined, mend: MendFrame): readonly string[] {
  let frame: unknown;
  try {
    frame = JSON.parse(data);
  } catch {
    return [data];
  }
  if (!isObject(frame)) return [data];
  return mend(frame, event).map((one) => (one === frame ? data : JSON.stringify(one)));
}
