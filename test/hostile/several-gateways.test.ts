/**
 * Three gateway processes on one Postgres database behind a load balancer that knows nothing, killed and started again while
 * clients send runs, cancel them and send them once more. `SEVERAL_RUNS` and `SEVERAL_SESSIONS` change the numbers.
 */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { textOf } from "../../src/domain/message.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { onProvider } from "../faces/provider.ts";
import { type CliProcess, startCli } from "../support/cli.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { configOf, makeFolder, say, testToken } from "../support/gateway.ts";

const engine = (await databaseEngines()).find(({ name }) => name === "Postgres");
const numberFrom = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const runCount = numberFrom("SEVERAL_RUNS", 200);
const sessionCount = numberFrom("SEVERAL_SESSIONS", 20);
const gatewayCount = 3;
const clientCount = 12;
/** Between two kills; each process has the time to start and to be of use. */
const killEveryMs = 1_500;
const testTimeoutMs = 600_000;

/** Says `answer <n>` to whoever asks `run <n> <session>`, in pieces, and notes who asks for one session at the same time. */
class Provider {
  overlaps = 0;
  asked = 0;
  readonly #atWork = new Map<string, Set<ServerResponse>>();
  readonly #server: Server = createServer((incoming, outgoing) => void this.#answer(incoming, outgoing));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece as Buffer);
    const { messages } = JSON.parse(Buffer.concat(pieces).toString()) as { messages: { content: string }[] };
    const [, number = "", session = ""] = messages.at(-1)!.content.split(" ");
    this.asked += 1;
    const atWork = this.#atWork.get(session) ?? new Set();
    this.#atWork.set(session, atWork);
    outgoing.once("close", () => atWork.delete(outgoing));
    const before = [...atWork];
    atWork.add(outgoing);
    // That the connections of a process that was killed are closed may be heard a moment later.
    for (let look = 0; look < 20 && before.some((other) => atWork.has(other)); look++) await sleep(10);
    if (before.some((other) => atWork.has(other))) this.overlaps += 1;
    outgoing.writeHead(200, { "content-type": "text/event-stream" });
    const say = (delta: object, finish_reason: string | null = null): void =>
      void outgoing.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
    for (const text of ["answer ", number]) {
      say({ content: text });
      await sleep(Math.random() * 30);
    }
    say({}, "stop");
    // Before its gateway can know that it is over.
    atWork.delete(outgoing);
    outgoing.end("data: [DONE]\n\n");
  }
}

