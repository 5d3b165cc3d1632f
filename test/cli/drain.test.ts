/** How a gateway that is stopped treats those who are still there: runs under way, new ones, and connections that just stay. */
import { writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { type Exchange, startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider } from "../faces/provider.ts";
import { StreamReader } from "../faces/event-stream.ts";
import { type CliProcess, startCli } from "../support/cli.ts";
import { dataLines, makeFolder, say } from "../support/gateway.ts";
import { connectRaw } from "../support/raw-http.ts";
import { startStubUpstream } from "../support/stub-upstream.ts";

interface Running extends CliProcess {
  readonly url: string;
  readonly folder: string;
  chat(body: object, headers?: { [name: string]: string }): Promise<Response>;
}

async function startGateway(upstream: string, shutdownGraceMs: number, folder?: string): Promise<Running> {
  const home = folder ?? (await makeFolder());
  const gateway = { shutdownGraceMs, auth: { mode: "none" }, http: { endpoints: { chatCompletions: { enabled: true } } } };
  await writeFile(join(home, "openclaw.json"), JSON.stringify({ ...onProvider(upstream), gateway }));
  const started = await startCli(["gateway", "--config", "openclaw.json", "--port", "0"], { folder: home });
  const url = /listens on (\S+)/.exec(await started.waitFor("stdout", "Try it"))?.[1] as string;
  const chat = (body: object, headers: { [name: string]: string } = {}): Promise<Response> =>
    fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  return { ...started, url, folder: home, chat };
}

/** Resolves when the gateway takes no more runs. */
async function signalled(gateway: Running, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  gateway.child.kill(signal);
  await gateway.waitFor("stderr", '"msg":"stopping: no new runs, those at work may end"');
}

async function ended({ result }: Running): Promise<number | null> {
  const { code, stderr } = await result;
  expect(stderr).not.toContain("could not be");
  return code;
}

const finish = (exchange: Exchange, text: string): void => {
  exchange.say(text);
  exchange.finish();
};

describe("a gateway that was told to stop while runs are at work", () => {
  test("lets them come to their end, whoever reads them, takes no others, says so, and exits 0", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(held.url, 60_000);
    const pending = gateway.chat(say("stream", { stream: true, user: "ada" }));
    const streamed = await held.next();
    streamed.say("so far");
    const reader = new StreamReader(await pending);
    await reader.until("so far");
    const folded = gateway.chat(say("json"));
    const second = await held.next();
    const background = await gateway.chat(say("background"), { "x-openclaw-background": "true" });
    const third = await held.next();
    const { id } = (await background.json()) as { id: string };
    await signalled(gateway);

    const ready = await fetch(`${gateway.url}/readyz`);
    expect({ status: ready.status, body: await ready.json() }).toEqual({
      status: 503,
      body: {
        error: { message: "The gateway is about to stop and takes nothing new.", type: "server_error", param: null, code: "draining" },
      },
    });
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
    for (const headers of [{}, { "x-openclaw-background": "true" }, { "idempotency-key": "k" }]) {
      const refused = await gateway.chat(say("too late"), headers);
      expect({ status: refused.status, body: await refused.json() }).toMatchObject({ status: 503, body: { error: { code: "draining" } } });
      expect([refused.headers.get("retry-after"), refused.headers.get("connection")]).toEqual(["5", "close"]);
    }
    expect(((await (await fetch(`${gateway.url}/v1/runs/${id}`)).json()) as { status: string }).status).toBe("running");

    finish(streamed, " and on");
    expect(await reader.rest()).toMatch(/ and on[^]*data: \[DONE\]\n\n$/);
    finish(second, "the answer");
    expect(await (await folded).json()).toMatchObject({ choices: [{ message: { content: "the answer" } }] });
    finish(third, "nobody waits");
    expect(await ended(gateway)).toBe(0);

    const again = await startGateway(held.url, 0, gateway.folder);
    expect(await (await fetch(`${again.url}/v1/runs/${id}`)).json()).toMatchObject({ status: "completed" });
    await signalled(again);
    expect(await ended(again)).toBe(0);
  });

  test("tells those that are at work when the grace is over, and exits 0", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(held.url, 1);
    const pending = gateway.chat(say("stream", { stream: true, user: "ada" }));
    const streamed = await held.next();
    streamed.say("so far");
    const response = await pending;
    const folded = gateway.chat(say("json"));
    const second = await held.next();
    gateway.child.kill("SIGTERM");
    expect(dataLines(await response.text()).slice(-2)).toEqual([expect.stringMatching(/^\{"error":\{.*"code":"draining"/), "[DONE]"]);
    const reply = await folded;
    expect({ status: reply.status, body: await reply.json() }).toMatchObject({ status: 503, body: { error: { code: "draining" } } });
    await Promise.all([streamed.aborted, second.aborted]);
    expect(await ended(gateway)).toBe(0);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("exits at once at the second %s, with %i, which its callers see as a broken transfer", async (signal, code) => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(held.url, 60_000);
    const pending = gateway.chat(say("stream", { stream: true }));
    const exchange = await held.next();
    exchange.say("so far");
    const response = await pending;
    await signalled(gateway, signal);
    const again = setInterval(() => gateway.child.kill(signal), 50);
    await expect(response.text()).rejects.toThrow("terminated");
    expect(await ended(gateway)).toBe(code);
    clearInterval(again);
  });

  test("is not stopped at once by SIGHUP, and reads no config any more", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway(held.url, 60_000);
    const folded = gateway.chat(say("json"));
    const exchange = await held.next();
    await signalled(gateway);
    await writeFile(join(gateway.folder, "openclaw.json"), "no config");
    gateway.child.kill("SIGHUP");
    expect((await gateway.chat(say("too late"))).status).toBe(503);
    finish(exchange, "the answer");
    expect((await folded).status).toBe(200);
    expect(await ended(gateway)).toBe(0);
    expect((await gateway.result).stderr).not.toContain("openclaw.json:1");
  });
});

describe("a gateway that was told to stop does not wait", () => {
  const start = async (): Promise<Running> => startGateway((await startHeldUpstream()).url, 60_000);

  test("for connections on which nothing is asked", async () => {
    const gateway = await start();
    const idle = await connectRaw(gateway.url);
    idle.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    expect((await idle.reply()).status).toBe(200);
    const silent = await connectRaw(gateway.url);
    gateway.child.kill("SIGTERM");
    expect(await ended(gateway)).toBe(0);
    await Promise.all([idle.closed(), silent.closed()]);
  });

  test("for a request that does not come to its end", async () => {
    const gateway = await start();
    const half = httpRequest(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "content-length": 1000 },
    });
    half.write("{");
    const broken = once(half, "error");
    while (!half.socket?.bytesWritten) await new Promise((resolve) => setImmediate(resolve));
    gateway.child.kill("SIGTERM");
    expect(await ended(gateway)).toBe(0);
    await broken;
  });

  test("longer than the grace for a client that does not read", async () => {
    const stub = await startStubUpstream();
    stub.always({ text: "x".repeat(65_536), chunks: Infinity });
    const gateway = await startGateway(stub.url, 1);
    const { hostname, port } = new URL(gateway.url);
    const body = JSON.stringify(say("hi", { stream: true }));
    const socket = connect({ host: hostname, port: Number(port) }).pause();
    socket.on("error", () => undefined);
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await stub.waitForRequest();
    let before = -1;
    while (stub.bytesWritten !== before) {
      before = stub.bytesWritten;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    gateway.child.kill("SIGTERM");
    expect(await ended(gateway)).toBe(0);
    socket.destroy();
    await stub.close();
  });
});
