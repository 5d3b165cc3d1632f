/**
 * Reads a JSON request body: refuses by its headers what need not be read, and puts what the reader and the parser
 * throw into the contract's words.
 *
 * koa-body reads and inflates, but decodes leniently: bytes that are not UTF-8 would become other text in silence.
 * So it hands over one character a byte, and what they mean is decided here.
 */
import { isUtf8 } from "node:buffer";
import { koaBody } from "koa-body";
import { parse as parseJson } from "secure-json-parse";
import { GatewayError } from "../domain/errors.ts";
import { hasMoreValues } from "../domain/json-text.ts";
import type { Chain, Step } from "./state.ts";
import { Turnstile } from "./turnstile.ts";

/** Fifteen for each of as many messages as the contract takes, or a thousand for each tool. */
const maxValues = 250_000;

export function readBody(maxBytes: number): Step {
  const read = koaBody({
    text: true,
    textTypes: ["application/json"],
    // One byte a character, by Node itself; by its other name a table would be looked up for each.
    encoding: "binary",
    textLimit: String(maxBytes),
    json: false,
    urlencoded: false,
    multipart: false,
  });
  const turnstile = new Turnstile();
  return async (ctx, next) => {
    if (ctx.state.route.hasBody) {
      refuseUnread(ctx, maxBytes);
      // The server leaves "Expect: 100-continue" to this point, so that nobody uploads a body that is refused unread.
      // HTTP/1.0 knows no reply before the reply.
      if (ctx.req.httpVersion === "1.1" && /100-continue/i.test(ctx.headers.expect ?? "")) ctx.res.writeContinue();
      try {
        await read(ctx, () => Promise.resolve());
      } catch (thrown) {
        throw toBodyError(thrown, maxBytes);
      }
      await turnstile.pass();
      ctx.state.body = parseBody(Buffer.from((ctx.request.body as string | undefined) ?? "", "latin1"));
    }
    await next();
  };
}

function refuseUnread(ctx: Chain, maxBytes: number): void {
  if (Number(ctx.headers["content-length"]) > maxBytes) throw tooLarge(maxBytes);
  // As nearly all clients write it.
  if (ctx.headers["content-type"] !== "application/json" || ctx.headers["content-length"] === undefined) refuseOtherType(ctx);
  // Names of encodings ignore case, and `x-gzip` is gzip's old one; the reader knows neither rule.
  const encoding = (ctx.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  ctx.req.headers["content-encoding"] = encoding === "x-gzip" ? "gzip" : encoding;
}

function refuseOtherType(ctx: Chain): void {
  if (!ctx.is("application/json")) throw unsupported("Send the body as JSON, with 'Content-Type: application/json'.", "content-type");
  if (!/^(utf-?8)?$/i.test(ctx.request.charset)) throw unsupported("The body's charset is not supported. Use UTF-8.", "content-type");
}

/** The reader's own error may quote the body, so it never becomes a cause that is logged. */
function toBodyError(thrown: unknown, maxBytes: number): unknown {
  const { type, status } = thrown as { type?: string; status?: number };
  if (type === "entity.too.large") return tooLarge(maxBytes);
  if (type === "encoding.unsupported" || status === 415) {
    return unsupported("The body's Content-Encoding is not supported. Use gzip, deflate, br or none.", "content-encoding");
  }
  if (type === "request.size.invalid") return new GatewayError("invalid_json", "The body's length is not what Content-Length said.");
  // Mostly nobody is there to read it. On a connection that still has a reply for another request on its way, this is no fault either.
  if (type === "request.aborted") return new GatewayError("invalid_json", "The connection ended before the body was complete.");
  // What zlib throws has neither.
  if (type === undefined && status === undefined) {
    return new GatewayError("invalid_json", "The body is not valid compressed data for its Content-Encoding.");
  }
  return thrown;
}

/** An empty body is an empty object: what is missing from it is said field by field. */
function parseBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return {};
  if (!isUtf8(bytes)) throw new GatewayError("invalid_json", "The body is not valid UTF-8.");
  if (hasMoreValues(bytes, maxValues)) {
    throw new GatewayError(
      "invalid_value",
      `The body has more than ${maxValues} items and fields. Leave out what the reply does not need.`,
    );
  }
  let value: unknown;
  try {
    value = parseJson(bytes.toString("utf8"), { protoAction: "error", constructorAction: "ignore" });
  } catch (thrown) {
    const { message } = thrown as Error;
    if (message.includes("forbidden prototype property")) {
      throw new GatewayError("invalid_json", "A key named '__proto__' is not allowed anywhere in the body.");
    }
    // Only the position: the rest of the parser's message quotes the body.
    const position = /position (\d+)/.exec(message)?.[1];
    throw notAnObject(position === undefined ? "it cannot be parsed" : `it cannot be parsed at position ${position}`);
  }
  if (typeof value !== "object" || value === null) throw notAnObject("it is a single value");
  return value;
}

function notAnObject(why: string): GatewayError {
  return new GatewayError("invalid_json", `The body is not a JSON object: ${why}.`);
}

function unsupported(message: string, param: string): GatewayError {
  return new GatewayError("unsupported_media_type", message, { param });
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError(
    "request_too_large",
    `The body is larger than the ${maxBytes} bytes that gateway.http.endpoints.chatCompletions.maxBodyBytes allows.`,
  );
}