(engine ? describe : describe.skip)("three gateways on one Postgres database", () => {
  let database: TestDatabase;
  let folder: string;
  const provider = new Provider();
  const gateways: { process: CliProcess; url: string }[] = [];

  beforeAll(async () => {
    database = await engine!.create();
    folder = await makeFolder();
    const session = { database: database.location, databasePoolSize: 5, maxQueued: 1_000, maxWaitMs: testTimeoutMs };
    await writeFile(join(folder, "openclaw.json"), JSON.stringify(configOf(onProvider(await provider.start(), {}, { session }))));
    for (let index = 0; index < gatewayCount; index++) gateways.push(await startOne());
  });

  afterAll(async () => {
    for (const { process } of gateways) process.child.kill("SIGKILL");
    await Promise.all(gateways.map(({ process }) => process.result));
    provider.stop();
    await database.drop();
  });

  async function startOne(): Promise<{ process: CliProcess; url: string }> {
    const process = await startCli(["gateway", "--config", join(folder, "openclaw.json")], { folder });
    const said = await process.waitFor("stdout", "http://");
    return { process, url: /http:\/\/127\.0\.0\.1:\d+/.exec(said)![0] };
  }

  /** Whoever does not take the connection is left out, as a load balancer does it. */
  async function sendToAny(path: string, init: RequestInit): Promise<Response> {
    for (;;) {
      try {
        return await fetch(`${gateways[Math.floor(Math.random() * gatewayCount)]!.url}${path}`, init);
      } catch (error) {
        if ((error as { cause?: { code?: string } }).cause?.code !== "ECONNREFUSED") throw error;
      }
      await sleep(5);
    }
  }

  const authorization = { authorization: `Bearer ${testToken}` };

  interface Outcome {
    readonly kind: "whole" | "broken" | "failed" | "clean end without its end";
    readonly text: string;
  }

  async function ask(body: object, headers: object, onId: (id: string) => void): Promise<Outcome> {
    let text = "";
    try {
      const init = { method: "POST", headers: { ...authorization, "content-type": "application/json", ...headers } };
      const response = await sendToAny("/v1/chat/completions", { ...init, body: JSON.stringify(body) });
      if (response.status !== 200) return { kind: "failed", text: await response.text() };
      onId(response.headers.get("x-openclaw-run-id")!);
      const decoder = new TextDecoder();
      for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) text += decoder.decode(piece, { stream: true });
    } catch {
      return { kind: "broken", text };
    }
    if (!text.includes("data: [DONE]")) return { kind: "clean end without its end", text };
    return { kind: text.includes('"error"') ? "failed" : "whole", text };
  }

  test(
    "never overlap on a session, lose no turn that was acknowledged, and double none; a stream is whole or visibly broken",
    async () => {
      const acknowledged: string[] = [];
      const failures = new Set<string | undefined>();
      const counts = { whole: 0, broken: 0, failed: 0, "clean end without its end": 0, "sent again": 0, cancels: 0, kills: 0 };
      const planned = Array.from({ length: runCount }, (_, number) => ({ number, session: `s${number % sessionCount}` }));
      const client = async (): Promise<void> => {
        for (let next = planned.shift(); next; next = planned.shift()) {
          const { number, session } = next;
          const isKeyed = number % 3 === 0;
          const isCancelled = number % 11 === 0;
          const headers = { "x-openclaw-session-key": session, ...(isKeyed ? { "idempotency-key": `key-${number}` } : {}) };
          const cancel = (id: string): void => {
            if (!isCancelled) return;
            counts.cancels += 1;
            void sendToAny(`/v1/runs/${id}/cancel`, { method: "POST", headers: authorization }).catch(() => undefined);
          };
          for (let isDone = false; !isDone;) {
            const { kind, text } = await ask(say(`run ${number} ${session}`, { stream: true }), headers, cancel);
            counts[kind] += 1;
            if (kind === "failed") failures.add(/"code":"(\w+)"/.exec(text)?.[1]);
            if (kind === "whole") acknowledged.push(`${session} ${number}`);
            isDone = kind === "whole" || !isKeyed || isCancelled;
            if (isDone) continue;
            counts["sent again"] += 1;
            await sleep(50);
          }
        }
      };
      const isOver = Promise.all(Array.from({ length: clientCount }, client)).then(() => true);
      while (!(await Promise.race([isOver, sleep(killEveryMs, false)]))) {
        const index = Math.floor(Math.random() * gatewayCount);
        const { process } = gateways[index]!;
        process.child.kill("SIGKILL");
        await process.result;
        counts.kills += 1;
        gateways[index] = await startOne();
      }

      const store = await openSessionStore(database.location);
      const turns: string[] = [];
      for (let index = 0; index < sessionCount; index++) {
        const { nodes } = await store.readPath(`agent:main:s${index}`);
        const texts = nodes.map(({ message }) => textOf(message));
        for (let at = 0; at < texts.length; at += 2) {
          const [, number, session] = texts[at]!.split(" ");
          expect([texts[at + 1], session]).toEqual([`answer ${number}`, `s${index}`]);
          turns.push(`${session} ${number}`);
        }
      }
      await store.close();
      // What nobody waits for may take a moment to end.
      const left = "select (select count(*) from leases) + (select count(*) from runs where status = 'running') as n";
      while ((await database.query(left))[0]?.["n"] !== 0) await sleep(50);
      process.stdout.write(
        `several gateways: ${runCount} runs over ${sessionCount} sessions, ${JSON.stringify(counts)}, asked ${provider.asked} times, ` +
          `${provider.overlaps} overlaps, ${turns.length} turns kept\n`,
      );
      expect(provider.overlaps).toBe(0);
      // Cancelled, or the one that had the key was killed.
      expect([...failures].filter((code) => code !== "run_aborted" && code !== "run_interrupted")).toEqual([]);
      expect(counts["clean end without its end"]).toBe(0);
      expect(turns).toHaveLength(new Set(turns).size);
      expect(acknowledged.filter((turn) => !turns.includes(turn))).toEqual([]);
    },
    testTimeoutMs,
  );
});
