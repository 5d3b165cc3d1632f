/**
 * Requests that ask for another protocol on their connection: WebSocket at `/` goes to its face, everything else stays HTTP.
 *
 * Node hands over every such request once somebody listens, also those that only offer HTTP/2 (`Upgrade: h2c`), as some HTTP
 * clients do with their first one. These are given back, as if they had not asked.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import { GatewayError } from "../domain/errors.ts";
import { withoutSecrets } from "./access-log.ts";
import { framingFault } from "./framing.ts";
import { QuietMinute } from "./quiet-minute.ts";
import { endWithError, type OnRefused } from "./server.ts";

/** `refuse` answers in place of the other protocol. */
export type AcceptUpgrade = (req: IncomingMessage, socket: Duplex, head: Buffer, refuse: (error: GatewayError) => void) => void;

export interface UpgradeWatch {
  readonly onRefused: OnRefused;
  /** The client's, behind the proxies that are trusted at the moment. */
  readonly addressOf: (req: IncomingMessage) => string;
  readonly log: Logger;
}

export function routeUpgrades(server: Server, accept: AcceptUpgrade, { onRefused, addressOf, log }: UpgradeWatch): void {
  const told = new QuietMinute();
  /** No handler sees these, so nobody else says or counts them. */
  const refuseFor =
    (req: IncomingMessage, socket: Duplex) =>
    (error: GatewayError): void => {
      const { status } = endWithError(socket, error);
      onRefused(status, error.code);
      const { code } = error;
      const reason = withoutSecrets(error.message);
      told.tell(code, (count) => log.warn({ code, reason, client: addressOf(req), count }, "websocket upgrade refused"));
    };
  const route = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const inFlight = (socket as { _httpMessage?: ServerResponse })._httpMessage;
    // Requests that came before it on this connection are answered before it.
    if (inFlight) {
      // Node listens no more.
      socket.on("error", () => socket.destroy());
      inFlight.once("close", () => {
        if (!socket.destroyed) route(req, socket, head);
      });
      return;
    }
    if (req.headers.upgrade?.toLowerCase() !== "websocket") {
      giveBack(server, req, socket, head);
      return;
    }
    socket.on("error", () => socket.destroy());
    const path = pathOf(req.url ?? "");
    const refuse = refuseFor(req, socket);
    const fault = framingFault(req);
    if (fault !== undefined) refuse(new GatewayError("invalid_value", fault));
    else if (path === "/") accept(req, socket, head, refuse);
    else refuse(new GatewayError("not_found", `There is no WebSocket at ${path?.slice(0, 200) ?? "that address"}. It is at /.`));
  };
  server.on("upgrade", route);
}

function pathOf(target: string): string | undefined {
  return URL.canParse(target, "http://gateway") ? new URL(target, "http://gateway").pathname : undefined;
}

/** The request once more, without what it asked for besides. */
function giveBack(server: Server, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${req.method} ${req.url} HTTP/${req.httpVersion}`];
  for (let at = 0; at < req.rawHeaders.length; at += 2) {
    const [name = "", value = ""] = req.rawHeaders.slice(at, at + 2);
    if (/^(upgrade|http2-settings)$/i.test(name)) continue;
    const kept = name.toLowerCase() === "connection" ? withoutUpgrade(value) : value;
    if (kept !== "") lines.push(`${name}: ${kept}`);
  }
  if (head.length > 0) socket.unshift(head);
  // Node reads header bytes as Latin-1.
  socket.unshift(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"));
  server.emit("connection", socket);
}

function withoutUpgrade(connection: string): string {
  const options = connection.split(",").map((option) => option.trim());
  return options.filter((option) => !/^(upgrade|http2-settings)$/i.test(option)).join(", ");
}
