/** What one reply of a provider may cost: calls, time, memory, and what of it reaches the log. */
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { ModelCatalog, ModelEvent } from "../../src/domain/model.ts";
import { openModelCatalog } from "../../src/model/catalog.ts";
import { ProviderErrors } from "../../src/model/provider-errors.ts";
import { ToolCallAssembler } from "../../src/model/openai-tool-calls.ts";
import { startStubUpstream, type StubScriptOf, type StubUpstream } from "../support/stub-upstream.ts";
import { ask, failureOf, provider } from "./conversation.ts";

let stub: StubUpstream;
let catalog: ModelCatalog;
beforeEach(async () => {
  stub = await startStubUpstream();
  catalog = openModelCatalog([provider(stub.url)]);
});
afterEach(async () => {
  await catalog.close();
  await stub.close();
});

const askStub = (script: StubScriptOf) => {
  stub.reply(script);
  return ask(catalog.find("stub/m")!, "Hi");
};
const chunk = (delta: object, finish_reason: string | null = null) => ({ choices: [{ index: 0, delta, finish_reason }] });
const calls = (count: number) => Array.from({ length: count }, (_, index) => ({ index, id: `c${index}`, function: { name: "f" } }));
const assembler = (events: ModelEvent[] = []) => new ToolCallAssembler(events, new ProviderErrors(provider("http://h")));

describe("the tool calls of one reply", () => {
  test("may be 256", async () => {
    expect((await askStub({ frames: [chunk({ tool_calls: calls(256) }, "tool_calls")] })).calls).toHaveLength(256);
  });

  test.each<[string, StubScriptOf]>([
    ["in one frame", { frames: [chunk({ tool_calls: calls(30_000) })], ending: "hang" }],
    ["one by one", { frames: calls(257).map((one) => chunk({ tool_calls: [one] })), ending: "hang" }],
    ["without names", { frames: [chunk({ tool_calls: calls(257).map(({ index }) => ({ index })) })], ending: "hang" }],
  ])("are an error when there are more, %s, and the connection is closed", async (_how, script) => {
    expect(await failureOf(askStub(script))).toMatchObject({
      code: "upstream_error",
      message: "The model provider 'stub' made more than 256 tool calls in one reply.",
    });
    await stub.waitForAbort();
  });

  test("are an error when they are more in a reply that comes whole", async () => {
    const toolCalls = Array.from({ length: 257 }, () => ({ name: "f" }));
    expect((await failureOf(askStub({ toolCalls, whole: true }))).message).toContain("more than 256 tool calls");
  });

  test("are an error when their arguments go on and on without a name", async () => {
    const piece = chunk({ tool_calls: [{ index: 0, function: { arguments: "x".repeat(100_000) } }] });
    const script: StubScriptOf = { frames: Array<object>(12).fill(piece), ending: "hang" };
    expect(await failureOf(askStub(script))).toMatchObject({
      code: "upstream_error",
      message: "The model provider 'stub' made a tool call without a name.",
    });
    await stub.waitForAbort();
  });
});

test("a name repeated in every one of very many pieces costs no more than the pieces", () => {
  const events: ModelEvent[] = [];
  const one = assembler(events);
  const start = performance.now();
  one.add([{ function: { name: "f", arguments: '{"a":[' } }], false);
  for (let n = 0; n < 200_000; n++)
    one.add([{ function: { name: "f", arguments: '{"b":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},{}' } }], false);
  expect(performance.now() - start).toBeLessThan(5000);
  expect(one.count).toBe(1);
  expect(events).toHaveLength(200_002);
});

test.each<[string, StubScriptOf]>([
  ["a frame", { frames: ["data: the secret prompt\n\n"] }],
  ["a body", { status: 200, headers: { "content-type": "application/json" }, body: "the secret prompt" }],
])("the error about %s that is not JSON quotes nothing of it, also not for the log", async (_what, script) => {
  const error = await failureOf(askStub(script));
  expect(error.message).toContain("that is not JSON");
  expect(error.cause).toBeUndefined();
  expect(inspect(error)).not.toContain("secret");
});
