/**
 * Many WebSocket connections to one gateway that ask for nothing, held by a process of their own:
 * `node --import tsx crowd.ts <URL> <token> <count> all | named`. Prints `listens on <URL>` when all are open, and ends with a
 * complaint when one closes.
 *
 * What it is told it throws away unread, and it pongs without having been asked: it must not take the time that is measured.
 */
import { connect, type Socket } from "node:net";

const [url = "", token = "", count = "0", hears] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const openAtOnce = 50;
const pongEveryMs = 10_000;
/** One for all: nobody reads it. */
const buffer = Buffer.alloc(64 * 1024);

const upgrade = [
  "GET / HTTP/1.1",
  `Host: ${hostname}:${port}`,
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  `Sec-WebSocket-Key: ${Buffer.alloc(16).toString("base64")}`,
  "\r\n",
].join("\r\n");
const greeting = {
  type: "req",
  id: "1",
  method: "connect",
  params: {
    minProtocol: 4,
    maxProtocol: 4,
    client: { id: "crowd", version: "1.0.0", platform: process.platform, mode: "bench" },
    auth: { token },
    caps: hears === "named" ? ["session-scoped-events"] : [],
  },
};

/** As a client sends a frame of up to 64 KiB: masked, with a mask that changes nothing. */
function frame(opcode: number, text = ""): Buffer {
  const bytes = Buffer.from(text);
  const head = Buffer.from([0x80 | opcode, 0x80 | 126, bytes.length >> 8, bytes.length & 0xff, 0, 0, 0, 0]);
  return Buffer.concat([head, bytes]);
}

/** Resolves at `hello-ok`. */
function join(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let heard = "";
    let isIn = false;
    const callback = (length: number): boolean => {
      if (isIn) return true;
      heard += buffer.toString("latin1", 0, length);
      if (!heard.includes('"hello-ok"')) return true;
      isIn = true;
      resolve(socket);
      return true;
    };
    const socket = connect({ host: hostname, port: Number(port), onread: { buffer, callback } });
    socket.once("error", reject);
    socket.once("close", () => fail(`The gateway closed a connection${isIn ? "" : ` before it was open: ${heard.slice(-500)}`}.`));
    socket.write(upgrade);
    socket.write(frame(0x1, JSON.stringify(greeting)));
  });
}

function fail(why: string): void {
  console.error(why);
  process.exit(1);
}

const sockets: Socket[] = [];
while (sockets.length < Number(count)) {
  const missing = Math.min(openAtOnce, Number(count) - sockets.length);
  sockets.push(...(await Promise.all(Array.from({ length: missing }, join))));
}
// Short control frames have their length in one byte.
const pong = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
setInterval(() => sockets.forEach((socket) => socket.write(pong)), pongEveryMs);
console.log(`Each of ${sockets.length} connections listens on ${url}`);
