/**
 * A model provider that says nothing by itself: each reply goes out piece by piece as the test tells it to. For tests of
 * order (what happens before, between and after the pieces), where a script would need pauses.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll } from "@jest/globals";

export interface Exchange {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read what they expect to be there
  readonly body: any;
  say(text: string): void;
  call(name: string, args: object): void;
  /** The last frames of a good reply. */
  finish(reason?: string): void;
  /** Answers with this status instead, one that is not asked for again. */
  refuse(status: 400 | 404): void;
  /** Breaks the connection. Before the gateway has read a piece of the reply, it asks again. */
  cut(): void;
  /** Resolves when the gateway has closed the connection before the reply was over. */
  readonly aborted: Promise<void>;
}

export interface HeldUpstream {
  readonly url: string;
  /** Requests so far. */
  readonly count: number;
  /** The next request nobody has taken yet, as soon as it is there. */
  next(): Promise<Exchange>;
}

const cleanups: (() => void)[] = [];

afterAll(() => cleanups.splice(0).forEach((close) => close()));

export async function startHeldUpstream(): Promise<HeldUpstream> {
  const arrived: Exchange[] = [];
  const takers: ((exchange: Exchange) => void)[] = [];
  let count = 0;
  const server = createServer((incoming, outgoing) => {
    const aborted = new Promise<void>((resolve) => outgoing.once("close", () => !outgoing.writableFinished && resolve()));
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.once("end", () => {
      const exchange = exchangeOf(JSON.parse(Buffer.concat(pieces).toString()), outgoing, aborted);
      count++;
      const taker = takers.shift();
      if (taker) taker(exchange);
      else arrived.push(exchange);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    get count() {
      return count;
    },
    next: () =>
      new Promise((resolve) => {
        const exchange = arrived.shift();
        if (exchange) resolve(exchange);
        else takers.push(resolve);
      }),
  };
}

function exchangeOf(body: unknown, outgoing: ServerResponse, aborted: Promise<void>): Exchange {
  let calls = 0;
  const chunk = (delta: object, reason: string | null = null): void => {
    if (!outgoing.headersSent) outgoing.writeHead(200, { "content-type": "text/event-stream" });
    outgoing.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`);
  };
  return {
    body,
    aborted,
    say: (text) => chunk({ content: text }),
    call: (name, args) => {
      const index = calls++;
      chunk({ tool_calls: [{ index, id: `call_${index}`, type: "function", function: { name, arguments: JSON.stringify(args) } }] });
    },
    finish: (reason = calls > 0 ? "tool_calls" : "stop") => {
      chunk({}, reason);
      outgoing.end("data: [DONE]\n\n");
    },
    refuse: (status) => void outgoing.writeHead(status).end(),
    cut: () => outgoing.destroy(),
  };
}
