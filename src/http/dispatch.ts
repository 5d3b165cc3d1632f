/** The last step: the contract validates and dispatches the request, and its reply is sent. */
import type { ChatCompletionsConfig } from "../config/config.ts";
import type { Contract, Reply } from "./contract.ts";
import { sendEventStream } from "./sse.ts";
import { cutStalledReader } from "./stalled-reader.ts";
import type { Chain, Step } from "./state.ts";

/** One object for all: making an error with its stack for each is dear. */
const callerLeft = new Error("The caller went away before its reply was complete.");

export function dispatch(contract: Contract, config: ChatCompletionsConfig): Step {
  return async (ctx) => {
    const gone = new AbortController();
    const onClose = (): void => {
      if (!ctx.res.writableFinished) gone.abort(callerLeft);
    };
    // A caller may have left while its body was unpacked, before anybody listened.
    if (ctx.res.closed) onClose();
    else ctx.res.once("close", onClose);
    cutStalledReader(ctx.res, config.readerTimeoutMs);
    const { route, principal, body } = ctx.state;
    const reply = await contract.dispatch(route, { search: ctx.search, body, principal, signal: gone.signal, headers: ctx.headers });
    await send(ctx, reply, config, gone.signal);
  };
}

async function send(ctx: Chain, reply: Reply, { keepAliveMs }: ChatCompletionsConfig, signal: AbortSignal): Promise<void> {
  if ("stream" in reply) {
    ctx.respond = false;
    await sendEventStream(ctx.res, reply.stream, { headers: reply.headers ?? {}, keepAliveMs, signal });
    return;
  }
  const { res } = ctx;
  const body = reply.type === "application/json" ? JSON.stringify(reply.body) : (reply.body as string | Buffer);
  // Koa would ask a dozen questions that have their answers here.
  ctx.respond = false;
  res.statusCode = reply.status;
  for (const name in reply.headers) res.setHeader(name, reply.headers[name]!);
  // They may say the type more exactly.
  if (!res.hasHeader("content-type")) res.setHeader("Content-Type", `${reply.type}; charset=utf-8`);
  res.setHeader("Content-Length", Buffer.byteLength(body));
  // Ended, the reply to a caller that has left would count as one that was read.
  if (!res.closed) res.end(ctx.method === "HEAD" ? undefined : body);
}
