/** The names under which models see an MCP server's tools: ones that every provider takes, and no two alike. */
import { expect, test } from "@jest/globals";
import { describeTools } from "../../src/runtime/mcp-tools.ts";

const namesOf = (...tools: string[]): [string, string][] =>
  describeTools(
    "files",
    tools.map((name) => ({ name, inputSchema: { type: "object" as const } })),
  ).map(({ tool, definition }) => [definition.name, tool]);

test("a name of letters, digits, - and _ stays as it is", () => {
  expect(namesOf("read-file_2")).toEqual([["files__read-file_2", "read-file_2"]]);
});

test("other characters become _, and names that are alike then are told apart by a hash", () => {
  const [first, second, third] = namesOf("a.b", "a/b", "가");
  expect(first).toEqual(["files__a_b", "a.b"]);
  expect(second).toEqual([expect.stringMatching(/^files__a_b_[0-9a-f]{8}$/), "a/b"]);
  expect(third).toEqual(["files___", "가"]);
});

test("a long name is cut to 64 characters, ends in a hash, and is the same every time", () => {
  const long = "x".repeat(100);
  const [first, second] = namesOf(`${long}1`, `${long}2`);
  expect(first?.[0]).toMatch(/^files__x{48}_[0-9a-f]{8}$/);
  expect(first?.[0]).toHaveLength(64);
  expect(second?.[0]).not.toBe(first?.[0]);
  expect(namesOf(`${long}2`)).toEqual([second]);
});

test("a tool that is listed twice is one, and one that can only run in the background is none", () => {
  expect(namesOf("a", "b", "a")).toEqual([
    ["files__a", "a"],
    ["files__b", "b"],
  ]);
  const inputSchema = { type: "object" as const };
  const listed = [
    { name: "slow", inputSchema, execution: { taskSupport: "required" as const } },
    { name: "either", inputSchema, execution: { taskSupport: "optional" as const } },
  ];
  expect(describeTools("files", listed).map(({ tool }) => tool)).toEqual(["either"]);
});

test("what has no description is described by its title", () => {
  const inputSchema = { type: "object" as const };
  const listed = [
    { name: "a", inputSchema, description: "Does it.", title: "A" },
    { name: "b", inputSchema, title: "B" },
    { name: "c", inputSchema, annotations: { title: "C" } },
    { name: "d", inputSchema },
  ];
  expect(describeTools("files", listed).map(({ definition }) => definition.description)).toEqual(["Does it.", "B", "C", undefined]);
});
