/** The face by itself, with what only the program does with it: closing the connections of some principals, and its end. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { GatewayConfig, NamedToken } from "../../src/config/config.ts";
import type { Principal } from "../../src/domain/principal.ts";
import { routeUpgrades } from "../../src/http/upgrade.ts";
import { openRpcFace, type RpcFace, type RpcParts } from "../../src/rpc/face.ts";
import { AgentDirectory } from "../../src/service/agent-directory.ts";
import { AuthService, type Credentials } from "../../src/service/auth-service.ts";
import { RunFeed } from "../../src/service/run-feed.ts";
import { createHash } from "node:crypto";
import { rpcDocument } from "../support/rpc-frames.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { frame, opcodes } from "./raw-websocket.ts";

let server: Server;
let face: RpcFace;
let url: string;
let now = Date.parse("2030-01-01");
let whenAuthenticated = (): void => undefined;
let revoked: string | undefined;

const tokenOf = (name: string, more: Partial<NamedToken> = {}): NamedToken => ({
  name,
  sha256: createHash("sha256").update(`secret of ${name}`).digest("hex"),
  ...more,
});
const as = (name: string) => ({ auth: { token: name === "main" ? "main" : `secret of ${name}` } });

beforeAll(async () => {
  const auth = {
    mode: "token",
    secret: "main",
    isGenerated: false,
    tokens: [tokenOf("a"), tokenOf("b"), tokenOf("brief", { expiresAt: "2030-01-02T00:00:00Z" })],
    rateLimit: undefined,
  } as const;
  const agent = { id: "main", isDefault: true, model: "none/none", fallbacks: [], createdAt: 1 } as unknown as ConstructorParameters<
    typeof AgentDirectory
  >[0][number];
  const service = new AuthService(auth, () => now);
  // What methods need besides is not there: none that needs it is called.
  const parts = {
    config: { auth, corsOrigins: [], chatCompletions: { maxBodyBytes: 1_000_000 } } as unknown as GatewayConfig,
    auth: {
      authenticate: async (credentials: Credentials) => {
        const principal = await service.authenticate(credentials);
        whenAuthenticated();
        return principal;
      },
      stillHolds: (principal: Principal) => principal.name !== revoked && service.stillHolds(principal),
    },
    agents: new AgentDirectory([agent]),
    runFeed: new RunFeed(),
    onAnswered: () => undefined,
    document: rpcDocument,
    version: "1.2.3",
    checkReadiness: () => Promise.resolve(),
    addressOf: () => "127.0.0.1",
    log: pino({ level: "silent" }),
    limits: { tickIntervalMs: 300, closeMs: 100 },
  } as unknown as RpcParts;
  face = openRpcFace(parts);
  server = createServer();
  const { addressOf, log } = parts;
  routeUpgrades(server, (req, socket, head, refuse) => face.accept(req, socket, head, refuse), {
    onRefused: () => undefined,
    addressOf,
    log,
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

test("the connections of a token that is no more are closed, and no others", async () => {
  const [first, second, other, main] = await Promise.all(["a", "a", "b", "main"].map((name) => RpcClient.connect(url, as(name))));
  const stranger = new RpcClient(url);
  await stranger.challenge();
  expect(face.connections).toBe(5);
  expect(face.closeWhere(({ name }: Principal) => name === "a", 1008, "token revoked")).toBe(2);
  expect(await Promise.all([first!.closed, second!.closed])).toEqual(Array(2).fill({ code: 1008, reason: "token revoked" }));
  expect(await other!.request("health")).toMatchObject({ ok: true });
  expect(await main!.request("health")).toMatchObject({ ok: true });
  await Promise.all([other!.close(), main!.close(), stranger.close()]);
});

test("a token that expires takes its connections with it", async () => {
  const brief = await RpcClient.connect(url, as("brief"));
  const other = await RpcClient.connect(url, as("b"));
  now = Date.parse("2030-01-03");
  expect(await brief.closed).toEqual({ code: 1008, reason: "token expired" });
  expect(await other.request("health")).toMatchObject({ ok: true });
  await other.close();
});

describe("a token that is taken out while its connection is decided on", () => {
  test("does not let it in any more", async () => {
    const client = new RpcClient(url);
    await client.challenge();
    whenAuthenticated = () => void (revoked = "b");
    const failure = await client.greet(as("b")).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ message: "This token is no longer good." });
    expect(await client.closed).toEqual({ code: 1008, reason: "connect failed" });
    whenAuthenticated = () => undefined;
    revoked = undefined;
    await (await RpcClient.connect(url, as("b"))).close();
  });
});

describe("before connect", () => {
  test("what comes byte by byte is cut as soon as holding it costs too much", async () => {
    const written: Buffer[] = [];
    const socket = new Duplex({
      read: () => undefined,
      write: (piece: Buffer, _encoding, done) => {
        written.push(piece);
        done();
      },
    });
    const headers = {
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    };
    const refuse = (error: Error): void => {
      throw error;
    };
    face.accept({ method: "GET", url: "/", headers } as unknown as IncomingMessage, socket, Buffer.alloc(0), refuse);
    socket.push(frame(opcodes.text, "", { length: 60_000n }));
    const isClosed = (): boolean => written.some((piece) => piece.includes("too large before connect"));
    let sent = 0;
    for (; sent < 60_000 && !isClosed(); sent++) {
      socket.push("x");
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(2_000);
    socket.destroy();
  });
});

describe("draining", () => {
  test("tells everybody, ends with the last of them, and takes no new ones", async () => {
    const clients = await Promise.all(["a", "main"].map((name) => RpcClient.connect(url, as(name))));
    const deaf = await RpcClient.connect(url, as("b"));
    deaf.socket.pause();
    await face.drain("configuration");
    expect(face.connections).toBe(0);
    for (const client of clients) {
      expect(await client.closed).toEqual({ code: 1012, reason: "service restart" });
      expect(client.events.at(-1)).toMatchObject({ event: "shutdown", payload: { reason: "configuration" } });
    }
    const refused = new RpcClient(url);
    await expect(refused.closed).rejects.toThrow("503");
    await face.drain();
  });
});
