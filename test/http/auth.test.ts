/** Who gets in, who is told what, who is locked out; and that no secret ever reaches the log. */
import { afterAll, describe, expect, test } from "@jest/globals";
import { exchangeOf, expectError } from "../support/contract-check.ts";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { connectRaw, head, sendRaw } from "../support/raw-http.ts";

const refusal = { status: 401, code: "invalid_api_key", param: null };
const lockedOut = { status: 429, code: "too_many_failed_logins", param: null };

const started: TestGateway[] = [];
async function start(gateway: object, env: NodeJS.ProcessEnv = {}): Promise<TestGateway> {
  const opened = await startGateway({ gateway: gateway as { [key: string]: unknown } }, { env: { CLAWGATE_OLLAMA: "off", ...env } });
  started.push(opened);
  return opened;
}

/** Everything that was ever sent as a secret in this file, right or wrong. */
const secrets = new Set([testToken]);

/** The status of a GET with this secret, which is then looked for in the logs. */
async function statusWith(gateway: TestGateway, secret: string, headers: { [name: string]: string } = {}): Promise<number> {
  secrets.add(secret);
  return (await gateway.get("/v1/models", { authorization: `Bearer ${secret}`, ...headers })).status;
}

async function statusesWith(gateway: TestGateway, secret: string, forwarded: readonly string[]): Promise<number[]> {
  const statuses: number[] = [];
  for (const address of forwarded) statuses.push(await statusWith(gateway, secret, { "x-forwarded-for": address }));
  return statuses;
}

/** A gateway that locks out after this many wrong secrets, also on the loopback. */
function startLimited(maxAttempts: number, more: object = {}, others: object = {}): Promise<TestGateway> {
  return start({ auth: { mode: "token", token: testToken, rateLimit: { maxAttempts, exemptLoopback: false, ...more } }, ...others });
}

afterAll(() => {
  for (const gateway of started) {
    const text = gateway.logText();
    expect([...secrets].filter((secret) => secret.length > 3 && text.includes(secret))).toEqual([]);
  }
});

describe("the secret", () => {
  test("is the token in token mode, for the chat and for the models", async () => {
    const gateway = await start({ auth: { mode: "token", token: testToken } });
    expect((await gateway.chat(say("hi"))).status).toBe(200);
    expect(await statusWith(gateway, testToken)).toBe(200);
    expect((await gateway.get("/v1/models/openclaw")).status).toBe(200);
    const wrong = await gateway.chat(say("hi"), { authorization: "Bearer guessed-token" });
    expectError(await exchangeOf(wrong), refusal);
    secrets.add("guessed-token");
  });

  test("is the password in password mode, and the message says so", async () => {
    const gateway = await start({ auth: { mode: "password", password: "open sesame please" } });
    expect(await statusWith(gateway, "open sesame please")).toBe(200);
    expect(await statusWith(gateway, testToken)).toBe(401);
    const { message } = expectError(await exchangeOf(await gateway.get("/v1/models", { authorization: "" })), refusal);
    expect(message).toContain("Bearer <password>");
  });

  test("may be Korean, sent as UTF-8", async () => {
    const gateway = await start({ auth: { mode: "password", password: "열려라참깨" } });
    secrets.add("열려라참깨");
    const request = (secret: string) => Buffer.from(head("GET /v1/models", { authorization: `Bearer ${secret}` }), "utf8");
    expect((await sendRaw(gateway.url, request("열려라참깨"))).status).toBe(200);
    expectError(await sendRaw(gateway.url, request("열려라들깨")), refusal);
  });

  test("is not asked for in none mode, and a wrong one does no harm", async () => {
    const gateway = await start({ auth: { mode: "none" } });
    expect((await gateway.get("/v1/models", { authorization: "" })).status).toBe(200);
    expect(await statusWith(gateway, "whatever-it-is")).toBe(200);
  });

  test("may come from the environment", async () => {
    secrets.add("token-of-the-environment").add("password-of-the-environment");
    const byToken = await start({ auth: undefined }, { OPENCLAW_GATEWAY_TOKEN: "token-of-the-environment" });
    expect(await statusWith(byToken, "token-of-the-environment")).toBe(200);
    expect(await statusWith(byToken, testToken)).toBe(401);
    const byPassword = await start({ auth: { mode: "password" } }, { OPENCLAW_GATEWAY_PASSWORD: "password-of-the-environment" });
    expect(await statusWith(byPassword, "password-of-the-environment")).toBe(200);
  });

  test("of the file wins over that of the environment", async () => {
    const gateway = await start({ auth: { mode: "token", token: testToken } }, { OPENCLAW_GATEWAY_TOKEN: "token-that-loses" });
    expect(await statusWith(gateway, testToken)).toBe(200);
    expect(await statusWith(gateway, "token-that-loses")).toBe(401);
  });

  test("is made up when there is none, and works", async () => {
    const [one, other] = [await start({ auth: undefined }), await start({ auth: undefined })];
    const { secret = "", isGenerated } = one.program.config.gateway.auth;
    expect(isGenerated).toBe(true);
    expect(secret.length).toBeGreaterThanOrEqual(32);
    expect(await statusWith(one, secret)).toBe(200);
    expect(await statusWith(other, secret)).toBe(401);
    expect(await statusWith(one, "")).toBe(401);
  });

  test("is not needed where the contract says so", async () => {
    const gateway = await start({ auth: { mode: "token", token: testToken } });
    for (const path of ["/healthz", "/readyz", "/openapi.json", "/docs"]) {
      expect((await sendRaw(gateway.url, head(`GET ${path}`))).status).toBe(200);
    }
  });
});

