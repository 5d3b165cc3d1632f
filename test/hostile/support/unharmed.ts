/**
 * Whether a gateway is what it was before somebody did it harm: an ordinary request is answered, no run is left, and no
 * connection but those that were there before.
 *
 *   const check = watchOver(gateway);   // before
 *   await check();                      // after; the test has ended its own connections by then
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect } from "@jest/globals";
import { say, type TestGateway, testToken } from "../../support/gateway.ts";
import { connectRaw, head, type RawReply, sendRaw } from "../../support/raw-http.ts";

export const chat = "POST /v1/chat/completions";
export const bearer = { authorization: `Bearer ${testToken}` };
export const json = { "content-type": "application/json" };
export const good = JSON.stringify(say("hi"));

const patienceMs = 60_000;

/** A POST of these bytes to the chat endpoint, as they are, with the token, on a connection of its own. */
export async function post(
  { url }: TestGateway,
  body: string | Buffer,
  headers: { readonly [name: string]: string } = {},
): Promise<RawReply> {
  const all = { ...bearer, ...json, "content-length": String(Buffer.byteLength(body)), ...headers };
  return sendRaw(url, head(chat, all), body);
}

/** Resolves once `isSo` holds; looks again whenever something may have happened. */
export async function until(isSo: () => boolean, what: () => unknown): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`Still: ${JSON.stringify(what())}`);
    await nextTurn();
  }
}

export async function expectIdle({ program }: TestGateway): Promise<void> {
  await until(
    () => Object.values(program.runs.load).every((count) => count === 0),
    () => program.runs.load,
  );
}

export function watchOver(gateway: TestGateway): () => Promise<void> {
  const before = openSockets();
  return async () => {
    // On a connection that is not kept, unlike that of fetch.
    expect((await post(gateway, good, { connection: "close" })).status).toBe(200);
    expect((await probe(gateway)).status).toBe(200);
    await expectIdle(gateway);
    await until(
      () => openSockets() <= before,
      () => ({ open: openSockets(), before }),
    );
  };
}

/** What answers whatever else goes on. */
export function probe({ url }: TestGateway): Promise<RawReply> {
  return sendRaw(url, head("GET /healthz", { connection: "close" }));
}

/** Sends these bytes and stays; the caller ends the connection. */
export async function begin({ url }: TestGateway, ...pieces: (string | Buffer)[]) {
  const raw = await connectRaw(url);
  raw.send(...pieces);
  return raw;
}

/** Both ends of connections within this process count. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}
