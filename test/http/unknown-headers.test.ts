/** What the log says of headers that look like the gateway's own and are not. */
import { expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";

const lastRequest = (gateway: TestGateway) => gateway.log().findLast(({ msg }) => msg === "request");

test("a misspelt header is named, with the one that was meant, and nobody reads what it says", async () => {
  const gateway = await startGateway();
  const headers = { "x-openclaw-sesion-key": "my-secret-session", "X-OpenClaw-Agent": "beta", "x-openclaw-session_key": "s" };
  const response = await gateway.chat(say("hi"), headers);
  expect(response.status).toBe(200);
  await response.text();
  expect(lastRequest(gateway)?.["ignoredHeaders"]).toEqual([
    "x-openclaw-sesion-key: did you mean x-openclaw-session-key?",
    "x-openclaw-agent",
    "x-openclaw-session?key: did you mean x-openclaw-session-key?",
  ]);
  expect(gateway.logText()).not.toContain("my-secret-session");
});

test("headers that mean something are not named, be it only by the config, nor are other people's", async () => {
  const gateway = await startGateway({
    gateway: { http: { endpoints: { chatCompletions: { enabled: true, sessionHeader: "X-OpenClaw-Chat" } } } },
  });
  const headers = { "x-openclaw-session-key": "s", "x-openclaw-events": "true", "x-openclaw-chat": "c", "x-stainless-lang": "js" };
  await (await gateway.get("/v1/models", { ...headers, authorization: `Bearer ${gateway.program.config.gateway.auth.secret}` })).text();
  expect(lastRequest(gateway)).toMatchObject({ status: 200 });
  expect(lastRequest(gateway)).not.toHaveProperty("ignoredHeaders");
});

test("no caller fills the log with them", async () => {
  const gateway = await startGateway();
  const names = Array.from({ length: 9 }, (_, n) => `x-openclaw-${n}${"z".repeat(200)}`);
  await (await gateway.get("/v1/models", Object.fromEntries(names.map((name) => [name, "x"])))).text();
  expect(lastRequest(gateway)?.["ignoredHeaders"]).toEqual(names.slice(0, 5).map((name) => name.slice(0, 64)));
});