describe("the header Authorization", () => {
  let gateway: TestGateway;
  const get = async (authorization: string) =>
    sendRaw((gateway ??= await start({ auth: { mode: "token", token: testToken } })).url, head("GET /v1/models", { authorization }));

  test.each(["Bearer", "bearer", "BEARER", "bEaReR"])("may call its scheme %s", async (scheme) => {
    expect((await get(`${scheme} ${testToken}`)).status).toBe(200);
  });

  test.each([`Bearer   ${testToken}`, `Bearer ${testToken}  `])("may have blanks around the secret: %j", async (value) => {
    expect((await get(value)).status).toBe(200);
  });

  test.each(["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", testToken, `Token ${testToken}`, `Bearer:${testToken}`, `Bearer${testToken}`])(
    "without a bearer secret is said to have none: %j",
    async (value) => {
      const reply = await get(value);
      expect(expectError(reply, refusal).message).toContain("No secret was sent");
      expect(reply.headers["www-authenticate"]).toBe("Bearer");
    },
  );

  test.each([
    ["longer", `${testToken}x`],
    ["shorter", testToken.slice(0, -1)],
    ["in capitals", testToken.toUpperCase()],
    ["with something before it", `x ${testToken}`],
    ["very long", "a".repeat(10_000)],
    ["the word null", "null"],
  ])("with another secret is said to be wrong: %s", async (_what, secret) => {
    const reply = await get(`Bearer ${secret}`);
    const { message } = expectError(reply, refusal);
    expect(message).toContain("wrong");
    expect(message).not.toContain(secret);
    expect(reply.headers["www-authenticate"]).toBe("Bearer");
  });

  test("counts, and no other place for a secret does", async () => {
    await get("");
    expect((await sendRaw(gateway.url, head(`GET /v1/models?api_key=${testToken}`))).status).toBe(401);
    expect((await sendRaw(gateway.url, head("GET /v1/models", { "x-api-key": testToken, "api-key": testToken }))).status).toBe(401);
    expect((await sendRaw(gateway.url, head(`GET http://user:${testToken}@gateway/v1/models`))).status).toBe(401);
  });
});

