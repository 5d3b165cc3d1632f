/** What an agent's own instructions are, and what becomes of workspace files that are odd. Through HTTP: what the model received. */
import { execFile } from "node:child_process";
import { mkdir, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { onProvider } from "../faces/provider.ts";
import { makeFolder, say, startGateway, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

const prompt = "Be exact.";

let stub: StubUpstream;
let gateway: TestGateway;
let workspace: string;
let logged = 0;

beforeAll(async () => {
  stub = await startStubUpstream();
  workspace = join(await makeFolder(), "workspace");
  gateway = await startGateway(onProvider(stub.url, { systemPrompt: prompt, workspace }));
});

beforeEach(async () => {
  await rm(workspace, { recursive: true, force: true });
  await mkdir(workspace);
  logged = gateway.log().length;
});

afterAll(() => stub.close());

const write = (name: string, content: string | Uint8Array) => writeFile(join(workspace, name), content);

/** The system messages that the model received with a message of the user's. */
async function instructions(more: object = {}): Promise<unknown[]> {
  expect((await gateway.chat(say("hi", more))).status).toBe(200);
  const { messages } = stub.requests.at(-1)!.body;
  return messages.filter(({ role }) => role === "system" || role === "developer").map(({ content }) => content);
}

const from = (name: string, text: string) => `From the workspace file ${name}:\n\n${text}`;
const warnings = () =>
  gateway
    .log()
    .slice(logged)
    .filter(({ level, path }) => level === 40 && typeof path === "string")
    .map(({ path, msg }) => [(path as string).slice(workspace.length + 1), msg]);

describe("an agent's instructions are", () => {
  test("its system prompt, AGENTS.md and SOUL.md in one message, before the caller's own", async () => {
    await write("SOUL.md", "You are kind.\n");
    await write("AGENTS.md", "# Rules\n\nAsk first.");
    const messages = [
      { role: "system", content: "I am the caller." },
      { role: "developer", content: "So am I." },
      { role: "user", content: "hi" },
    ];
    expect(await instructions({ messages })).toEqual([
      `${prompt}\n\n${from("AGENTS.md", "# Rules\n\nAsk first.")}\n\n${from("SOUL.md", "You are kind.\n")}`,
      "I am the caller.",
      "So am I.",
    ]);
    expect(stub.requests.at(-1)!.body.messages.at(-1)).toEqual({ role: "user", content: "hi" });
  });

  test("the same in a session, and no part of what it keeps", async () => {
    await write("SOUL.md", "You are kind.");
    const headers = { "x-openclaw-session-key": "kept" };
    await gateway.chat(say("one"), headers);
    await write("SOUL.md", "You are very kind.");
    await gateway.chat(say("two"), headers);
    const { messages } = stub.requests.at(-1)!.body;
    expect(messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "user"]);
    expect(messages[0]!.content).toBe(`${prompt}\n\n${from("SOUL.md", "You are very kind.")}`);
  });

  test("what the files say now: edited, replaced, removed and written again", async () => {
    await write("AGENTS.md", "one");
    expect(await instructions()).toEqual([`${prompt}\n\n${from("AGENTS.md", "one")}`]);
    await write("AGENTS.md", "two, which is longer");
    expect(await instructions()).toEqual([`${prompt}\n\n${from("AGENTS.md", "two, which is longer")}`]);
    await write("new", "six, which is longer");
    await rename(join(workspace, "new"), join(workspace, "AGENTS.md"));
    expect(await instructions()).toEqual([`${prompt}\n\n${from("AGENTS.md", "six, which is longer")}`]);
    await unlink(join(workspace, "AGENTS.md"));
    expect(await instructions()).toEqual([prompt]);
    await write("AGENTS.md", "again");
    expect(await instructions()).toEqual([`${prompt}\n\n${from("AGENTS.md", "again")}`]);
    expect(warnings()).toEqual([]);
  });

  test("the files alone where there is no system prompt, and none at all where there is neither", async () => {
    const own = await startGateway(
      onProvider(stub.url, {}, { agents: { defaults: { model: "stub/m" }, entries: { main: { workspace } } } }),
    );
    const received = async () => {
      await own.chat(say("hi"));
      return stub.requests.at(-1)!.body.messages;
    };
    expect(await received()).toEqual([{ role: "user", content: "hi" }]);
    await write("SOUL.md", "You are kind.");
    expect(await received()).toEqual([
      { role: "system", content: from("SOUL.md", "You are kind.") },
      { role: "user", content: "hi" },
    ]);
  });

  test("the system prompt alone where the folder or what is in it is missing or empty", async () => {
    await write("AGENTS.md", " \n");
    expect(await instructions()).toEqual([prompt]);
    await rm(workspace, { recursive: true });
    expect(await instructions()).toEqual([prompt]);
    await writeFile(workspace, "a file");
    expect(await instructions()).toEqual([prompt]);
    expect(warnings()).toEqual([]);
  });
});

describe("a workspace file", () => {
  test("that is a link is followed, and read again when its target changes", async () => {
    await write("shared.md", "one");
    await symlink("shared.md", join(workspace, "AGENTS.md"));
    expect(await instructions()).toEqual([`${prompt}\n\n${from("AGENTS.md", "one")}`]);
    await write("shared.md", "three");
    expect(await instructions()).toEqual([`${prompt}\n\n${from("AGENTS.md", "three")}`]);
  });

  const cutNote = "\n\n(SOUL.md is longer than this: only its first 20000 characters are here.)";

  test.each<[string, string, string]>([
    ["plain text", "x".repeat(20_001), "x".repeat(20_000)],
    ["a very long text", "가".repeat(3_000_000), "가".repeat(20_000)],
    ["text of two halves", `x${"🌍".repeat(10_000)}`, `x${"🌍".repeat(9_999)}`],
  ])("that is too long is cut at the end of a character, says so and is logged once: %s", async (_what, text, start) => {
    await write("SOUL.md", text);
    const expected = [`${prompt}\n\n${from("SOUL.md", start)}${cutNote}`];
    expect(await instructions()).toEqual(expected);
    expect(await instructions()).toEqual(expected);
    expect(warnings()).toEqual([["SOUL.md", "instructions of an agent are too long and were cut"]]);
  });

  test.each(["x".repeat(20_000), "가".repeat(20_000), "🌍".repeat(10_000)])("that is just short enough is whole", async (text) => {
    await write("SOUL.md", `\ufeff${text}`);
    expect(await instructions()).toEqual([`${prompt}\n\n${from("SOUL.md", text)}`]);
    expect(warnings()).toEqual([]);
  });

  test("that is not UTF-8 is read as well as can be, and logged once; UTF-16 with its mark is read", async () => {
    await write("AGENTS.md", Buffer.from([0x62, 0xfc, 0x63, 0x68]));
    await write("SOUL.md", Buffer.from("\ufeffÜber", "utf16le"));
    const expected = [`${prompt}\n\n${from("AGENTS.md", "b\ufffdch")}\n\n${from("SOUL.md", "Über")}`];
    expect(await instructions()).toEqual(expected);
    expect(await instructions()).toEqual(expected);
    expect(warnings()).toEqual([["AGENTS.md", "instructions of an agent are not all UTF-8; what is not was replaced"]]);
  });

  test("that is UTF-16 the other way round is read", async () => {
    await write("AGENTS.md", Buffer.from("\ufeffÜber 한국", "utf16le").swap16());
    await write("SOUL.md", Buffer.from(`\ufeff${"가".repeat(40_000)}`, "utf16le").swap16());
    expect(await instructions()).toEqual([
      `${prompt}\n\n${from("AGENTS.md", "Über 한국")}\n\n${from("SOUL.md", "가".repeat(20_000))}${cutNote}`,
    ]);
  });

  test.each<[string, Uint8Array]>([
    ["UTF-16 without its mark", Buffer.from("Hello", "utf16le")],
    ["a program", Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 255])],
  ])("that is no text is left out and logged once: %s", async (_what, bytes) => {
    await write("AGENTS.md", bytes);
    expect(await instructions()).toEqual([prompt]);
    expect(await instructions()).toEqual([prompt]);
    expect(warnings()).toEqual([["AGENTS.md", "instructions of an agent are not text and are left out"]]);
  });

  const leftOut = "instructions of an agent cannot be read and are left out";

  test("that is a folder, or a link without end, is left out and logged once; mended, it is read", async () => {
    await mkdir(join(workspace, "AGENTS.md"));
    await symlink("SOUL.md", join(workspace, "SOUL.md"));
    expect(await instructions()).toEqual([prompt]);
    expect(await instructions()).toEqual([prompt]);
    expect(warnings().sort()).toEqual([
      ["AGENTS.md", leftOut],
      ["SOUL.md", leftOut],
    ]);
    await rm(join(workspace, "AGENTS.md"), { recursive: true });
    await write("AGENTS.md", "mended");
    expect(await instructions()).toEqual([`${prompt}\n\n${from("AGENTS.md", "mended")}`]);
  });

  test("that is a pipe nobody writes to holds nothing up", async () => {
    await promisify(execFile)("mkfifo", [join(workspace, "AGENTS.md")]);
    await write("SOUL.md", "You are kind.");
    expect(await instructions()).toEqual([`${prompt}\n\n${from("SOUL.md", "You are kind.")}`]);
    expect(warnings()).toEqual([["AGENTS.md", leftOut]]);
  });
});
