/** What is amiss with a gateway: the command line says it in a sentence, exits 1 and never waits for ever. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterAll, describe, expect, test } from "@jest/globals";
import { type WebSocket, WebSocketServer } from "ws";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { runCli, startCli } from "../support/cli.ts";
import { startGateway, testToken } from "../support/gateway.ts";

const cleanups: (() => void)[] = [];
afterAll(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  cleanups.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ask = (place: string, ...more: string[]) =>
  runCli(["agent", "--url", `ws://${place}`, "--token", "any-secret", "--message", "hi", ...more]);

const noGateway = (place: string, why: string): string =>
  `What answers at ws://${place} is no gateway that this command can talk to (${why}). Name another with --url, or use --local.\n`;

/** Speaks the protocol as far as the test lets it. */
async function fakeGateway(onRequest: (socket: WebSocket, frame: { id: string; method: string; params: object }) => void): Promise<string> {
  const server = createHttpServer();
  const sockets = new WebSocketServer({ server });
  cleanups.push(() => sockets.close());
  sockets.on("connection", (socket) => {
    socket.send(JSON.stringify({ type: "event", event: "connect.challenge", payload: { nonce: "n", ts: 1 } }));
    socket.on("message", (data) => onRequest(socket, JSON.parse((data as Buffer).toString()) as never));
  });
  return listen(server);
}

function greet(socket: WebSocket, id: string, { methods = ["agent", "chat.abort"], tickIntervalMs = 30_000 } = {}): void {
  const policy = { maxPayload: 1_000_000, maxBufferedBytes: 1, tickIntervalMs };
  const payload = { type: "hello-ok", protocol: 4, server: { version: "9.9.9", connId: "c" }, features: { methods, events: [] }, policy };
  socket.send(JSON.stringify({ type: "res", id, ok: true, payload }));
}

const accepted = (id: string) => {
  const payload = { runId: "r1", status: "accepted", acceptedAt: 1, sessionKey: "agent:main:x", agentId: "main", model: "a/b" };
  return JSON.stringify({ type: "res", id, ok: true, payload });
};
const saying = (delta: string) => {
  const payload = { runId: "r1", seq: 1, stream: "assistant", ts: 1, data: { delta } };
  return JSON.stringify({ type: "event", event: "agent", payload, seq: 1 });
};

describe("where a gateway should be", () => {
  test("is nobody", async () => {
    const place = await listen(createServer());
    cleanups.pop()?.();
    const message = `No gateway answers at ws://${place} (ECONNREFUSED). Start one with \`clawgate gateway\`, or name another with --url.`;
    expect(await ask(place)).toEqual({ code: 1, stdout: "", stderr: `${message}\n` });
    const { code, stdout, stderr } = await ask(place, "--json");
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({ status: "failed", error: { message, code: "gateway_unreachable" } });
  });

  test("is a web server", async () => {
    const place = await listen(createHttpServer((_request, response) => response.writeHead(200).end("<html>Welcome</html>")));
    expect(await ask(place)).toEqual({ code: 1, stdout: "", stderr: noGateway(place, "HTTP status 200") });
  });

  test("is another server with another wire", async () => {
    const place = await listen(createServer((socket) => socket.end("220 mail.example ESMTP\r\n")));
    expect(await ask(place)).toEqual({ code: 1, stdout: "", stderr: noGateway(place, "HPE_INVALID_CONSTANT") });
  });

  test("is a program that hangs up", async () => {
    const place = await listen(createServer((socket) => socket.destroy()));
    expect(await ask(place)).toMatchObject({ code: 1, stdout: "", stderr: noGateway(place, "ECONNRESET") });
  });

  test("is a program that says nothing at all", async () => {
    const place = await listen(createServer());
    const stderr = `No gateway answers at ws://${place} within 10 s. Name another with --url, or use --local.\n`;
    expect(await ask(place)).toEqual({ code: 1, stdout: "", stderr });
  });

  test("is a program that says nothing at all, and Ctrl-C ends the wait", async () => {
    const server = createServer();
    const place = await listen(server);
    const connected = once(server, "connection");
    const started = await startCli(["agent", "--url", `ws://${place}`, "--message", "hi"]);
    await connected;
    started.child.kill("SIGINT");
    expect(await started.result).toEqual({ code: 130, stdout: "", stderr: "The run was aborted.\n" });
  });

  test("is a WebSocket of something else", async () => {
    const place = await fakeGateway((socket) => socket.send("Hello!"));
    expect(await ask(place)).toEqual({ code: 1, stdout: "", stderr: noGateway(place, "it says what no gateway says") });
    const other = await fakeGateway((socket) => socket.close(4000));
    expect(await ask(other)).toEqual({ code: 1, stdout: "", stderr: noGateway(other, "it closed the connection with 4000") });
    const refusal = await fakeGateway((socket, { id }) => socket.send(JSON.stringify({ type: "res", id, ok: false })));
    expect(await ask(refusal)).toEqual({ code: 1, stdout: "", stderr: noGateway(refusal, "it says what no gateway says") });
    const challenge = JSON.stringify({ type: "event", event: "connect.challenge", payload: { nonce: "n", ts: 1 } });
    const again = await fakeGateway((socket) => socket.send(challenge));
    expect(await ask(again)).toEqual({ code: 1, stdout: "", stderr: noGateway(again, "it says what no gateway says") });
  });

  test("is the gateway, at another path", async () => {
    const gateway = await startGateway();
    const place = `${new URL(gateway.url).host}/elsewhere`;
    const why = "HTTP status 404: There is no WebSocket at /elsewhere. It is at /.";
    expect(await ask(place)).toEqual({ code: 1, stdout: "", stderr: noGateway(place, why) });
  });
});

