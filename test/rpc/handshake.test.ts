/** Who gets in over WebSocket, on which terms, and what the others are told before the connection ends. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { methods } from "../../generated/rpc.ts";
import { startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { type ConnectOptions, RpcClient, RpcFailure, testClient } from "../support/rpc-client.ts";

const laptop = "canary-laptop-secret";
const page = "https://chat.example.org";

let gateway: TestGateway;

const withAuth = (auth: object, more: object = {}) => ({
  gateway: { port: 0, auth, http: { endpoints: { chatCompletions: { enabled: true } }, cors: { origins: [page] } }, ...more },
});

beforeAll(async () => {
  const tokens = [
    { name: "laptop", token: laptop, agents: ["beta"] },
    { name: "old", token: "canary-old-secret", expiresAt: "2020-01-01" },
  ];
  gateway = await startGateway(withAuth({ mode: "token", token: testToken, tokens }));
});

afterAll(() => {
  expect([testToken, laptop, "canary-wrong"].filter((secret) => gateway.logText().includes(secret))).toEqual([]);
});

/** Why `connect` was refused, after the connection has ended as it should. */
async function refusalOf(options: ConnectOptions = {}, url = gateway.url): Promise<RpcFailure> {
  const { auth = { token: testToken }, params = {}, socket = {} } = options;
  const client = new RpcClient(url, socket);
  await client.challenge();
  const failure = await client.greet({ auth, ...params }).catch((thrown: unknown) => thrown);
  expect(failure).toBeInstanceOf(RpcFailure);
  expect(await client.closed).toEqual({ code: 1008, reason: "connect failed" });
  return failure as RpcFailure;
}

