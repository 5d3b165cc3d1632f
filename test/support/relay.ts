/** A way to a server that can be cut and slowed down: TCP connections are passed on, as long as the test does not say otherwise. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";

export interface Relay {
  readonly url: string;
  /** Connections at the moment. */
  readonly count: number;
  /** Nobody gets through any more, and whoever had got through is cut off. */
  cut(): Promise<void>;
  /** Nothing is passed on, though connections are taken. */
  hold(): void;
  /** As at the beginning. */
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** To the host of `target`; its `url` is that of the target with the relay's host. */
export async function startRelay(target: string): Promise<Relay> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<readonly [Socket, Socket]>();
  let isHeld = false;
  const listen = async (at: number): Promise<Server> => {
    const server = createServer((near) => {
      const far = connect(Number(port), hostname);
      const pair = [near, far] as const;
      pairs.add(pair);
      for (const socket of pair) {
        socket.on("error", () => undefined);
        socket.once("close", () => {
          pairs.delete(pair);
          for (const end of pair) end.destroy();
        });
      }
      near.pipe(far);
      far.pipe(near);
      if (isHeld) holdPair(pair);
    }).listen(at, "127.0.0.1");
    await once(server, "listening");
    return server;
  };
  let server: Server | undefined = await listen(0);
  const address = server.address() as AddressInfo;
  const url = new URL(target);
  url.host = `127.0.0.1:${address.port}`;
  const cut = async (): Promise<void> => {
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    server = undefined;
    for (const pair of pairs) for (const socket of pair) socket.destroy();
    await closed;
  };
  return {
    url: url.href,
    get count() {
      return pairs.size;
    },
    cut,
    hold: () => {
      isHeld = true;
      for (const pair of pairs) holdPair(pair);
    },
    mend: async () => {
      isHeld = false;
      server ??= await listen(address.port);
      for (const [near, far] of pairs) {
        near.pipe(far);
        far.pipe(near);
      }
    },
    close: cut,
  };
}

function holdPair([near, far]: readonly [Socket, Socket]): void {
  near.unpipe(far);
  far.unpipe(near);
  near.pause();
  far.pause();
}
