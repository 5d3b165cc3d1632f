/** What a terminal shows while a run works, and that a pipe sees nothing of it. */
import { spawnSync } from "node:child_process";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { drawProgress } from "../../src/cli/progress.ts";
import { canAnimate } from "../../src/config/terminal.ts";
import type { RunEvent } from "../../src/domain/run.ts";
import { runCli } from "../support/cli.ts";
import { makeFolder } from "../support/gateway.ts";

const toolCall: RunEvent = {
  type: "tool_start",
  call: { id: "call_1", name: "calculator", arguments: "{}" },
};
const text = (words: string): RunEvent => ({ type: "text_delta", text: words });
const end: RunEvent = { type: "run_end", status: "completed", finishReason: "stop", model: "builtin/offline", turns: 1 };

/** Everything written to one terminal, the text of the run in brackets; turns of the spinner left out. */
async function draw(events: readonly RunEvent[], isTextShown = true): Promise<string> {
  let shown = "";
  const terminal = new Writable({ write: (piece, _encoding, done) => ((shown += String(piece)), done()) });
  async function* played(): AsyncGenerator<RunEvent> {
    yield* await Promise.resolve(events);
  }
  for await (const event of drawProgress(played(), terminal, isTextShown)) {
    if (event.type === "text_delta") shown += `[${event.text}]`;
  }
  return shown.replaceAll("\r\x1b[K", "<").replaceAll(/<[^ ·\w<] (\w[\w ]*)(?=<)/g, "{$1}");
}

describe("progress", () => {
  test("is wiped before the text comes, and does not come again", async () => {
    expect(await draw([{ type: "run_queued" }, { type: "run_start" }, text("Hello, "), text("world."), end])).toBe(
      "{waiting for the session}<{thinking}<[Hello, ][world.]",
    );
  });

  test("has a line for each tool of the agent, on a line of its own", async () => {
    expect(await draw([{ type: "run_start" }, toolCall, text("So."), toolCall, text("\n\nDone.\n"), toolCall, end])).toBe(
      "{thinking}<· calculator\n{thinking}<[So.]\n· calculator\n{thinking}<[\n\nDone.\n]· calculator\n{thinking}<",
    );
  });

  test("begins no line for text that goes elsewhere", async () => {
    expect(await draw([text("So."), toolCall, end], false)).toBe("[So.]· calculator\n{thinking}<");
  });

  test("is wiped when nobody reads the run to its end", async () => {
    expect(await draw([{ type: "run_start" }])).toBe("{thinking}<");
  });

  test.each([
    [true, { isTTY: true }, {}],
    [false, {}, {}],
    [false, { isTTY: true }, { TERM: "dumb" }],
    [false, { isTTY: true }, { CI: "true" }],
  ])("is drawn: %p, on %p with %p", (expected, stream, env) => {
    expect(canAnimate(stream, env)).toBe(expected);
  });
});

const bin = fileURLToPath(new URL("../../bin/clawgate.js", import.meta.url));
const quickstart = fileURLToPath(new URL("../../examples/quickstart.json5", import.meta.url));
const hasTerminal = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;

/** On a terminal of util-linux's `script`, which merges stdout and stderr as a terminal does. */
async function onTerminal(command: string, env: { [name: string]: string } = {}): Promise<string> {
  const home = await makeFolder();
  const { stdout } = spawnSync("script", ["-qec", `'${process.execPath}' '${bin}' ${command}`, "/dev/null"], {
    cwd: home,
    env: { PATH: process.env["PATH"], HOME: home, TERM: "xterm-256color", CLAWGATE_OLLAMA: "off", OPENCLAW_GATEWAY_PORT: "0", ...env },
    encoding: "utf8",
  });
  return stdout;
}

(hasTerminal ? describe : describe.skip)("on a terminal", () => {
  test("a run shows its tools before its answer", async () => {
    const shown = await onTerminal(`agent --message 'What is 6 * 7?' --config '${quickstart}'`);
    expect(shown).toContain("thinking");
    expect(shown).toMatch(/· calculator[\s\S]*42/);
  });

  test("findings are coloured, but not with NO_COLOR", async () => {
    expect(await onTerminal("config check")).toContain("\x1b[32mok");
    expect(await onTerminal("config check", { NO_COLOR: "1" })).not.toContain("\x1b");
  });
});

test("in a pipe there is only the answer", async () => {
  const { stdout, stderr } = await runCli(["agent", "--message", "What is 6 * 7?"], { env: { TERM: "xterm-256color" } });
  expect(stderr).toBe("");
  for (const drawn of ["thinking", "\x1b"]) expect(stdout).not.toContain(drawn);
});