describe("a gateway of another version", () => {
  test("whose protocol is another one is named as that", async () => {
    const place = await fakeGateway((socket, { id }) => {
      const error = {
        code: "INVALID_REQUEST",
        message: "Protocol mismatch: this gateway speaks version 5.",
        details: { code: "PROTOCOL_MISMATCH" },
      };
      socket.send(JSON.stringify({ type: "res", id, ok: false, error }));
    });
    const message = `The gateway at ws://${place} is of another version than this command. Protocol mismatch: this gateway speaks version 5.`;
    expect(await ask(place)).toEqual({ code: 1, stdout: "", stderr: `${message}\n` });
  });

  test("that does not have what is asked for is named as that", async () => {
    const place = await fakeGateway((socket, { id }) => greet(socket, id, { methods: ["health"] }));
    const message = `The gateway at ws://${place} is of another version (9.9.9) and does not know agent.`;
    expect(await ask(place)).toEqual({ code: 1, stdout: "", stderr: `${message}\n` });
  });
});

describe("a secret", () => {
  test("that is wrong, missing or over is a sentence that says what to do, and `invalid_api_key`", async () => {
    const tokens = [{ name: "old", token: "the-old-one", expiresAt: "2020-01-01" }];
    const gateway = await startGateway({ gateway: { port: 0, auth: { mode: "token", token: testToken, tokens } } });
    const place = gateway.url.replace("http", "ws");
    const how = "Give its token with --token or in OPENCLAW_GATEWAY_TOKEN. One that it made for its start is in its greeting.";
    const args = ["agent", "--url", gateway.url, "--message", "hi", "--json"];
    const errorOf = async (...more: string[]): Promise<unknown> => {
      const { code, stdout, stderr } = await runCli([...args, ...more]);
      expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
      return JSON.parse(stdout);
    };
    const failed = (message: string): object => ({ status: "failed", error: { message, code: "invalid_api_key" } });
    expect(await errorOf("--token", "wrong")).toEqual(failed(`The gateway at ${place} does not know the secret that was sent. ${how}`));
    expect(await errorOf()).toEqual(failed(`The gateway at ${place} asks for a secret. ${how}`));
    expect(await errorOf("--token", "the-old-one")).toEqual(
      failed("The token 'old' expired at 2020-01-01T00:00:00.000Z. Ask whoever runs the gateway for a new one."),
    );
    expect(gateway.logText()).not.toContain("the-old-one");
  });

  test("that was wrong too often is told to wait", async () => {
    const rateLimit = { maxAttempts: 1, exemptLoopback: false };
    const gateway = await startGateway({ gateway: { port: 0, auth: { mode: "token", token: testToken, rateLimit } } });
    const args = ["agent", "--url", gateway.url, "--message", "hi", "--token"];
    await runCli([...args, "wrong"]);
    const { code, stderr } = await runCli([...args, testToken]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The gateway at ws:\S+ had too many wrong secrets from here\. Try again in \d+ s, with the right one\.\n$/);
  });
});