describe("a client that says connect as it should", () => {
  test("is told what works, and nothing else", async () => {
    const client = await RpcClient.connect(gateway.url);
    expect(client.hello).toMatchObject({
      type: "hello-ok",
      protocol: 4,
      server: { version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
      snapshot: { presence: [], authMode: "token", sessionDefaults: { defaultAgentId: "main", mainSessionKey: "agent:main:main" } },
      auth: { role: "operator", scopes: ["operator.admin"] },
      policy: { maxPayload: 20 * 1024 * 1024, tickIntervalMs: 30_000 },
    });
    const { methods: names } = client.hello.features;
    expect(names).toHaveLength(15);
    const withoutParams = ["health", "status", "agents.list", "models.list", "sessions.list"];
    // Each of them is known: what is wrong with an empty request is its parameters, if anything.
    for (const method of names) {
      if (!withoutParams.includes(method)) expect((await client.refusal(method, {})).detail).toBe("missing_required_parameter");
      else await client.request(method as keyof methods, {});
    }
    expect(client.hello.features.events).toEqual(["connect.challenge", "agent", "chat", "tick", "shutdown"]);
    await client.close();
  });

  test("may speak other versions too", async () => {
    const client = await RpcClient.connect(gateway.url, { params: { minProtocol: 1, maxProtocol: 9 } });
    expect(client.hello.protocol).toBe(4);
  });

  test("is the token's principal, as over HTTP", async () => {
    const client = await RpcClient.connect(gateway.url, { auth: { token: laptop } });
    expect(await client.request("agents.list")).toMatchObject({ defaultId: "beta", agents: [{ id: "beta" }] });
    expect(client.hello.snapshot.sessionDefaults).toMatchObject({ defaultAgentId: "beta" });
  });

  test("may send the secret as a password too, or a password where one is asked for", async () => {
    await RpcClient.connect(gateway.url, { auth: { password: testToken } });
    const other = await startGateway(withAuth({ mode: "password", password: "open sesame" }));
    const client = await RpcClient.connect(other.url, { auth: { password: "open sesame" } });
    expect(client.hello.snapshot.authMode).toBe("password");
    expect(await refusalOf({ auth: { password: "wrong" } }, other.url)).toMatchObject({ detail: "AUTH_PASSWORD_MISMATCH" });
    expect(await refusalOf({ auth: {} }, other.url)).toMatchObject({ detail: "AUTH_PASSWORD_MISSING" });
  });

  test("needs no secret where the gateway asks for none", async () => {
    const open = await startGateway(withAuth({ mode: "none" }));
    expect((await RpcClient.connect(open.url, { auth: {} })).hello.snapshot.authMode).toBe("none");
  });

  test("gets no more than it asks for", async () => {
    const client = await RpcClient.connect(gateway.url, { params: { scopes: ["operator.read", "operator.pairing"] } });
    expect(client.hello.auth.scopes).toEqual(["operator.read"]);
    await client.request("agents.list");
    const refused = await client.refusal("agent", { message: "hi" });
    expect(refused).toMatchObject({ code: "FORBIDDEN", detail: "MISSING_SCOPE" });
    expect(refused.frame.error?.details).toMatchObject({ missingScope: "operator.write" });
    const writer = await RpcClient.connect(gateway.url, { params: { scopes: ["operator.write"] } });
    await writer.request("agent", { message: "hi" });
    await writer.request("agents.list");
    expect(await writer.refusal("sessions.delete", { key: "x" })).toMatchObject({
      detail: "MISSING_SCOPE",
    });
  });
});

describe("a secret", () => {
  test("that is wrong, missing or over is refused with what clients go by", async () => {
    const wrong = await refusalOf({ auth: { token: "canary-wrong" } });
    expect(wrong).toMatchObject({ code: "INVALID_REQUEST", detail: "AUTH_TOKEN_MISMATCH" });
    expect(wrong.message).toBe("The secret that was sent is wrong. Send the gateway's token as 'auth.token' of connect.");
    expect(await refusalOf({ auth: {} })).toMatchObject({ detail: "AUTH_TOKEN_MISSING" });
    const old = await refusalOf({ auth: { token: "canary-old-secret" } });
    expect(old.message).toContain("expired");
    expect(await refusalOf({ auth: { token: "from elsewhere", deviceToken: "from elsewhere" } })).toMatchObject({
      detail: "AUTH_DEVICE_TOKEN_MISMATCH",
    });
    expect(await refusalOf({ auth: { bootstrapToken: "x" } })).toMatchObject({ detail: "AUTH_BOOTSTRAP_TOKEN_INVALID" });
  });

  test("is counted together with those over HTTP, for one client address behind trusted proxies", async () => {
    const rateLimit = { maxAttempts: 2, lockoutMs: 60_000 };
    const limited = await startGateway(withAuth({ mode: "token", token: testToken, rateLimit }, { trustedProxies: ["127.0.0.1"] }));
    const from = (address: string) => ({ "x-forwarded-for": address });
    const http = await limited.get("/v1/models", { ...from("203.0.113.7"), authorization: "Bearer canary-wrong" });
    expect(http.status).toBe(401);
    const socket = { headers: from("203.0.113.7") };
    expect(await refusalOf({ auth: { token: "canary-wrong" }, socket }, limited.url)).toMatchObject({ detail: "AUTH_TOKEN_MISMATCH" });
    const locked = await refusalOf({ socket }, limited.url);
    expect(locked).toMatchObject({ code: "UNAVAILABLE", detail: "AUTH_RATE_LIMITED" });
    expect(locked.frame.error).toMatchObject({ retryable: true });
    expect(locked.frame.error.retryAfterMs).toBeGreaterThan(0);
    expect((await limited.get("/v1/models", from("203.0.113.7"))).status).toBe(429);
    await RpcClient.connect(limited.url, { socket: { headers: from("203.0.113.8") } });
  });
});

describe("what is refused besides", () => {
  test("another protocol, with the one there is", async () => {
    const refused = await refusalOf({ params: { minProtocol: 1, maxProtocol: 3 } });
    expect(refused.detail).toBe("PROTOCOL_MISMATCH");
    expect(refused.message).toMatch(/protocol mismatch/i);
    expect(refused.frame.error?.details).toMatchObject({ expectedProtocol: 4 });
    expect(await refusalOf({ params: { minProtocol: 5, maxProtocol: 6 } })).toMatchObject({ detail: "PROTOCOL_MISMATCH" });
  });

  test("scopes that mean nothing here, where there are no others", async () => {
    const refused = await refusalOf({ params: { scopes: ["chat", "operator.pairing"] } });
    expect(refused).toMatchObject({ code: "INVALID_REQUEST", detail: "invalid_value" });
    expect(refused.message).toBe(
      "None of these scopes is known here. Ask for operator.read, operator.write or operator.admin, or leave 'scopes' out.",
    );
    expect(refused.frame.error.details.param).toBe("scopes");
  });

  test("another role, before the secret is looked at", async () => {
    expect(await refusalOf({ auth: {}, params: { role: "node" } })).toMatchObject({ detail: "ROLE_NOT_SUPPORTED" });
  });

  test("nothing that a client calls itself begins a line of the log", async () => {
    const name = 'x\r\n{"level":60,"msg":"forged"}\u2028\u001b[31m';
    await RpcClient.connect(gateway.url, { params: { client: { ...testClient, id: name.slice(0, 128), mode: "a\nb" } } });
    expect(gateway.logText()).not.toMatch(/^\{"level":60/m);
    // Every line is one object.
    expect(gateway.log().some(({ msg, client }) => msg === "websocket connected" && client === name)).toBe(true);
  });

  test("parameters that the contract does not have, in the words clients look for", async () => {
    const refused = await refusalOf({ auth: { token: testToken, approvalRuntimeToken: "x" } });
    expect(refused.message.toLowerCase()).toMatch(/invalid connect params.*approvalruntimetoken/);
    expect(refused).toMatchObject({ code: "INVALID_REQUEST", detail: "unsupported_parameter" });
    expect(await refusalOf({ params: { client: { ...testClient, mode: 7 } } })).toMatchObject({ detail: "invalid_type" });
  });

  test("web pages, but for those of listed origins and of the gateway's own address", async () => {
    const from = (origin: string) => ({ socket: { headers: { origin } } });
    expect(await refusalOf(from("https://evil.example"))).toMatchObject({ code: "FORBIDDEN", detail: "CONTROL_UI_ORIGIN_NOT_ALLOWED" });
    const { host } = new URL(gateway.url);
    const others = [
      "null",
      "",
      page.replace("https", "http"),
      `${page}:8443`,
      `${page}.`,
      `${page}.evil.example`,
      `https://evil.example/${page}`,
      `http://${host}.evil.example`,
      `http://${host}@evil.example`,
      `http://localhost.evil.example:${new URL(gateway.url).port}`,
      `http://127.0.0.1:1`,
      `${page}, ${page}`,
    ];
    for (const origin of others) {
      expect({ origin, ...(await refusalOf(from(origin))) }).toMatchObject({ origin, frame: { error: { code: "FORBIDDEN" } } });
    }
    await RpcClient.connect(gateway.url, from(page));
    await RpcClient.connect(gateway.url, from(gateway.url));
    // Behind a proxy that speaks TLS, the address is the same and the scheme is not.
    await RpcClient.connect(gateway.url, { socket: { headers: { host: "claw.example", origin: "https://claw.example" } } });
  });

  test("and where no secret is asked for, names that only lead here", async () => {
    const open = await startGateway(withAuth({ mode: "none" }));
    const rebound = { auth: {}, socket: { headers: { host: "evil.example", origin: "http://evil.example" } } };
    expect(await refusalOf(rebound, open.url)).toMatchObject({ detail: "CONTROL_UI_ORIGIN_NOT_ALLOWED" });
    await RpcClient.connect(open.url, { auth: {}, socket: { headers: { origin: open.url } } });
  });
});

interface Signing {
  readonly nonce?: string;
  readonly signedAt?: number;
  readonly id?: string;
  readonly publicKey?: string;
  readonly version?: "v2" | "v3";
  readonly by?: KeyObject;
  readonly token?: string;
}

/** Connects with a device, signed as OpenClaw's clients do it. */
async function connectAsDevice(signing: Signing = {}): Promise<RpcClient | RpcFailure> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x!, "base64url");
  const client = new RpcClient(gateway.url);
  const challenge = await client.challenge();
  const { nonce = challenge.nonce, signedAt = challenge.ts, version = "v3", by = privateKey, token = testToken } = signing;
  const id = signing.id ?? createHash("sha256").update(raw).digest("hex");
  const scopes = ["operator.read", "operator.write"];
  const said = [version, id, testClient.id, testClient.mode, "operator", scopes.join(","), signedAt, token, nonce];
  const text = [...said, ...(version === "v3" ? ["linux", ""] : [])].join("|");
  const device = {
    id,
    publicKey: signing.publicKey ?? raw.toString("base64url"),
    signature: sign(null, Buffer.from(text), by).toString("base64url"),
    signedAt,
    nonce,
  };
  const params = { auth: { token: testToken }, scopes, role: "operator", client: { ...testClient, platform: "Linux" }, device };
  try {
    await client.greet(params);
    return client;
  } catch (thrown) {
    return thrown as RpcFailure;
  }
}