describe("too many wrong secrets", () => {
  test("are answered 401 ten times and 429 from then on, also to the right one", async () => {
    const gateway = await start({ auth: { mode: "token", token: testToken, rateLimit: { exemptLoopback: false } } });
    for (let attempt = 1; attempt <= 10; attempt++) expect(await statusWith(gateway, `guess-number-${attempt}`)).toBe(401);
    for (const secret of ["guess-number-11", testToken]) {
      secrets.add(secret);
      const reply = await exchangeOf(await gateway.get("/v1/models", { authorization: `Bearer ${secret}` }));
      expect(expectError(reply, lockedOut).type).toBe("rate_limit_error");
      expect(reply.headers["retry-after"]).toMatch(/^[1-9]\d*$/);
      expect(Number(reply.headers["retry-after"])).toBeLessThanOrEqual(300);
      expect(Number(reply.headers["retry-after"])).toBeGreaterThan(60);
      // Clients ignore a wait of more than a minute and would ask again at once.
      expect(reply.headers["x-should-retry"]).toBe("false");
      expect(reply.headers["www-authenticate"]).toBeUndefined();
    }
    expectError(await exchangeOf(await gateway.chat(say("hi"))), lockedOut);
    expect((await gateway.get("/healthz")).status).toBe(200);
  });

  test("are forgotten once the lock-out is over, as Retry-After said", async () => {
    const gateway = await startLimited(1, { lockoutMs: 1000 });
    expect(await statusWith(gateway, "first-guess")).toBe(401);
    const reply = await exchangeOf(await gateway.get("/v1/models"));
    expectError(reply, lockedOut);
    expect(reply.headers["retry-after"]).toBe("1");
    expect(reply.headers["x-should-retry"]).toBeUndefined();
    while ((await gateway.get("/v1/models")).status === 429) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await statusWith(gateway, testToken)).toBe(200);
    expect(await statusWith(gateway, "second-guess")).toBe(401);
  });

  test("are counted over all operations and connections together", async () => {
    const gateway = await startLimited(3);
    const wrong = { authorization: "Bearer some-guess" };
    secrets.add("some-guess");
    const statuses = [
      await gateway.get("/v1/models", wrong),
      await gateway.chat(say("hi"), wrong),
      await gateway.get("/v1/models/openclaw/gamma", wrong),
      await gateway.chat(say("hi"), wrong),
    ].map(({ status }) => status);
    expect(statuses).toEqual([401, 401, 401, 429]);
  });

  test("are not more when they come all at once on one connection", async () => {
    const gateway = await startLimited(3);
    const raw = await connectRaw(gateway.url);
    const requests = Array.from({ length: 20 }, (_, n) => head("GET /v1/models", { authorization: `Bearer pipelined-guess-${n}` }));
    raw.send(requests.join("") + head("GET /v1/models", { authorization: `Bearer ${testToken}` }));
    const statuses: number[] = [];
    for (let n = 0; n <= requests.length; n++) statuses.push((await raw.reply()).status);
    raw.destroy();
    expect(statuses.filter((status) => status === 401)).toHaveLength(3);
    expect(statuses.at(-1)).toBe(429);
  });

  test("do not include missing ones", async () => {
    const gateway = await startLimited(1);
    for (let attempt = 0; attempt < 5; attempt++) {
      for (const authorization of ["", "Bearer ", "Basic eDp5"]) {
        expect((await gateway.get("/v1/models", { authorization })).status).toBe(401);
      }
    }
    expect(await statusWith(gateway, testToken)).toBe(200);
  });

  test("do not lock out the loopback unless the config says so, nor anybody without a rate limit", async () => {
    for (const auth of [
      { mode: "token", token: testToken, rateLimit: { maxAttempts: 1 } },
      { mode: "token", token: testToken },
    ]) {
      const gateway = await start({ auth });
      for (let attempt = 0; attempt < 5; attempt++) expect(await statusWith(gateway, "loopback-guess")).toBe(401);
      expect(await statusWith(gateway, testToken)).toBe(200);
    }
  });
});

