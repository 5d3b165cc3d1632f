/** How the agent's own tools are called: checked first, and whatever goes wrong becomes a result that the model can read. */
import { describe, expect, test } from "@jest/globals";
import type { AgentToolPolicy } from "../../src/domain/agent.ts";
import type { ToolCall } from "../../src/domain/message.ts";
import type { JsonObject } from "../../src/domain/model.ts";
import type { Tool, ToolContext } from "../../src/domain/tool.ts";
import { AgentTools, type ToolOutcome } from "../../src/runtime/agent-tools.ts";
import { agentWith, contextOf } from "./tool-context.ts";

const everything = ["calculator", "current_time", "memory_save", "memory_recall", "http_fetch"];
const main = agentWith({ allow: everything });
const idle = new AbortController().signal;
const call = (name: string, text: string): ToolCall => ({ id: "call_1", name, arguments: text });

async function ask(name: string, text: string, context: ToolContext = contextOf(main)): Promise<ToolOutcome> {
  return (await new AgentTools().open(context.agent, idle)).call(call(name, text), context);
}

/** Calls a tool `x` that does this, once. */
async function askTool(
  execute: Tool["execute"],
  more: { policy?: Partial<AgentToolPolicy>; signal?: AbortSignal; parameters?: JsonObject } = {},
) {
  const agent = agentWith({ allow: ["x"], ...more.policy });
  const tool: Tool = { definition: { name: "x", ...(more.parameters ? { parameters: more.parameters } : {}) }, execute };
  const set = await new AgentTools([tool]).open(agent, idle);
  return set.call(call("x", "{}"), contextOf(agent, more.signal));
}

test("there are five tools, and what their models see is a JSON Schema that allows nothing else", async () => {
  const { definitions } = await new AgentTools().open(main, idle);
  expect(definitions.map(({ name }) => name)).toEqual(everything);
  for (const { description, parameters } of definitions) {
    expect(description).toMatch(/\.$/);
    expect(parameters).toMatchObject({ type: "object", additionalProperties: false });
  }
});

test("an agent has the tools it is allowed and no other, whatever the order it names them in", async () => {
  const { definitions } = await new AgentTools().open(agentWith({ allow: ["memory_save", "calculator", "no_such"] }), idle);
  expect(definitions.map(({ name }) => name)).toEqual(["calculator", "memory_save"]);
  expect((await new AgentTools().open(agentWith(), idle)).definitions).toEqual([]);
});

test("a calculation, the time and what was remembered are plain text", async () => {
  const context = contextOf(main);
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
  const few = agentWith({ allow: ["calculator"] });
  for (const name of ["memory_recall", "shell", "constructor", "__proto__", ""]) {
    expect(await ask(name, "{}", contextOf(few))).toEqual({
      content: `Error: There is no tool named '${name}'. Tools: calculator.`,
      isError: true,
    });
  }
  expect((await ask("x", "{}", contextOf(agentWith()))).content).toBe("Error: There is no tool named 'x'. Tools: none.");
});

describe("a tool that throws", () => {
  const throws = (thrown: unknown) => (): Promise<string> => {
    throw thrown;
  };

  test("gives its message as the result", async () => {
    expect(await askTool(throws(new Error("The disk is full.")))).toEqual({ content: "Error: The disk is full.", isError: true });
    expect(await askTool(() => Promise.reject(new Error("Later.")))).toEqual({ content: "Error: Later.", isError: true });
  });

  test("gives what it threw when that is no error", async () => {
    expect(await askTool(throws("just words"))).toEqual({ content: "Error: just words", isError: true });
  });

  test("after an abort ends the run instead", async () => {
    const reason = new Error("stopped");
    await expect(askTool(throws(new Error("whatever")), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("a tool that takes too long", () => {
  test("is stopped by its own signal, and the result says after how long", async () => {
    let reason: unknown;
    const outcome = await askTool(
      (_args, { signal }) => new Promise(() => signal.addEventListener("abort", () => void (reason = signal.reason))),
      { policy: { timeoutMs: 20 } },
    );
    expect(outcome).toEqual({ content: "Error: The tool did not finish within 20 ms and was stopped.", isError: true });
    expect(reason).toBeInstanceOf(Error);
  });

  test("is not waited for even when it does not listen, and may fail later without harm", async () => {
    let fail = (_error: Error): void => undefined;
    const outcome = await askTool(() => new Promise((_resolve, reject) => void (fail = reject)), { policy: { timeoutMs: 1 } });
    expect(outcome).toMatchObject({ isError: true });
    fail(new Error("too late"));
  });

  test("ends the run with the run's reason when that was first", async () => {
    const stop = new AbortController();
    const asked = askTool(
      () => {
        stop.abort(new Error("the caller left"));
        return new Promise(() => undefined);
      },
      { signal: stop.signal },
    );
    await expect(asked).rejects.toThrow("the caller left");
  });

  test("no longer hears of the run once it is over", async () => {
    const stop = new AbortController();
    let own: AbortSignal | undefined;
    await askTool(
      (_args, { signal }) => {
        own = signal;
        return Promise.resolve("done");
      },
      { signal: stop.signal },
    );
    stop.abort();
    expect(own?.aborted).toBe(false);
  });
});

describe("a long result", () => {
  const say = (text: string, maxOutputBytes: number) => askTool(() => Promise.resolve(text), { policy: { maxOutputBytes } });

  test("is cut at the limit, and says so", async () => {
    const { content, isError } = await say("x".repeat(1000), 256);
    expect(content).toMatch(/^x+\n\[Cut: the result has 1000 bytes, of which the first ones up to the limit of 256 are shown\.\]$/);
    expect(Buffer.byteLength(content)).toBe(256);
    expect(isError).toBe(false);
  });

  test.each(["가", "é", "👩", "a👩"])("is cut between two characters: %s", async (character) => {
    for (let limit = 256; limit < 262; limit++) {
      const { content } = await say(character.repeat(500), limit);
      expect(Buffer.byteLength(content)).toBeLessThanOrEqual(limit);
      expect(Buffer.byteLength(content)).toBeGreaterThan(limit - 5);
      expect(content).not.toContain("\ufffd");
    }
  });

  test("that just fits is left as it is", async () => {
    expect((await say("é".repeat(128), 256)).content).toBe("é".repeat(128));
  });

  test("of a tool that failed is cut too", async () => {
    const { content } = await askTool(() => Promise.reject(new Error("y".repeat(1000))), { policy: { maxOutputBytes: 256 } });
    expect(Buffer.byteLength(content)).toBe(256);
  });
});

test("a schema that cannot be compiled checks nothing, and one of an older draft is read as such", async () => {
  const done = (): Promise<string> => Promise.resolve("done");
  expect(await askTool(done, { parameters: { type: "nonsense" } })).toMatchObject({ content: "done" });
  expect(await askTool(done, { parameters: { $ref: "https://schemas.example.org/none" } })).toMatchObject({ content: "done" });
  const draft7 = {
    $schema: "http://json-schema.org/draft-07/schema#",
    properties: { a: { items: [{ type: "string" }] } },
    required: ["a"],
  };
  expect(await askTool(done, { parameters: draft7 })).toMatchObject({ isError: true });
});