describe("a device", () => {
  test.each(["v2", "v3"] as const)("that signed as it should (%s) gets in, and no token of its own", async (version) => {
    const client = await connectAsDevice({ version });
    expect(client).toBeInstanceOf(RpcClient);
    expect((client as RpcClient).hello.auth).toEqual({ role: "operator", scopes: ["operator.read", "operator.write"] });
  });

  test.each<[string, Signing, string]>([
    ["signed by another key", { by: generateKeyPairSync("ed25519").privateKey }, "DEVICE_AUTH_SIGNATURE_INVALID"],
    ["signed for another token", { token: "other" }, "DEVICE_AUTH_SIGNATURE_INVALID"],
    ["signed for another challenge", { nonce: "of yesterday" }, "DEVICE_AUTH_NONCE_MISMATCH"],
    ["signed long ago", { signedAt: Date.now() - 600_000 }, "DEVICE_AUTH_SIGNATURE_EXPIRED"],
    ["named by another key", { id: "ab".repeat(32) }, "DEVICE_AUTH_DEVICE_ID_MISMATCH"],
    ["without a key", { publicKey: "AAAA" }, "DEVICE_AUTH_PUBLIC_KEY_INVALID"],
  ])("%s is refused, whatever the token", async (_name, signing, detail) => {
    expect(await connectAsDevice(signing)).toMatchObject({ detail });
  });
});

