/** A web server on the loopback for tests of fetching: it answers as it is told and counts what reaches it. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface WebServer {
  readonly port: number;
  /** Since `answer` was called. */
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  readonly connections: number;
  /** How everything is answered from now on. */
  answer(handler: (req: IncomingMessage, res: ServerResponse) => void): void;
  /** Resolves when no connection is open. */
  isIdle(): Promise<void>;
  close(): Promise<void>;
}

export async function startWebServer(): Promise<WebServer> {
  let handler = (_req: IncomingMessage, res: ServerResponse): void => void res.end("hello");
  let connections = 0;
  let open = 0;
  let onIdle = (): void => undefined;
  const requests: { path: string; headers: IncomingHttpHeaders }[] = [];
  const server = createServer((req, res) => {
    requests.push({ path: req.url ?? "", headers: req.headers });
    handler(req, res);
  });
  server.on("connection", (socket) => {
    connections++;
    open++;
    socket.on("error", () => undefined);
    socket.once("close", () => {
      if (--open === 0) onIdle();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    get connections() {
      return connections;
    },
    answer: (next) => {
      handler = next;
      requests.length = 0;
      connections = 0;
    },
    isIdle: () => (open === 0 ? Promise.resolve() : new Promise((resolve) => (onIdle = resolve))),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
