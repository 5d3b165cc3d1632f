/** Tools whose schema is their server's: one that costs too much to check, or lies about what it is, harms nobody. */
import { afterAll, describe, expect, test } from "@jest/globals";
import type { JsonObject } from "../../src/domain/model.ts";
import type { Tool } from "../../src/domain/tool.ts";
import { AgentTools, type ToolOutcome } from "../../src/runtime/agent-tools.ts";
import { SchemaChecker } from "../../src/runtime/schema-checker.ts";
import { agentWith, contextOf } from "./tool-context.ts";

const schemas = new SchemaChecker();
afterAll(() => schemas.close());

function call(parameters: JsonObject, args: unknown): Promise<ToolOutcome> {
  return callWith(parameters, JSON.stringify(args));
}

async function callWith(parameters: JsonObject, text: string): Promise<ToolOutcome> {
  const agent = agentWith({ allow: ["x"] });
  const tool: Tool = { definition: { name: "x", parameters }, execute: () => Promise.resolve("done") };
  const { signal } = new AbortController();
  const set = await new AgentTools([tool], undefined, schemas).open(agent, signal);
  return set.call({ id: "call_1", name: "x", arguments: text }, contextOf(agent, signal));
}

const done = { content: "done", isError: false };

describe("a schema with patterns and references", () => {
  const path = {
    type: "object",
    properties: { path: { $ref: "#/$defs/path" } },
    $defs: { path: { type: "string", pattern: "^/[a-z]+$" } },
  };

  test("is held to", async () => {
    expect(await call(path, { path: "/srv" })).toEqual(done);
    expect(await call(path, { path: "srv" })).toEqual({
      content: `Error: The arguments are wrong: '/path' must match pattern "^/[a-z]+$".`,
      isError: true,
    });
  });

  test.each<[string, JsonObject, unknown]>([
    ["whose pattern takes for ever", { properties: { x: { type: "string", pattern: "^(a+)+$" } } }, { x: `${"a".repeat(40)}!` }],
    ["whose references double at each step", doubling(40), { a: 1 }],
    ["that refers to nothing", { properties: { x: { $ref: "#/$defs/none" } } }, { x: 1 }],
  ])("%s checks nothing, and the process goes on with its other work meanwhile", async (_what, schema, args) => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    expect(await call(schema, args)).toEqual(done);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });
});

test("a schema that says that it is asynchronous is not: what is wrong is told, and nothing is left to fail later", async () => {
  const schema = { $async: true, type: "object", required: ["x"] };
  expect(await call(schema, {})).toEqual(done);
});

test("arguments that are nested too deeply are refused before anybody reads them recursively", async () => {
  const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
  for (const schema of [{}, { properties: { a: { $ref: "#" } } }]) {
    for (const levels of [66, 20_000]) {
      const outcome = await callWith(schema, deep(levels));
      expect(outcome).toEqual({ content: "Error: The arguments are nested deeper than 64 levels.", isError: true });
    }
    expect(await callWith({}, deep(64))).toEqual(done);
  }
});

/** Each level asks the next one twice. */
function doubling(levels: number): JsonObject {
  const steps = Array.from({ length: levels }, (_, n) => [
    `d${n}`,
    { allOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
  ]);
  return { $ref: "#/$defs/d0", $defs: { ...(Object.fromEntries(steps) as JsonObject), [`d${levels}`]: true } };
}