describe("before hello-ok", () => {
  const limits = { handshakeMs: 200, closeMs: 100 };
  let short: TestGateway;

  beforeAll(async () => {
    short = await startGateway(withAuth({ mode: "token", token: testToken }), { rpcLimits: limits });
  });

  test("whoever does not say connect in time is shut out", async () => {
    const client = new RpcClient(short.url);
    await client.challenge();
    expect(await client.closed).toEqual({ code: 1008, reason: "connect timeout" });
    const slow = await RpcClient.connect(short.url);
    await slow.request("health");
    expect(await Promise.race([slow.closed, new Promise((resolve) => setTimeout(() => resolve("open"), 400))])).toBe("open");
  });

  test("nothing else may be asked", async () => {
    const client = new RpcClient(gateway.url);
    await client.challenge();
    const refused = await client.refusal("health");
    expect(refused).toMatchObject({ code: "INVALID_REQUEST", detail: "CONNECT_REQUIRED" });
    expect(await client.closed).toEqual({ code: 1008, reason: "connect required" });
  });

  test("what is sent right behind connect is looked at after it, and only if it is let in", async () => {
    const client = new RpcClient(gateway.url);
    await client.challenge();
    const greeting = client.greet({ auth: { token: testToken } });
    expect(await client.request("health")).toMatchObject({ ok: true });
    await greeting;
    const stranger = new RpcClient(gateway.url);
    await stranger.challenge();
    const refused = stranger.greet({ auth: { token: "canary-wrong" } }).catch((thrown: unknown) => thrown);
    await expect(stranger.request("health")).rejects.toThrow("closed with 1008 connect failed");
    expect(await refused).toMatchObject({ detail: "AUTH_TOKEN_MISMATCH" });
  });

  test("two hundred connections that say nothing are all shut out, and nothing is left of them", async () => {
    const crowded = await startGateway({}, { rpcLimits: { handshakeMs: 2_000, closeMs: 100 } });
    const silent = Array.from({ length: 200 }, () => new RpcClient(crowded.url));
    const client = await RpcClient.connect(crowded.url);
    const ends = await Promise.all(silent.map(({ closed }) => closed));
    expect(ends.every(({ code }) => code === 1008)).toBe(true);
    while ((await client.request("status")).connections > 1) await new Promise((resolve) => setImmediate(resolve));
  });

  test("64 KiB are read, and no more, in one frame or in many pieces", async () => {
    const long = new RpcClient(short.url);
    await long.challenge();
    long.socket.send(JSON.stringify({ type: "req", id: "1", method: "connect", params: { userAgent: "x".repeat(64 * 1024) } }));
    expect(await long.closed).toEqual({ code: 1009, reason: "too large before connect" });
    const endless = new RpcClient(short.url);
    await endless.challenge();
    for (let piece = 0; piece < 200; piece++) endless.socket.send("x".repeat(1024), { fin: false });
    expect(await endless.closed).toMatchObject({ code: 1009 });
    const just = await RpcClient.connect(short.url, { params: { userAgent: "x".repeat(60 * 1024) } });
    await just.request("health");
  });

  test("connect is said once", async () => {
    const client = await RpcClient.connect(gateway.url);
    const again = await client
      .request("connect", { minProtocol: 4, maxProtocol: 4, client: testClient })
      .catch((thrown: unknown) => thrown);
    expect(again).toMatchObject({ code: "INVALID_REQUEST", detail: "ALREADY_CONNECTED" });
    await client.request("health");
  });
});
