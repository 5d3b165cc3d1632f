/** How the agent's own tools are called: checked first, and whatever goes wrong becomes a result that the model can read. */
import { describe, expect, test } from "@jest/globals";
import type { ToolCall } from "../../src/domain/message.ts";
import type { Tool, ToolContext } from "../../src/domain/tool.ts";
import { AgentTools } from "../../src/runtime/agent-tools.ts";

function contextOf(signal: AbortSignal = new AbortController().signal): ToolContext {
  const values = new Map<string, string>();
  return {
    signal,
    now: () => new Date("2026-01-31T09:30:00Z"),
    memory: {
      save: (name, value) => Promise.resolve(void values.set(name, value)),
      recall: () => Promise.resolve(values),
    },
  };
}

const tools = new AgentTools();
const call = (name: string, text: string): ToolCall => ({ id: "call_1", name, arguments: text });
const ask = (name: string, text: string, context = contextOf()) => tools.call(call(name, text), tools.names(), context);

test("there are four tools, and what their models see is a JSON Schema that allows nothing else", () => {
  expect(tools.names()).toEqual(["calculator", "current_time", "memory_save", "memory_recall"]);
  for (const { definition } of tools.pick(tools.names())) {
    expect(definition.description).toMatch(/\.$/);
    expect(definition.parameters).toMatchObject({ type: "object", additionalProperties: false });
  }
});

test("a calculation, the time and what was remembered are plain text", async () => {
  const context = contextOf();
  expect(await ask("calculator", '{"expression":"6 * 7"}')).toEqual({ content: "42", isError: false });
  expect(await ask("current_time", "{}", context)).toEqual({ content: "2026-01-31T09:30:00.000Z", isError: false });
  expect(await ask("memory_save", '{"name":"a","value":"1"}', context)).toEqual({ content: "Saved 'a'.", isError: false });
  expect(await ask("memory_save", '{"name":"__proto__","value":"2"}', context)).toEqual({ content: "Saved '__proto__'.", isError: false });
  expect(await ask("memory_recall", "{}", context)).toEqual({ content: '{"a":"1","__proto__":"2"}', isError: false });
});

test("no arguments at all are an empty object", async () => {
  expect(await ask("current_time", "")).toMatchObject({ isError: false });
  expect(await ask("current_time", "  ")).toMatchObject({ isError: false });
});

describe("a result says what was wrong with the arguments", () => {
  test.each([
    ["calculator", "not json", "The arguments are not a JSON object."],
    ["calculator", '{"expression":', "The arguments are not a JSON object."],
    ["calculator", "[]", "The arguments are not a JSON object."],
    ["calculator", "null", "The arguments are not a JSON object."],
    ["calculator", '"6*7"', "The arguments are not a JSON object."],
    ["calculator", "{}", "must have required property 'expression'"],
    ["calculator", '{"expression":42}', "expression must be string"],
    ["calculator", '{"expression":"1","precision":2}', "must NOT have additional properties"],
    ["calculator", JSON.stringify({ expression: "1".repeat(501) }), "expression must NOT have more than 500 characters"],
    ["calculator", `{"expression":"1","__proto__":{"x":1}}`, "must NOT have additional properties"],
    ["memory_save", '{"name":"","value":"x"}', "name must NOT have fewer than 1 characters"],
    ["memory_save", JSON.stringify({ name: "n", value: "v".repeat(16_385) }), "value must NOT have more than 16384 characters"],
    ["memory_recall", '{"name":"x"}', "must NOT have additional properties"],
  ])("%s %s", async (name, text, words) => {
    const { content, isError } = await ask(name, text);
    expect(isError).toBe(true);
    expect(content).toMatch(/^Error: /);
    expect(content).toContain(words);
  });
});

test("an expression nested as deeply as fits is calculated or refused, and nothing breaks", async () => {
  for (const text of ["(".repeat(500), "abs(".repeat(125), "-".repeat(500), "[".repeat(500), "1**".repeat(166)]) {
    expect(await ask("calculator", JSON.stringify({ expression: text }))).toMatchObject({ isError: true });
  }
});

test("a tool that the agent does not have is no tool, known or not", async () => {
  const allowed = ["calculator"];
  for (const name of ["memory_recall", "shell", "constructor", "__proto__", ""]) {
    expect(await tools.call(call(name, "{}"), allowed, contextOf())).toEqual({
      content: `Error: There is no tool named '${name}'. Tools: calculator.`,
      isError: true,
    });
  }
  expect((await tools.call(call("x", "{}"), [], contextOf())).content).toBe("Error: There is no tool named 'x'. Tools: none.");
});

describe("a tool that throws", () => {
  const throwing = (thrown: unknown): AgentTools => {
    const tool: Tool = {
      definition: { name: "broken" },
      execute: () => {
        throw thrown;
      },
    };
    return new AgentTools([tool]);
  };

  test("gives its message as the result", async () => {
    const outcome = await throwing(new Error("The disk is full.")).call(call("broken", "{}"), ["broken"], contextOf());
    expect(outcome).toEqual({ content: "Error: The disk is full.", isError: true });
  });

  test("gives what it threw when that is no error", async () => {
    const outcome = await throwing("just words").call(call("broken", "{}"), ["broken"], contextOf());
    expect(outcome).toEqual({ content: "Error: just words", isError: true });
  });

  test("after an abort ends the run instead", async () => {
    const reason = new Error("stopped");
    const stop = new AbortController();
    stop.abort(reason);
    await expect(throwing(new Error("whatever")).call(call("broken", "{}"), ["broken"], contextOf(stop.signal))).rejects.toBe(reason);
  });
});
