/** Callers that leave where nobody listens yet: behind another reply on the same connection, or while their body is unpacked. */
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { head } from "../support/raw-http.ts";
import { say, startGateway, testToken, type TestGateway } from "../support/gateway.ts";
import { type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";
import { onProvider } from "./provider.ts";

let held: HeldUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  held = await startHeldUpstream();
  gateway = await startGateway(onProvider(held.url));
});

function requestOf(body: string | Buffer, more: { readonly [name: string]: string } = {}): Buffer {
  const headers = {
    authorization: `Bearer ${testToken}`,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    ...more,
  };
  return Buffer.concat([Buffer.from(head("POST /v1/chat/completions", headers)), Buffer.from(body)]);
}

/** Asks in a session of its own and is answered, which a session that is still taken would not. */
async function expectFree(user: string): Promise<void> {
  const pending = gateway.chat(say("after", { user }));
  const exchange = await held.next();
  exchange.say("free");
  exchange.finish();
  expect((await pending).status).toBe(200);
}

describe("two requests sent at once on one connection", () => {
  test.each([false, true])("are worked on one after the other, in order (stream: %s)", async (stream) => {
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    let received = "";
    socket.setEncoding("utf8").on("data", (text: string) => (received += text));
    socket.write(
      Buffer.concat([
        requestOf(JSON.stringify(say("one", { stream }))),
        requestOf(JSON.stringify(say("two", { stream })), { connection: "close" }),
      ]),
    );
    const count = held.count;
    const first = await held.next();
    expect(first.body).toMatchObject({ messages: [{ content: "one" }] });
    first.say("first reply");
    expect(held.count).toBeLessThanOrEqual(count + 1);
    first.finish();
    const second = await held.next();
    expect(received).toContain("first reply");
    expect(second.body).toMatchObject({ messages: [{ content: "two" }] });
    second.say("second reply");
    second.finish();
    await new Promise((resolve) => socket.once("close", resolve));
    expect(received.indexOf("second reply")).toBeGreaterThan(received.indexOf("first reply"));
  });

  test("both end when their caller leaves, and no session stays taken", async () => {
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    const bodies = ["first", "second"].map((user) => JSON.stringify(say("hi", { user, stream: true })));
    socket.write(Buffer.concat(bodies.map((body) => requestOf(body))));
    const exchange = await held.next();
    socket.destroy();
    await exchange.aborted;
    await expectFree("first");
    await expectFree("second");
  });
});

test("a caller that leaves while its compressed body is unpacked starts nothing that goes on", async () => {
  const body = gzipSync(JSON.stringify(say("hi", { user: "packed", filler: "y".repeat(8 * 1024 * 1024) })));
  const started = held.count;
  await new Promise<void>((resolve) => {
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1", () => {
      socket.write(requestOf(body, { "content-encoding": "gzip" }), () => socket.resetAndDestroy());
    });
    socket.once("close", () => resolve()).once("error", () => undefined);
  });
  // Answered after it on the same event loop: by then the run of the caller that left has begun and ended, or never begun.
  await expectFree("packed");
  expect(held.count - started).toBeLessThanOrEqual(2);
});

test("a caller that is gone before its reply is there has not been answered, says the log, though its run goes on", async () => {
  const body = gzipSync(JSON.stringify(say("in the background")) + " ".repeat(15e6));
  const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
  const more = { "content-encoding": "gzip", "x-openclaw-background": "true", "x-request-id": "gone-before-the-reply" };
  socket.write(requestOf(body, more), () => socket.destroy());
  const exchange = await held.next();
  exchange.say("for nobody");
  exchange.finish();
  await gateway.program.runs.settled();
  const line = gateway.log().find(({ requestId }) => requestId === "gone-before-the-reply");
  expect(line).toMatchObject({ status: 202, aborted: true });
});
