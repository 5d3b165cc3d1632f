/** `gateway.auth.tokens`: what may stand there, what is an error, and that no secret is kept or shown. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { load, problems, rejection } from "./config-file.ts";

const sha256 = (secret: string): string => createHash("sha256").update(secret, "utf8").digest("hex");

const fileOf = (tokens: unknown, auth: object = { token: "main-secret" }): object => ({
  gateway: { auth: { ...auth, tokens } },
  agents: { entries: { main: { default: true, model: "builtin/offline" }, beta: { model: "builtin/offline" } } },
  models: { providers: { local: { baseUrl: "http://127.0.0.1:1/v1", models: [{ id: "qwen3" }] } } },
});
const place = "gateway.auth.tokens[0]";

describe("a named token", () => {
  test("has a name, a secret and what it may do", async () => {
    const tokens = [
      { name: "laptop", token: " laptop-비밀\n", agents: [" Beta "], models: ["local/qwen3"], expiresAt: "2999-01-31T18:00:00+09:00" },
      { name: "CI_1-x", sha256: sha256("ci-secret").toUpperCase(), models: [] },
    ];
    const { auth } = (await load(fileOf(tokens))).gateway;
    expect(auth.tokens).toEqual([
      {
        name: "laptop",
        sha256: sha256("laptop-비밀"),
        agents: ["beta"],
        models: ["local/qwen3"],
        expiresAt: "2999-01-31T09:00:00.000Z",
      },
      { name: "CI_1-x", sha256: sha256("ci-secret"), models: [] },
    ]);
    expect(auth).toMatchObject({ mode: "token", secret: "main-secret", isGenerated: false });
  });

  test("is not kept as it stands in the file, only its hash is", async () => {
    expect(JSON.stringify(await load(fileOf([{ name: "laptop", token: "canary-secret" }])))).not.toContain("canary-secret");
  });

  test("may come from the environment", async () => {
    const { auth } = (await load(fileOf([{ name: "ci", token: "${CI_TOKEN}" }]), { CI_TOKEN: "from-env" })).gateway;
    expect(auth.tokens).toEqual([{ name: "ci", sha256: sha256("from-env") }]);
  });

  test.each([
    [{ name: "", token: "t" }, ".name: must be 1 to 64 letters, digits, - and _."],
    [{ name: "a/b", token: "t" }, ".name: must be 1 to 64 letters, digits, - and _."],
    [{ name: "n".repeat(65), token: "t" }, ".name: must be 1 to 64 letters, digits, - and _."],
    [{ name: "Main", token: "t" }, ".name: main stands for the gateway's own secret; choose another name."],
    [{ token: "t" }, ".name: this key is required: it must be a string."],
    [{ name: "a" }, ": must have either token or sha256."],
    [{ name: "a", token: "t", sha256: sha256("t") }, ": must have either token or sha256."],
    [{ name: "a", token: "  " }, ".token: must not be empty: give it a value or leave the key out."],
    [{ name: "a", sha256: "abc" }, ".sha256: must be 64 hexadecimal digits."],
    [{ name: "a", token: "main-secret" }, ": has the same secret as the gateway itself: give each one of its own."],
    [{ name: "a", sha256: sha256("main-secret") }, ": has the same secret as the gateway itself: give each one of its own."],
    [{ name: "a", token: "t", agents: [] }, ".agents: must have at least 1, or be left out."],
    [{ name: "a", token: "t", agents: ["mian"] }, '.agents[0]: there is no agent "mian": did you mean "main"?'],
    [{ name: "a", token: "t", models: ["local/qwen9"] }, '.models[0]: provider "local" has no model "qwen9"; it has: qwen3.'],
    [{ name: "a", token: "t", agent: ["main"] }, '.agent: unknown key: did you mean "agents"? Rename or remove it.'],
  ])("%j is an error that names its place", async (token, message) => {
    expect(await problems(fileOf([token]))).toEqual([`${place}${message}`]);
  });

  test.each(["soon", "", "2027-02-30", "2027-01-31T18:00:00", "31.01.2027", "2027-01-31 18:00Z", "1893456000"])(
    "cannot expire at %j",
    async (expiresAt) => {
      expect(await problems(fileOf([{ name: "a", token: "t", expiresAt }]))).toEqual([
        `${place}.expiresAt: must be a date such as 2027-01-31 (its beginning in UTC), or a date, time and zone such as 2027-01-31T18:00:00Z.`,
      ]);
    },
  );

  test.each([
    ["2999-01-31", "2999-01-31T00:00:00.000Z"],
    ["2999-01-31T18:00Z", "2999-01-31T18:00:00.000Z"],
    ["2999-01-31T18:00:00.5-05:00", "2999-01-31T23:00:00.500Z"],
  ])("can expire at %j", async (expiresAt, end) => {
    const { gateway, warnings } = await load(fileOf([{ name: "a", token: "t", expiresAt }]));
    expect(gateway.auth.tokens).toMatchObject([{ expiresAt: end }]);
    expect(warnings).toEqual([]);
  });

  test("that has expired is a warning", async () => {
    const { warnings } = await load(fileOf([{ name: "a", token: "t", expiresAt: "2020-01-01" }]));
    expect(warnings).toEqual([`${place}.expiresAt: is over: the token "a" is refused.`]);
  });
});

describe("several named tokens", () => {
  test("have names of their own, whatever their case, and secrets of their own, however they are written", async () => {
    const tokens = [
      { name: "laptop", token: "one" },
      { name: "Laptop", token: "two" },
      { name: "phone", sha256: sha256("one") },
    ];
    expect(await problems(fileOf(tokens))).toEqual([
      'gateway.auth.tokens[1].name: there are two tokens named "Laptop"; case does not matter. Rename one.',
      'gateway.auth.tokens[2]: has the same secret as the token "laptop": give each one of its own.',
    ]);
  });

  test("are all that is needed: no other token is made up, on loopback or off it", async () => {
    for (const bind of ["loopback", "lan"]) {
      for (const auth of [{}, { mode: "token" }]) {
        const { gateway } = await load(fileOf([{ name: "a", token: "t" }], auth), {}, { bind });
        expect(gateway.auth).toEqual({
          mode: "token",
          isGenerated: false,
          tokens: [{ name: "a", sha256: sha256("t") }],
          rateLimit: undefined,
        });
      }
    }
  });

  test("stand beside the secret of the environment, of the flag, and beside a password", async () => {
    const tokens = [{ name: "a", token: "t" }];
    const named = { tokens: [{ name: "a" }] };
    expect((await load(fileOf(tokens, {}), { OPENCLAW_GATEWAY_TOKEN: "e" })).gateway.auth).toMatchObject({ secret: "e", ...named });
    expect((await load(fileOf(tokens, {}), {}, { token: "f" })).gateway.auth).toMatchObject({ secret: "f", ...named });
    const withPassword = (await load(fileOf(tokens, { password: "p" }))).gateway.auth;
    expect(withPassword).toMatchObject({ mode: "password", secret: "p", ...named });
    expect(await problems(fileOf(tokens, {}), { OPENCLAW_GATEWAY_TOKEN: "t" })).toEqual([
      `${place}: has the same secret as the gateway itself: give each one of its own.`,
    ]);
  });

  test("do not stand in for the password that mode password asks for", async () => {
    expect(await problems(fileOf([{ name: "a", token: "t" }], { mode: "password" }))).toEqual([
      "gateway.auth.password: mode is password, but there is none: set gateway.auth.password or OPENCLAW_GATEWAY_PASSWORD.",
    ]);
  });

  test("make no sense where nobody is asked", async () => {
    expect(await problems(fileOf([{ name: "a", token: "t" }], { mode: "none" }))).toEqual([
      "gateway.auth.tokens: have no meaning while gateway.auth.mode is none, which lets everybody do everything: use token or password.",
    ]);
    expect((await load(fileOf([], { mode: "none" }))).gateway.auth.mode).toBe("none");
  });

  test("keep their secrets out of every message", async () => {
    const tokens = [
      { name: "main", token: "hunter2", agents: ["x"], models: ["x"], expiresAt: "hunter2" },
      { name: "a b", token: "hunter2", sha256: "hunter2", secret: "hunter2" },
      { name: "b", token: ["hunter2"] },
    ];
    const { issues } = await rejection(load(fileOf(tokens)));
    expect(issues.length).toBeGreaterThan(3);
    expect(issues.join("\n")).not.toContain("hunter2");
  });
});

describe("the limits of a named token", () => {
  const withLimits = (limits: unknown, more: object = {}): object => fileOf([{ name: "a", token: "t", limits, ...more }]);

  test("are as many as are given", async () => {
    const limits = { requestsPerMinute: 60, tokensPerMinute: 40_000, maxConcurrentRuns: 2, monthlyTokens: 5_000_000 };
    const { gateway, warnings } = await load(withLimits(limits));
    expect([gateway.auth.tokens[0]?.limits, warnings]).toEqual([limits, []]);
    expect((await load(withLimits({}))).gateway.auth.tokens[0]?.limits).toEqual({});
  });

  test.each([
    [{ requestsPerMinute: 0 }, ".limits.requestsPerMinute: must be at least 1."],
    [{ tokensPerMinute: 1.5 }, ".limits.tokensPerMinute: must be a whole number, but is a number."],
    [{ monthlyBudget: 0 }, ".limits.monthlyBudget: must be more than 0."],
    [{ requestPerMinute: 5 }, '.limits.requestPerMinute: unknown key: did you mean "requestsPerMinute"? Rename or remove it.'],
  ])("%j are an error that names its place", async (limits, message) => {
    expect(await problems(withLimits(limits))).toEqual([`${place}${message}`]);
  });

  test("warn of a budget where a model that the token uses has no price", async () => {
    const { warnings } = await load(withLimits({ monthlyBudget: 5 }, { agents: ["beta"], models: ["local/qwen3"] }));
    expect(warnings).toEqual([
      `${place}.limits.monthlyBudget: does not limit what the token "a" asks of builtin/offline, local/qwen3: models.providers gives no cost for it.`,
    ]);
    const priced = {
      ...withLimits({ monthlyBudget: 5 }),
      agents: { entries: { main: { default: true, model: "local/qwen3" } } },
      models: { providers: { local: { baseUrl: "http://127.0.0.1:1/v1", models: [{ id: "qwen3", cost: { input: 1, output: 2 } }] } } },
    };
    expect((await load(priced)).warnings).toEqual([]);
  });
});
