/** A server on the loopback that is no gateway: it sends the bytes it is told to, torn where it is told to. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll } from "@jest/globals";

/** Plays one reply; each further request gets the same. */
export type Script = (reply: ServerResponse) => Promise<void> | void;

export interface ScriptedServer {
  readonly url: string;
  play(script: Script): void;
  /** Resolves when the client has closed a connection before its reply was over. */
  closedByClient(): Promise<void>;
  /** Connections since the start. */
  readonly connections: number;
}

const cleanups: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

export async function startScriptedServer(): Promise<ScriptedServer> {
  let script: Script = (reply) => void reply.end();
  let connections = 0;
  let waiting: (() => void)[] = [];
  let closed = 0;
  const server = createServer((request, reply) => {
    reply.once("close", () => {
      if (reply.writableFinished) return;
      closed++;
      waiting.splice(0).forEach((wake) => wake());
    });
    request.resume().once("end", () => void script(reply));
  });
  server.on("connection", (socket) => {
    connections++;
    socket.setNoDelay(true);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    play(next) {
      script = next;
      closed = 0;
      waiting = [];
    },
    closedByClient: () => (closed > 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    get connections() {
      return connections;
    },
  };
}

export function startEvents(reply: ServerResponse, headers: { [name: string]: string } = {}): void {
  reply.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "x-request-id": "request-1", ...headers });
}

/** Each piece leaves by itself. */
export async function writePieces(reply: ServerResponse, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    await new Promise((resolve) => reply.write(bytes.subarray(at, at + size), resolve));
    await nextTurn();
  }
}
