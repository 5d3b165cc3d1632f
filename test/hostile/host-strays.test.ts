/**
 * Code of others within the gateway's process: an AI SDK package that throws where it may and where nobody expects it. What
 * its caller sees, what the others see, what the log says, and what is still there when the process did not survive it.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { providerKey } from "../faces/provider.ts";
import { makeFolder } from "../support/gateway.ts";
import { type HostGateway, startHostGateway } from "./host-gateway.ts";
import { healthy, type Play } from "./upstream-raw.ts";

/** Its models do what their names say. */
const stray = `
  const finish = { type: "finish", finishReason: { unified: "stop", raw: "stop" }, usage: { inputTokens: {}, outputTokens: {} } };
  const good = [{ type: "text-start", id: "t" }, { type: "text-delta", id: "t", delta: "Good." }, { type: "text-end", id: "t" }, finish];
  const answer = (...parts) => ({ stream: ReadableStream.from(parts) });
  const failure = (what) => Object.assign(new Error(what), { requestBody: "${providerKey}", prompt: "private words" });
  const behaviours = {
    throws: () => { throw failure("thrown at once"); },
    rejects: async () => { throw failure("rejected"); },
    "throws-nothing": () => { throw undefined; },
    "rejects-a-text": () => Promise.reject("private words"),
    "gives-nothing": async () => undefined,
    "gives-no-stream": async () => ({ stream: "none" }),
    "ends-at-once": async () => answer(),
    "says-odd-things": async () => answer(undefined, 5, { type: "no-such-part" }, ...good),
    "breaks-off": async () => ({ stream: new ReadableStream({ pull: (c) => c.error(failure("broken")) }) }),
    "leaves-a-rejection": async () => { void Promise.reject(failure("left behind")); return answer(...good); },
    "leaves-a-rejected-text": async () => { void Promise.reject("private words"); return answer(...good); },
    "leaves-it-for-later": async () => { setImmediate(() => Promise.reject(failure("left for later"))); return answer(...good); },
    "throws-later": async () => { setImmediate(() => { throw failure("thrown later"); }); return new Promise(() => undefined); },
  };
  export const createStray = () => ({
    languageModel: (modelId) => ({ specificationVersion: "v3", provider: "stray", modelId, supportedUrls: {}, doStream: behaviours[modelId] }),
  });`;

let folder: string;
let gateway: HostGateway;

async function start(): Promise<HostGateway> {
  const providers = { stray: { api: "ai-sdk", package: "stray" } };
  return startHostGateway({ folder, providers, entries: { stray: { tools: [], model: "stray/throws" } } });
}

beforeEach(async () => {
  folder = await makeFolder();
  const place = join(folder, "node_modules", "stray");
  await mkdir(place, { recursive: true });
  await writeFile(join(place, "package.json"), JSON.stringify({ name: "stray", type: "module", exports: "./index.js" }));
  await writeFile(join(place, "index.js"), stray);
  gateway = await start();
});

afterEach(async () => {
  await gateway.stop();
});

const asStray = (behaviour: string) => ({ "x-openclaw-model": `stray/${behaviour}` });
const begun = async (text: string): Promise<void> => {
  while (!gateway.upstream.requests.at(-1)?.includes(`"${text}"`)) await new Promise((resolve) => setTimeout(resolve, 5));
};

/** Answers when it is told to. */
function held(): { readonly play: Play; readonly answer: () => void } {
  let answer: () => void = () => undefined;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const play: Play = async (socket, request) => {
    await answered;
    await healthy("In peace.")(socket, request);
  };
  return { play, answer };
}

describe("a package that", () => {
  test("fails where it may makes its own run fail, and no other", async () => {
    const other = held();
    gateway.upstream.next(other.play);
    const running = gateway.chat("Undisturbed?");
    await begun("Undisturbed?");
    const failing = [
      "throws",
      "rejects",
      "throws-nothing",
      "rejects-a-text",
      "gives-nothing",
      "gives-no-stream",
      "ends-at-once",
      "breaks-off",
    ];
    for (const behaviour of failing) {
      for (const stream of [false, true]) {
        const { status, body, text } = await gateway.chat("Hello?", { model: "openclaw:stray", stream }, asStray(behaviour));
        expect({ behaviour, status, body }).toMatchObject({
          behaviour,
          status: 502,
          body: { error: { code: "upstream_error", type: "server_error", message: expect.stringMatching(/^The model provider 'stray' /) } },
        });
        expect(text).not.toMatch(/private words|sk-upstream/);
      }
    }
    other.answer();
    expect(await running).toMatchObject({ status: 200, body: { choices: [{ message: { content: "In peace." } }] } });
    expect(await gateway.log()).not.toMatch(/private words|sk-upstream/);
  }, 120_000);

  test("leaves a rejected promise behind has answered, and the gateway goes on and says so in its log", async () => {
    const other = held();
    gateway.upstream.next(other.play);
    const running = gateway.chat("Undisturbed?");
    await begun("Undisturbed?");
    for (const behaviour of ["leaves-a-rejection", "leaves-a-rejected-text", "leaves-it-for-later"]) {
      const reply = await gateway.chat("Hello?", { model: "openclaw:stray" }, asStray(behaviour));
      expect(reply).toMatchObject({ status: 200, body: { choices: [{ message: { content: "Good." } }] } });
    }
    other.answer();
    expect(await running).toMatchObject({ status: 200 });
    const log = await gateway.process.waitFor("stderr", "left for later");
    const lines = log.split("\n").filter((line) => line.includes("a promise was rejected that nobody waited for"));
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 50, err: { message: "left behind" } },
      { level: 50, err: { message: "a value of type string was thrown" } },
      { level: 50, err: { message: "left for later" } },
    ]);
    expect(log).not.toMatch(/private words|sk-upstream/);
  }, 120_000);

  test("throws where nobody can catch it ends the process, which says why; all that was acknowledged is there again", async () => {
    const session = { "x-openclaw-session-key": "mine" };
    expect(await gateway.chat("one", {}, session)).toMatchObject({ status: 200 });
    gateway.upstream.next(held().play);
    const cut = gateway.chat("two", {}, session).catch(() => "cut");
    await begun("two");
    gateway.upstream.next(held().play);
    const { status, body } = await gateway.chat("in the background", {}, { "x-openclaw-background": "true" });
    await begun("in the background");
    const ended = await gateway.chat("Hello?", { model: "openclaw:stray" }, asStray("throws-later")).catch(() => "cut");
    expect([await cut, ended, status]).toEqual(["cut", "cut", 202]);
    const { code, stderr } = await gateway.process.result;
    expect(code).toBe(1);
    const last = stderr.trim().split("\n").at(-1)!;
    expect(JSON.parse(last)).toMatchObject({
      level: 60,
      msg: "an exception was thrown that nobody caught; the gateway ends at once",
      err: { message: "thrown later" },
    });
    expect(stderr).not.toMatch(/private words|sk-upstream/);
    gateway = await start();
    expect(await gateway.get(`/v1/runs/${body.id}`)).toMatchObject({ status: 200, body: { status: "interrupted" } });
    expect(await gateway.chat("three", {}, session)).toMatchObject({ status: 200 });
    expect(gateway.lastAsked()).toEqual(["one", "Fine.", "three"]);
  }, 120_000);
});
