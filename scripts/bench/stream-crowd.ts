/**
 * Many callers of one gateway whose streams have begun and go on in silence, held by a process of their own:
 * `node --import tsx stream-crowd.ts <URL> <count> <request, as it goes over the socket>`. Prints `listens on <URL>`
 * when every stream has had its first word, and ends with a complaint when one is closed.
 *
 * What comes later it throws away unread.
 */
import { connect, type Socket } from "node:net";

const [url = "", count = "0", request = ""] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const openAtOnce = 50;
/** One for all: nobody reads it. */
const buffer = Buffer.alloc(64 * 1024);

/** Resolves at the first word. */
function begin(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let heard = "";
    let hasBegun = false;
    const callback = (length: number): boolean => {
      if (hasBegun) return true;
      heard += buffer.toString("latin1", 0, length);
      if (!/"content":"[^"]/.test(heard)) return true;
      hasBegun = true;
      heard = "";
      resolve(socket);
      return true;
    };
    const socket = connect({ host: hostname, port: Number(port), onread: { buffer, callback } });
    socket.once("error", reject);
    socket.once("close", () => fail(`A stream was closed${hasBegun ? "" : ` before it began: ${heard.slice(-500)}`}.`));
    socket.write(request);
  });
}

function fail(why: string): void {
  console.error(why);
  process.exit(1);
}

const sockets: Socket[] = [];
while (sockets.length < Number(count)) {
  const missing = Math.min(openAtOnce, Number(count) - sockets.length);
  sockets.push(...(await Promise.all(Array.from({ length: missing }, begin))));
}
console.log(`Each of ${sockets.length} streams listens on ${url}`);
