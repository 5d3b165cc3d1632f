/** Every program of examples/, run as its users run it. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { onProvider } from "../faces/provider.ts";
import { startGateway, testToken, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { type ChildResult, root, runNode } from "./child.ts";

/** What each prints with the built-in offline model. */
const outputs: { readonly [name: string]: RegExp } = {
  abort: /^It began with “You”\.\nAborted\.\n$/,
  events: /^asking builtin\/offline\nusing calculator\nasking builtin\/offline\n6 \* 7 = 42\.\n2 turns, \d+ tokens\n$/,
  plain: /^6 \* 7 = 42\.\n$/,
  session: /^agent:main:민지의 수첩: I will remember that your city is Seoul\.\nagent:main:민지의 수첩: Your city is Seoul\.\n$/,
  stream: /^Hello! .*with OPENAI_API_KEY\.\n\(\d+ tokens, run [0-9a-f]+\)\n$/,
  structured: /^.*Seoul.*, .+\n$/,
  tools: /^get_weather\(Seoul\)\nThe tool get_weather answered: 21 °C, clear\n$/,
};

let gateway: TestGateway;
let stub: StubUpstream;

beforeAll(async () => {
  stub = await startStubUpstream();
  const { agents } = onProvider(stub.url, { model: "builtin/offline" });
  gateway = await startGateway({ agents: agents ?? {} });
});

afterAll(() => stub.close());

function runExample(name: string, { url }: { url: string }, token = testToken): Promise<ChildResult> {
  const env = { CLAWGATE_URL: url, CLAWGATE_TOKEN: token };
  return runNode(["--import", "tsx", join("examples", `${name}.ts`)], { cwd: root, env });
}

test("there is an output to check for every example", () => {
  const names = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts"));
  expect(names.map((name) => name.replace(/\.ts$/, "")).sort()).toEqual(Object.keys(outputs));
});

test.each(Object.entries(outputs))("%s says what it should", async (name, output) => {
  const result = await runExample(name, gateway);
  expect(result).toEqual({ code: 0, stdout: expect.stringMatching(output), stderr: "" });
});

test("the aborted example ends a run that would never have ended", async () => {
  stub.always({ text: "On and on. ", chunks: Infinity, gapMs: 5 });
  const endless = await startGateway(onProvider(stub.url));
  const result = await runExample("abort", endless);
  expect(result).toEqual({ code: 0, stdout: "It began with “On and on.”.\nAborted.\n", stderr: "" });
  await stub.waitForAbort();
});

test("the streamed example says why it was refused and fails", async () => {
  const { code, stdout, stderr } = await runExample("stream", gateway, "wrong");
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^invalid_api_key: /);
});
