/** A host that is short of file descriptors, or whose clock jumps: what callers see, and that nothing is lost or mixed up. */
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { printSkipped } from "../clients/processes.ts";
import { makeFolder, testToken } from "../support/gateway.ts";
import { connectRaw, head } from "../support/raw-http.ts";
import { startHostGateway, whyNot } from "./host-gateway.ts";
import { healthy } from "./upstream-raw.ts";

const noLimits = whyNot("prlimit", "--nofile");
if (noLimits !== undefined) printSkipped(`a limit on open files cannot be had: ${noLimits}`);

const limit = (pid: number, files: string): void => void execFileSync("prlimit", ["--pid", String(pid), `--nofile=${files}`]);

function requestOf(text: string): string {
  const body = JSON.stringify({ model: "openclaw", messages: [{ role: "user", content: text }] });
  const headers = { authorization: `Bearer ${testToken}`, "content-type": "application/json", "content-length": String(body.length) };
  return head("POST /v1/chat/completions", headers) + body;
}

(noLimits === undefined ? describe : describe.skip)("no file descriptor left", () => {
  test("connections that are open are served, others are not, and all are again once there are some", async () => {
    const gateway = await startHostGateway();
    expect(await gateway.chat("warm")).toMatchObject({ status: 200 });
    const open = await connectRaw(gateway.url);
    open.send(head("GET /healthz"));
    expect((await open.reply()).status).toBe(200);
    await gateway.upstream.closeAll();
    limit(gateway.pid, "3:4096");
    const others = await Promise.all(Array.from({ length: 20 }, () => connectRaw(gateway.url)));
    for (const other of others) other.send(head("GET /healthz"));
    open.send(requestOf("Hello?"));
    const { status, text } = await open.reply();
    expect(status).toBe(502);
    expect(JSON.parse(text)).toMatchObject({
      error: { code: "upstream_error", message: "The model provider 'stub' could not be reached (EMFILE)." },
    });
    open.send(head("GET /healthz"));
    expect((await open.reply()).status).toBe(200);
    // Whoever watches is told all that can be found out without opening a file.
    open.send(head("GET /metrics", { host: "localhost", authorization: `Bearer ${testToken}` }));
    const metrics = await open.reply();
    expect([metrics.status, metrics.text.includes("\nclawgate_runs_active 0\n"), metrics.text.includes("\nprocess_open_fds ")]).toEqual([
      200,
      true,
      false,
    ]);
    limit(gateway.pid, "4096:4096");
    open.send(head("GET /metrics", { host: "localhost", authorization: `Bearer ${testToken}` }));
    expect((await open.reply()).text).toMatch(/\nprocess_open_fds \d/);
    expect(await gateway.chat("Hello?")).toMatchObject({ status: 200 });
    for (const other of others) {
      const outcome = await other.reply().then(
        (reply) => reply.status,
        () => "closed",
      );
      expect([200, "closed"]).toContain(outcome);
    }
    await gateway.stop();
    expect((await gateway.process.result).code).toBe(0);
  }, 120_000);
});

/** Loaded before the gateway: at a signal, all that asks for the time gets another. */
const clock = (shiftMs: number): string => `
  const Real = Date;
  let shiftMs = 0;
  process.on("SIGUSR2", () => (shiftMs = ${shiftMs}));
  globalThis.Date = class Date extends Real {
    constructor(...given) {
      if (given.length === 0) super(Real.now() + shiftMs);
      else super(...given);
    }
    static now() {
      return Real.now() + shiftMs;
    }
  };`;

test.each([
  ["back", -3_600_000],
  ["ahead", 3_600_000],
])(
  "a clock that jumps an hour %s in the middle of a run changes no order, no answer and no promise",
  async (_where, shiftMs) => {
    const folder = await makeFolder();
    await writeFile(join(folder, "clock.mjs"), clock(shiftMs));
    const gateway = await startHostGateway({ folder, env: { NODE_OPTIONS: `--import=${join(folder, "clock.mjs")}` } });
    const { upstream } = gateway;
    const session = { "x-openclaw-session-key": "mine" };
    const once = { "idempotency-key": "once" };
    const first = await gateway.chat("zero", {}, once);
    upstream.always(healthy("First."));
    expect(await gateway.chat("one", {}, session)).toMatchObject({ status: 200 });
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    upstream.next(async (socket, request) => {
      await answered;
      await healthy("Second.")(socket, request);
    });
    const running = gateway.chat("two", {}, session);
    while (!upstream.requests.at(-1)?.includes('"two"')) await new Promise((resolve) => setTimeout(resolve, 5));
    gateway.process.child.kill("SIGUSR2");
    const jumped = (created = 0): boolean => (created - first.body.created!) * 1000 * Math.sign(shiftMs) > 1_800_000;
    while (!jumped((await gateway.chat("What time is it?")).body.created));
    answer();
    expect(await running).toMatchObject({ status: 200, body: { choices: [{ message: { content: "Second." } }] } });
    upstream.always(healthy("Third."));
    expect(await gateway.chat("three", {}, session)).toMatchObject({ status: 200 });
    expect(gateway.lastAsked()).toEqual(["one", "First.", "two", "Second.", "three"]);
    const { body } = await gateway.get("/v1/sessions/agent%3Amain%3Amine/messages?order=asc");
    expect(body.data?.map(({ content }) => content)).toEqual(["one", "First.", "two", "Second.", "three", "Third."]);
    const again = await gateway.chat("zero", {}, once);
    expect({ status: again.status, replayed: again.headers.get("idempotency-replayed"), id: again.body.id }).toEqual({
      status: 200,
      replayed: "true",
      id: first.body.id,
    });
    await gateway.stop();
    expect((await gateway.process.result).code).toBe(0);
  },
  120_000,
);
