/**
 * A way to a Postgres server on which what is asked of it can be read along: each statement is one round trip. Of the protocol it
 * knows where a message from the client begins, and the two that bring a statement.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface Wire {
  /** That of the target, through here. */
  readonly url: string;
  /** The statements since the last call. */
  take(): string[];
  close(): Promise<void>;
}

export async function tapWire(target: string): Promise<Wire> {
  const url = new URL(target);
  const { hostname, port } = url;
  let statements: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port || 5432), hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.once("close", () => void (sockets.delete(socket), other.destroy()));
    }
    near.on(
      "data",
      createReader((statement) => statements.push(statement)),
    );
    near.pipe(far);
    far.pipe(near);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    take: () => {
      const taken = statements;
      statements = [];
      return taken;
    },
    close: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** What one client sends: the first message has no type, all others a letter; then comes a length that counts itself. */
function createReader(onStatement: (text: string) => void): (piece: Buffer) => void {
  let unread = Buffer.alloc(0);
  let typeLength = 0;
  return (piece) => {
    unread = Buffer.concat([unread, piece]);
    while (unread.length >= typeLength + 4) {
      const end = typeLength + unread.readUInt32BE(typeLength);
      if (unread.length < end) return;
      const type = typeLength === 0 ? "" : String.fromCharCode(unread[0] ?? 0);
      const [one = "", other = ""] = unread.toString("utf8", typeLength + 4, end).split("\0");
      // A query is its text; a statement to be bound has its name first.
      if (type === "Q") onStatement(one);
      else if (type === "P") onStatement(other);
      unread = unread.subarray(end);
      typeLength = 1;
    }
  };
}
