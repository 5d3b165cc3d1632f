/** Who may read `GET /metrics`. What it says is test/telemetry/metrics.test.ts. */
import { describe, expect, test } from "@jest/globals";
import { isLocalCaller } from "../../src/http/local-caller.ts";
import { exchangeOf, expectError } from "../support/contract-check.ts";
import { startGateway, testToken } from "../support/gateway.ts";
import { parseExposition } from "../telemetry/exposition.ts";

const auth = { mode: "token", token: testToken };
const bearer = { authorization: `Bearer ${testToken}` };
const path = "/metrics";

describe("metrics", () => {
  test("are for whoever is on the gateway's machine, as text that Prometheus reads", async () => {
    const gateway = await startGateway();
    const reply = await fetch(gateway.url + path, { headers: { accept: "application/openmetrics-text;version=1.0.0,*/*;q=0.1" } });
    expect([reply.status, reply.headers.get("content-type")]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
    expect(parseExposition(await reply.text()).types.get("clawgate_runs_total")).toBe("counter");
  });

  test("have the head of GET with HEAD, and no body", async () => {
    const gateway = await startGateway();
    const reply = await fetch(gateway.url + path, { method: "HEAD" });
    expect([reply.status, reply.headers.get("content-type"), await reply.text()]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
      "",
    ]);
  });

  test("are there while the chat endpoint is disabled, and where no token is asked for", async () => {
    for (const gateway of [await startGateway({ gateway: { http: {} } }), await startGateway({ gateway: { auth: { mode: "none" } } })]) {
      expect((await fetch(gateway.url + path)).status).toBe(200);
      expect((await fetch(gateway.url + path, { method: "POST" })).status).toBe(405);
    }
  });

  test.each([
    { "x-forwarded-for": "203.0.113.7" },
    { "x-forwarded-for": "127.0.0.1" },
    { "x-forwarded-proto": "https" },
    { forwarded: "for=203.0.113.7" },
    { "x-real-ip": "127.0.0.1" },
    { via: "1.1 proxy" },
  ])("need a token from behind something on the gateway's machine that forwards: %j", async (headers) => {
    const gateway = await startGateway();
    expectError(await exchangeOf(await fetch(gateway.url + path, { headers })), { status: 401, code: "invalid_api_key", param: null });
    expect((await fetch(gateway.url + path, { headers: { ...headers, ...bearer } })).status).toBe(200);
  });

  test.each(["203.0.113.7", "127.0.0.1", "127.0.0.1, 203.0.113.7"])(
    "need a token from behind a proxy that is trusted, whoever it speaks for: %s",
    async (client) => {
      const gateway = await startGateway({
        gateway: { auth, trustedProxies: ["127.0.0.1"], http: { endpoints: { chatCompletions: { enabled: true } } } },
      });
      expect((await fetch(gateway.url + path)).status).toBe(200);
      const headers = { "x-forwarded-for": client };
      expectError(await exchangeOf(await fetch(gateway.url + path, { headers })), { status: 401, code: "invalid_api_key" });
      expect((await fetch(gateway.url + path, { headers: { ...headers, ...bearer } })).status).toBe(200);
    },
  );

  test("are refused to a wrong secret even on the gateway's machine, and it counts as a failed login", async () => {
    const gateway = await startGateway({ gateway: { auth: { ...auth, rateLimit: { maxAttempts: 1, exemptLoopback: false } } } });
    const wrong = { authorization: "Bearer wrong" };
    expectError(await exchangeOf(await fetch(gateway.url + path, { headers: wrong })), { status: 401, code: "invalid_api_key" });
    expectError(await exchangeOf(await fetch(gateway.url + path, { headers: bearer })), { status: 429, code: "too_many_failed_logins" });
  });

  test("are for a named token that may use everything, and for no other", async () => {
    const tokens = [
      { name: "prometheus", token: "token-of-prometheus" },
      { name: "laptop", token: "token-of-a-laptop", agents: ["main"] },
      { name: "desktop", token: "token-of-a-desktop", models: ["builtin/offline"] },
    ];
    const gateway = await startGateway({ gateway: { auth: { ...auth, tokens } } });
    const ask = async (token: string) => exchangeOf(await fetch(gateway.url + path, { headers: { authorization: `Bearer ${token}` } }));
    expect((await ask("token-of-prometheus")).status).toBe(200);
    expectError(await ask("token-of-a-laptop"), { status: 403, code: "agent_not_allowed", param: null });
    expectError(await ask("token-of-a-desktop"), { status: 403, code: "model_not_allowed", param: null });
  });
});

describe("a caller is on the gateway's machine", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1:18789"],
    ["127.8.9.10", "localhost"],
    ["::1", "[::1]:18789"],
    ["::ffff:127.0.0.1", "LOCALHOST:18789"],
  ])("at %s, when it asks %s", (address, host) => {
    expect(isLocalCaller({ host }, address)).toBe(true);
  });

  test.each([
    ["192.168.0.7", "127.0.0.1:18789"],
    ["::ffff:192.168.0.7", "localhost:18789"],
    ["unknown", "localhost:18789"],
    ["127.0.0.1", "rebound.example.org:18789"],
    ["127.0.0.1", "localhost.example.org"],
    ["127.0.0.1", "192.168.0.7:18789"],
    ["127.0.0.1", ""],
  ])("but not at %s, when it asks %j", (address, host) => {
    expect(isLocalCaller({ host }, address)).toBe(false);
  });
});