describe("a gateway that goes away in the middle", () => {
  test("ends its runs and says so when it is stopped", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway({
      models: { providers: { held: { baseUrl: held.url } } },
      agents: { defaults: { model: "held/any" } },
    });
    const started = await startCli(["agent", "--url", gateway.url, "--token", testToken, "--message", "hi"]);
    const exchange = await held.next();
    exchange.say("Half");
    await started.waitFor("stdout", "Half");
    await gateway.close();
    expect(await started.result).toEqual({ code: 1, stdout: "Half\n", stderr: "The gateway is stopping and has ended the run.\n" });
  });

  test("leaves what came of the answer, and a sentence, when the connection breaks off", async () => {
    const place = await fakeGateway((socket, { id, method }) => {
      if (method === "connect") return greet(socket, id);
      socket.send(accepted(id));
      socket.send(saying("Half"), () => socket.terminate());
    });
    const message = `The connection to the gateway at ws://${place} broke off. What became of the run r1 is not known.`;
    expect(await ask(place)).toEqual({ code: 1, stdout: "Half\n", stderr: `${message}\n` });
    const { code, stdout } = await ask(place, "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ status: "failed", text: "Half", error: { code: "run_interrupted", message } });
  });

  test.each<[string, (id: string) => string[]]>([
    ["an answer to a run that has no run in it", (id) => [JSON.stringify({ type: "res", id, ok: true, payload: null })]],
    ["an end without a result", (id) => [accepted(id), JSON.stringify({ type: "res", id, ok: true, payload: {} })]],
    ["a refusal without a reason", (id) => [JSON.stringify({ type: "res", id, ok: false })]],
    ["an event of nothing", (id) => [accepted(id), JSON.stringify({ type: "event", event: "agent", seq: 1 })]],
    ["an event of a run that says nothing", (id) => [accepted(id), saying("").replace('{"delta":""}', "null")]],
    ["what is no frame", (id) => [accepted(id), "Hello!"]],
  ])("is a sentence when it says %s", async (_, frames) => {
    const place = await fakeGateway((socket, { id, method }) => {
      if (method === "connect") greet(socket, id);
      else for (const frame of frames(id)) socket.send(frame);
    });
    const { code, stdout, stderr } = await ask(place);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    const message = `What the gateway at ws://${place} says makes no sense to this command: they may be of different versions.`;
    expect([`${message}\n`, `${message} What became of the run r1 is not known.\n`]).toContain(stderr);
  });

  test("is noticed when it does not even tick", async () => {
    const place = await fakeGateway((socket, { id, method }) => {
      if (method === "connect") greet(socket, id, { tickIntervalMs: 100 });
      else socket.send(accepted(id));
    });
    const { code, stderr } = await ask(place);
    expect(code).toBe(1);
    expect(stderr).toContain("broke off");
  });

  test("is not waited for when it does not answer a Ctrl-C", async () => {
    const place = await fakeGateway((socket, { id, method }) => {
      if (method === "connect") return greet(socket, id);
      if (method !== "agent") return;
      socket.send(accepted(id));
      socket.send(saying("Half"));
    });
    const started = await startCli(["agent", "--url", `ws://${place}`, "--message", "hi"]);
    await started.waitFor("stdout", "Half");
    started.child.kill("SIGINT");
    expect(await started.result).toEqual({ code: 130, stdout: "Half\n", stderr: "The run was aborted.\n" });
  });

  test("is named as stopping when it lets nobody in any more", async () => {
    const error = {
      message: "The gateway is stopping. Connect again when it is back.",
      type: "server_error",
      param: null,
      code: "draining",
    };
    const server = createHttpServer();
    server.on("upgrade", (_request, socket) => {
      const body = JSON.stringify({ error });
      socket.end(`HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    });
    const place = await listen(server);
    const { code, stdout } = await ask(place, "--json");
    expect(code).toBe(1);
    const message = `The gateway at ws://${place} is about to stop and takes no connections any more. Try again in a moment.`;
    expect(JSON.parse(stdout)).toEqual({ status: "failed", error: { message, code: "draining" } });
  });

  test("says that it takes no more when it is about to stop", async () => {
    const gateway = await startGateway();
    void gateway.program.drain();
    const { code, stderr } = await runCli(["agent", "--url", gateway.url, "--token", testToken, "--message", "hi"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "The gateway is about to stop and takes no more runs. Try again in a moment.\n" });
  });
});