describe("X-Forwarded-For", () => {
  const behindProxy = (maxAttempts: number) => startLimited(maxAttempts, { exemptLoopback: true }, { trustedProxies: ["127.0.0.1"] });

  test("counts for nothing unless a trusted proxy sent it", async () => {
    const untrusted = await startLimited(2);
    expect(await statusesWith(untrusted, "forged-address", ["203.0.113.1", "203.0.113.2", "203.0.113.3"])).toEqual([401, 401, 429]);
    const other = await startLimited(2, {}, { trustedProxies: ["10.0.0.0/8", "2001:db8::/32"] });
    expect(await statusesWith(other, "forged-address", ["203.0.113.1", "203.0.113.2", "203.0.113.3"])).toEqual([401, 401, 429]);
  });

  test("of a trusted proxy gives each client a count of its own", async () => {
    const gateway = await behindProxy(2);
    const [one, two] = ["203.0.113.1", "203.0.113.2"];
    expect(await statusesWith(gateway, "guess-behind-proxy", [one, two, one, one, two, two])).toEqual([401, 401, 401, 429, 401, 429]);
    expect(await statusWith(gateway, testToken, { "x-forwarded-for": one })).toBe(429);
    expect(await statusWith(gateway, testToken, { "x-forwarded-for": "203.0.113.3" })).toBe(200);
  });

  test("cannot be forged by the client: what the proxy added last is what counts", async () => {
    const gateway = await behindProxy(2);
    const forged = ["127.0.0.1, 203.0.113.1", "203.0.113.9, 203.0.113.1", "::1, 203.0.113.1"];
    expect(await statusesWith(gateway, "guess-with-forged-address", forged)).toEqual([401, 401, 429]);
    expect(await statusWith(gateway, testToken, { "x-forwarded-for": "203.0.113.9" })).toBe(200);
  });

  test("may write an IPv4 address as IPv6: it is the same client", async () => {
    const gateway = await behindProxy(2);
    expect(await statusesWith(gateway, "mapped-guess", ["203.0.113.1", "::ffff:203.0.113.1", "::FFFF:203.0.113.1"])).toEqual([
      401, 401, 429,
    ]);
    expect(await statusWith(gateway, testToken, { "x-forwarded-for": "203.0.113.1" })).toBe(429);
  });

  test("may bring the client's port, as some proxies do: it is the same client", async () => {
    const gateway = await behindProxy(2);
    expect(await statusesWith(gateway, "guess-from-ports", ["203.0.113.1:1001", "203.0.113.1:1002", "203.0.113.1:1003"])).toEqual([
      401, 401, 429,
    ]);
  });

  test("of the proxy itself is the loopback, which is exempt", async () => {
    const gateway = await behindProxy(1);
    for (let attempt = 0; attempt < 3; attempt++) expect(await statusWith(gateway, "guess-of-the-proxy")).toBe(401);
  });

  test("is the address in the log", async () => {
    const gateway = await behindProxy(5);
    await gateway.get("/nowhere", { "x-forwarded-for": "203.0.113.77", "x-request-id": "whose.1" });
    expect(gateway.log().find((line) => line["requestId"] === "whose.1")).toMatchObject({ client: "203.0.113.77" });
  });
});

test("the log does tell of refused logins, by address and without the secret", async () => {
  const gateway = await start({ auth: { mode: "token", token: testToken } });
  secrets.add("secret-that-must-not-be-logged");
  await gateway.get("/v1/models?key=secret-that-must-not-be-logged", {
    authorization: "Bearer secret-that-must-not-be-logged",
    "x-request-id": "l.1",
  });
  const line = gateway.log().find((entry) => entry["requestId"] === "l.1");
  expect(line).toMatchObject({ status: 401, code: "invalid_api_key", client: "127.0.0.1", path: "/v1/models" });
});
