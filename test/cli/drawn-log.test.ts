/** The log as it is drawn on a terminal; as JSON it is looked at everywhere else. */
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import { drawLine } from "../../src/cli/drawn-log.ts";
import { makeFolder } from "../support/gateway.ts";
import { hasTerminal, runOnTerminal } from "../support/terminal.ts";

/** No terminal: no colours. */
const draw = (line: object): string =>
  drawLine(`${JSON.stringify({ level: 30, time: "2026-01-01T10:20:30.405Z", ...line })}\n`, new PassThrough());
const clock = String.raw`\d\d:\d\d:30\.405`;

describe("a line of the log on a terminal", () => {
  test("says when, how urgent, what, and the rest by name", () => {
    expect(draw({ msg: "request", path: "/v1/models", status: 200, usage: { inputTokens: 1 } })).toMatch(
      new RegExp(String.raw`^${clock} info  request path=/v1/models status=200 usage=\{"inputTokens":1\}\n$`),
    );
  });

  test.each([
    [10, "trace"],
    [20, "debug"],
    [40, "warn "],
    [50, "error"],
    [60, "fatal"],
  ])("calls level %d '%s'", (level, name) => {
    expect(draw({ level, msg: "x" })).toMatch(new RegExp(`^${clock} ${name} x\n$`));
  });

  test("has the stack of an error below it", () => {
    expect(draw({ level: 50, msg: "run failed", err: { message: "no", stack: "Error: no\n    at here" } })).toMatch(
      new RegExp(`^${clock} error run failed\n {4}Error: no\n {8}at here\n$`),
    );
  });

  test("is one line of harmless text, whatever a caller sent", () => {
    const canary = 'a"b\\c \u001b[31mred\u009b2J\r\nnext\u2028line\u202eflip';
    const drawn = draw({ msg: canary, path: canary, err: { stack: canary } });
    // eslint-disable-next-line no-control-regex -- the point of it
    expect(drawn.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
    // Its own, and the error's two.
    expect(drawn.split("\n")).toHaveLength(4);
    expect(drawn).toContain('a"b\\c \\u001b[31mred\\u009b2J');
  });

  test("is passed on when it is no JSON", () => {
    expect(drawLine("not JSON\n", new PassThrough())).toBe("not JSON\n");
  });
});

(hasTerminal ? test : test.skip)("a gateway on a terminal draws its log there", async () => {
  const folder = await makeFolder();
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const config = join(folder, "openclaw.json");
  await writeFile(config, JSON.stringify({ channels: {} }));
  const port = String((taken.address() as AddressInfo).port);
  const { code, shown } = await runOnTerminal(["gateway", "--config", config, "--port", port], { output: join(folder, "stdout") });
  taken.close();
  expect(shown).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn {2}.*channels/m);
  expect(shown).not.toContain('{"level"');
  expect(code).toBe(1);
  expect(await readFile(join(folder, "stdout"), "utf8")).toBe("");
});
