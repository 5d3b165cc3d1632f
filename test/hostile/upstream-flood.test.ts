/**
 * A provider that sends without measure: what is too much is an error and its connection is closed, what is much and good
 * reaches the caller, and neither fills the gateway's memory. `HOSTILE_FULL=1` sends a million chunks.
 */
import { once } from "node:events";
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { say as ask } from "../support/gateway.ts";
import { chunkedStream, eventStream, frames, head, type Play, wireAsked } from "./upstream-raw.ts";
import { expectBoth, expectUnharmed, startSubject, type Subject, wires } from "./upstream-view.ts";

const chunks = process.env["HOSTILE_FULL"] === "1" ? 1_000_000 : 200_000;
const patience = 600_000;
const megabyte = 1024 * 1024;

let subject: Subject;
let brief: Subject;
beforeAll(async () => {
  subject = await startSubject();
  brief = await startSubject({}, { runTimeoutMs: 2000 });
});

async function send(socket: Socket, text: string | Buffer): Promise<void> {
  if (!socket.write(text)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
  // Others have their turn: this server shares the gateway's process.
  await nextTurn();
}

/** `begin`, then `more` until `bytes` have gone out or the gateway has gone. */
function flood(begin: string | ((request: string) => string), more: string | ((request: string) => string), bytes = Infinity): Play {
  const as = (text: typeof more, request: string): string => (typeof text === "string" ? text : text(request));
  return async (socket, request) => {
    await send(socket, as(begin, request));
    const piece = Buffer.from(as(more, request));
    for (let sent = 0; sent < bytes && !socket.destroyed; sent += piece.length) await send(socket, piece);
  };
}

const tooMuch = (says: RegExp) => ({ status: 502, code: "upstream_error", says }) as const;
const x = "x".repeat(65_536);
const many = (frame: string): string => frame.repeat(Math.ceil(65_536 / frame.length));
const whole = (request: string): string => frames(wireAsked(request), "Fine.").join("");
const openai = (delta: object): string => `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`;
const text = (request: string): string =>
  wireAsked(request) === "openai"
    ? openai({ reasoning_content: x })
    : `data: ${JSON.stringify({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: x } })}\n\n`;
const opening = (request: string): string =>
  head(200, eventStream) + (wireAsked(request) === "openai" ? "" : frames("anthropic", "Fine.").slice(0, 3).join(""));

describe.each(wires)("%s", (wire) => {
  const rows: readonly (readonly [what: string, play: Play, says: RegExp])[] = [
    [
      "a line of 64 megabytes",
      flood(head(200, eventStream) + "data: ", x, 64 * megabyte),
      /sent a frame of more than 4194304 (?:characters|bytes)/,
    ],
    [
      "64 megabytes that are no line",
      flood(head(200, eventStream), x, 64 * megabyte),
      /sent a frame of more than 4194304 (?:characters|bytes)/,
    ],
    [
      "a frame of 64 megabytes in lines",
      flood(head(200, eventStream), many(`data: ${"x".repeat(1000)}\n`), 64 * megabyte),
      /sent a frame of more than 4194304 (?:characters|bytes)/,
    ],
    [
      "64 megabytes of JSON",
      flood(head(200, { "content-type": "application/json" }), x, 64 * megabyte),
      /sent a body of more than 4194304 bytes/,
    ],
  ];
  test.each(rows)("%s are too much", async (_what, play, says) => {
    await expectUnharmed(subject, wire, await expectBoth(subject, wire, { play }, tooMuch(says)), true);
  });

  test("a chunk that says it has a terabyte is read as far as it is a reply", async () => {
    const play = flood((request) => `${head(200, chunkedStream)}10000000000\r\n${whole(request)}`, ": and so on\n\n");
    await expectUnharmed(subject, wire, await expectBoth(subject, wire, { play }, { status: 200, text: "Fine." }), true);
  });

  test("comments without end are run_timeout, and others are served meanwhile", async () => {
    const play = flood(head(200, eventStream), many(": x\n\n"));
    const flooded = expectBoth(brief, wire, { play }, { status: 504, code: "run_timeout", says: /./ });
    for (let n = 0; n < 3; n++) expect((await brief.gateway.get("/healthz")).status).toBe(200);
    await expectUnharmed(brief, wire, await flooded, true);
  });

  test("a reply without end is stopped, and its connection closed", async () => {
    const { gateway, upstream } = subject;
    upstream.always(flood(opening, text));
    const reply = await gateway.chat(ask("Go on.", { model: `openclaw:${wire}` }));
    expect({ status: reply.status, body: await reply.json() }).toMatchObject({
      status: 502,
      body: { error: { code: "upstream_error", message: expect.stringMatching(/more than 8388608 characters in one reply/) } },
    });
    await upstream.untilClosed();
  });
});

test("arguments without end are stopped too", async () => {
  const { gateway, upstream } = subject;
  const call = (fields: object): string => openai({ tool_calls: [{ index: 0, ...fields }] });
  upstream.always(
    flood(head(200, eventStream) + call({ id: "a", function: { name: "f", arguments: "" } }), call({ function: { arguments: x } })),
  );
  const reply = await gateway.chat(ask("Go on.", { model: "openclaw:openai", tools: [{ type: "function", function: { name: "f" } }] }));
  expect({ status: reply.status, body: await reply.json() }).toMatchObject({ status: 502, body: { error: { code: "upstream_error" } } });
  await upstream.untilClosed();
});

test(
  `what is in ${chunks} chunks reaches its reader, and the gateway's memory is no larger after them than after a tenth of them`,
  async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const heap = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const { gateway, upstream } = subject;
    const one = openai({ content: "x" });
    const batch = 1000;
    let go: () => void = () => undefined;
    const tenth = new Promise<void>((resolve) => (go = resolve));
    upstream.always(async (socket) => {
      await send(socket, head(200, eventStream));
      for (let sent = 0; sent < chunks; sent += batch) {
        if (sent === chunks / 10) await tenth;
        await send(socket, one.repeat(batch));
      }
      socket.end('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
    });
    const reply = await gateway.chat(ask("Count.", { model: "openclaw:openai", stream: true }));
    let seen = 0;
    let rest = "";
    let before = 0;
    for await (const piece of reply.body!.pipeThrough(new TextDecoderStream() as never) as AsyncIterable<string>) {
      const lines = (rest + piece).split("\n\n");
      rest = lines.pop()!;
      // What came in one go may be joined.
      for (const line of lines) seen += /"content":"(x*)"/.exec(line)?.[1]?.length ?? 0;
      if (seen >= chunks / 10 && before === 0) {
        before = heap();
        go();
      }
      if (lines.includes("data: [DONE]")) rest = "done";
    }
    expect({ seen, rest }).toEqual({ seen: chunks, rest: "done" });
    expect(heap() - before).toBeLessThan(20 * megabyte);
  },
  patience,
);
