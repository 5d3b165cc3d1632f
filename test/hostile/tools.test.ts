/** A tool server that fails, throws, says no, dies or says nothing, seen through each face: a run whose tool fails is a run that goes on. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { fold } from "../faces/event-stream.ts";
import { mcpServerPath, startMcpGateway } from "../support/mcp.ts";
import { say, type TestGateway } from "../support/gateway.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { expectIdle } from "./support/unharmed.ts";

let stub: StubUpstream;
let gateway: TestGateway;
let client: RpcClient;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startMcpGateway(
    stub,
    { files: { command: process.execPath, args: [mcpServerPath] } },
    {
      allow: ["files__*"],
      timeoutMs: 3_000,
    },
  );
  client = await RpcClient.connect(gateway.url);
});

afterAll(async () => {
  await client.close();
  await gateway.close();
  await stub.close();
});

const faces: { readonly [face: string]: () => Promise<string> } = {
  "as JSON": async () => {
    const response = await gateway.chat(say("go"));
    const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
    return choices[0]!.message.content;
  },
  "as a stream": async () => fold(await (await gateway.chat(say("go", { stream: true }))).text()).text,
  "over WebSocket": async () => {
    const { payload } = await client.start("agent", { message: "go", idempotencyKey: crypto.randomUUID() }).final;
    return (payload as { result: { payloads: { text: string }[] } }).result.payloads[0]!.text;
  },
};

const failures: readonly (readonly [what: string, tool: string, told: RegExp])[] = [
  ["reports a failure", "fail", /The disk is full\./],
  ["throws", "throw", /It broke inside\./],
  ["dies in the middle of it", "die", /tool server 'files'/],
  ["has no such tool", "no_such_tool", /no_such_tool/],
];

describe.each(Object.keys(faces))("%s", (face) => {
  test.each(failures)(
    "a tool server that %s: the model is told, its answer arrives, and the next run has its tools",
    async (_what, tool, told) => {
      stub.reply({ toolCalls: [{ name: `files__${tool}`, arguments: "{}" }] }, { text: "Done." });
      expect(await faces[face]!()).toBe("Done.");
      expect(String(stub.requests.at(-1)!.body.messages.at(-1)!.content)).toMatch(told);
      stub.reply({ toolCalls: [{ name: "files__echo", arguments: JSON.stringify({ text: "well" }) }] }, { text: "Again." });
      expect(await faces[face]!()).toBe("Again.");
      expect(stub.requests.at(-1)!.body.messages.at(-1)!.content).toBe("well");
      expect(gateway.log().filter(({ level }) => Number(level) >= 50)).toEqual([]);
    },
  );

  test("a tool that never ends is given up after its time, the model is told, and its answer arrives", async () => {
    stub.reply({ toolCalls: [{ name: "files__hang", arguments: "{}" }] }, { text: "Without it." });
    const [others, answer] = await Promise.all([gateway.get("/healthz"), faces[face]!()]);
    expect([others.status, answer]).toEqual([200, "Without it."]);
    expect(String(stub.requests.at(-1)!.body.messages.at(-1)!.content)).toMatch(/3000|time/i);
    await expectIdle(gateway);
  });
});
