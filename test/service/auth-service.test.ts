/** Who is let in: what cannot be sent as a header, and what only a clock shows, is tested here; the rest over HTTP. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import type { AuthConfig, NamedToken } from "../../src/config/config.ts";
import { AuthService } from "../../src/service/auth-service.ts";

const configOf = (more: Partial<AuthConfig>): AuthConfig => ({
  mode: "token",
  isGenerated: false,
  tokens: [],
  rateLimit: undefined,
  ...more,
});
const rateLimit = { maxAttempts: 3, windowMs: 60_000, lockoutMs: 300_000, exemptLoopback: true };

async function outcome(service: AuthService, secret: string | undefined, address = "192.0.2.1"): Promise<string> {
  return service.authenticate({ secret, address }).then(
    ({ name }) => name,
    (thrown: { code: string }) => thrown.code,
  );
}

describe("the secret", () => {
  const service = new AuthService(configOf({ secret: "geheim-✓-비밀" }));

  test.each([
    ["geheim-✓-비밀", "main"],
    ["geheim-✓-비밀 ", "invalid_api_key"],
    ["Geheim-✓-비밀", "invalid_api_key"],
    ["geheim-✓-비", "invalid_api_key"],
    ["geheim-✓-비밀x", "invalid_api_key"],
    ["", "invalid_api_key"],
    [undefined, "invalid_api_key"],
    ["x".repeat(1_000_000), "invalid_api_key"],
  ])("%.20j is %s", async (secret, expected) => {
    expect(await outcome(service, secret)).toBe(expected);
  });

  test("is in no refusal, and neither is the one that was sent", async () => {
    const thrown = await service.authenticate({ secret: "wrong-secret", address: "192.0.2.1" }).catch((error: Error) => error);
    expect(thrown).toHaveProperty(
      "message",
      "The secret that was sent is wrong. Send the gateway's token as 'Authorization: Bearer <token>'.",
    );
    const password = new AuthService(configOf({ mode: "password", secret: "x" }));
    const missing = await password.authenticate({ secret: undefined, address: "192.0.2.1" }).catch((error: Error) => error);
    expect(missing).toHaveProperty("message", "No secret was sent. Send the gateway's password as 'Authorization: Bearer <password>'.");
  });

  test("that is missing in the configuration lets nobody in", async () => {
    const broken = new AuthService(configOf({}));
    for (const secret of [undefined, "", "undefined"]) expect(await outcome(broken, secret)).toBe("invalid_api_key");
  });

  test("does not matter in mode none", async () => {
    const open = new AuthService(configOf({ mode: "none", rateLimit: { ...rateLimit, exemptLoopback: false } }));
    for (const secret of [undefined, "", "anything"]) expect(await outcome(open, secret)).toBe("main");
  });
});

describe("a named token", () => {
  const tokenOf = (name: string, secret: string, more: Partial<NamedToken> = {}): NamedToken => ({
    name,
    sha256: createHash("sha256").update(secret).digest("hex"),
    ...more,
  });
  const end = "2026-06-01T00:00:00.000Z";
  const tokens = [
    tokenOf("laptop", "laptop-비밀", { agents: ["beta"], models: [] }),
    tokenOf("phone", "phone-secret", { expiresAt: end }),
    tokenOf("ci", "ci-secret"),
  ];
  const limit = { ...rateLimit, maxAttempts: 1 };
  /** A service whose clock can be set. */
  const at = (time: string, more: Partial<AuthConfig> = {}) =>
    new AuthService(configOf({ secret: "main-secret", tokens, ...more }), () => Date.parse(time));

  test.each([
    ["main-secret", "main"],
    ["laptop-비밀", "laptop"],
    ["phone-secret", "phone"],
    ["ci-secret", "ci"],
    ["ci", "invalid_api_key"],
    [tokens[2]!.sha256, "invalid_api_key"],
    ["", "invalid_api_key"],
  ])("%j is %s", async (secret, expected) => {
    expect(await outcome(at("2026-01-01T00:00Z"), secret)).toBe(expected);
    expect(await outcome(at("2026-01-01T00:00Z", { mode: "password" }), secret)).toBe(expected);
  });

  test("brings its rights with it, and the gateway's own secret has all", async () => {
    const service = at("2026-01-01T00:00Z");
    const principalOf = (secret: string) => service.authenticate({ secret, address: "192.0.2.1" });
    expect(await principalOf("laptop-비밀")).toEqual({ name: "laptop", isMain: false, agents: ["beta"], models: [] });
    expect(await principalOf("ci-secret")).toEqual({ name: "ci", isMain: false });
    expect(await principalOf("main-secret")).toEqual({ name: "main", isMain: true });
  });

  test("may be the only kind there is", async () => {
    const service = new AuthService(configOf({ tokens }));
    for (const secret of ["main-secret", "", "undefined", undefined]) expect(await outcome(service, secret)).toBe("invalid_api_key");
    expect(await outcome(service, "ci-secret")).toBe("ci");
  });

  test("is refused from its end on, and only who has it hears why", async () => {
    const messageOf = (service: AuthService, secret: string) =>
      service.authenticate({ secret, address: "192.0.2.1" }).then(
        ({ name }) => name,
        (thrown: Error) => thrown.message,
      );
    expect(await messageOf(at("2026-05-31T23:59:59.999Z"), "phone-secret")).toBe("phone");
    expect(await messageOf(at(end), "phone-secret")).toBe(
      "The token 'phone' expired at 2026-06-01T00:00:00.000Z. Ask whoever runs the gateway for a new one.",
    );
    expect(await messageOf(at(end), "phone-secre")).not.toContain("expired");
    expect(await outcome(at(end), "ci-secret")).toBe("ci");
  });

  test("that has expired is no wrong secret: its holder is not locked out", async () => {
    const service = at(end, { rateLimit: limit });
    for (let n = 0; n < 5; n++) expect(await outcome(service, "phone-secret")).toBe("invalid_api_key");
    expect(await outcome(service, "ci-secret")).toBe("ci");
    expect(await outcome(service, "wrong")).toBe("invalid_api_key");
    expect(await outcome(service, "ci-secret")).toBe("too_many_failed_logins");
  });
});

describe("the limit of failed logins", () => {
  const limited = (more: object = {}): AuthService => new AuthService(configOf({ secret: "right", rateLimit: { ...rateLimit, ...more } }));

  test("locks an address out after as many wrong secrets, also for the right one, and no other address", async () => {
    const service = limited();
    for (const secret of ["a", "b", "c"]) expect(await outcome(service, secret)).toBe("invalid_api_key");
    expect(await outcome(service, "d")).toBe("too_many_failed_logins");
    expect(await outcome(service, "right")).toBe("too_many_failed_logins");
    expect(await outcome(service, undefined)).toBe("too_many_failed_logins");
    expect(await outcome(service, "right", "192.0.2.2")).toBe("main");
  });

  test("says how long to wait", async () => {
    const service = limited({ maxAttempts: 1, lockoutMs: 5_000 });
    await outcome(service, "a");
    const thrown = await service.authenticate({ secret: "right", address: "192.0.2.1" }).catch((error: Error) => error);
    const { retryAfterMs } = thrown as { retryAfterMs?: number };
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(5_000);
  });

  test("does not count secrets that were not sent, nor right ones", async () => {
    const service = limited();
    for (let n = 0; n < 10; n++) expect(await outcome(service, undefined)).toBe("invalid_api_key");
    for (let n = 0; n < 10; n++) expect(await outcome(service, "right")).toBe("main");
  });

  test("counts an IPv4 address and its IPv6 form as one client", async () => {
    const service = limited();
    await outcome(service, "a", "::ffff:192.0.2.1");
    await outcome(service, "b", "192.0.2.1");
    await outcome(service, "c", "::FFFF:192.0.2.1");
    expect(await outcome(service, "right", "192.0.2.1")).toBe("too_many_failed_logins");
  });

  test.each(["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])("exempts %s unless it is told not to", async (address) => {
    const exempt = limited({ maxAttempts: 1 });
    for (let n = 0; n < 5; n++) expect(await outcome(exempt, "wrong", address)).toBe("invalid_api_key");
    expect(await outcome(exempt, "right", address)).toBe("main");
    const strict = limited({ maxAttempts: 1, exemptLoopback: false });
    expect(await outcome(strict, "wrong", address)).toBe("invalid_api_key");
    expect(await outcome(strict, "right", address)).toBe("too_many_failed_logins");
  });

  test("holds for many wrong secrets at once: at most as many as are allowed get an answer about the secret", async () => {
    const service = limited();
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => outcome(service, `wrong ${n}`)));
    expect(outcomes.every((code) => code === "invalid_api_key" || code === "too_many_failed_logins")).toBe(true);
    expect(await outcome(service, "right")).toBe("too_many_failed_logins");
  });
});

describe("other secrets while it runs", () => {
  const ci = (rights: Partial<NamedToken> = {}): NamedToken => ({
    name: "ci",
    sha256: createHash("sha256").update("of-ci").digest("hex"),
    ...rights,
  });
  const enter = (service: AuthService, secret: string) => service.authenticate({ secret, address: "192.0.2.1" });

  test("whoever came with a secret that is no more, or has other rights now, is told apart from all others", async () => {
    const service = new AuthService(configOf({ secret: "first", tokens: [ci()] }));
    const holders = [await enter(service, "first"), await enter(service, "of-ci")];
    const held = () => holders.map((principal) => service.stillHolds(principal));
    service.configure(configOf({ secret: "first", tokens: [ci()] }));
    expect(held()).toEqual([true, true]);
    expect(await enter(service, "of-ci")).toBe(holders[1]);
    service.configure(configOf({ secret: "first", tokens: [ci({ agents: ["beta"] })] }));
    expect(held()).toEqual([true, false]);
    service.configure(configOf({ secret: "second", tokens: [ci()] }));
    expect(held()).toEqual([false, false]);
    expect([await outcome(service, "first"), await outcome(service, "second")]).toEqual(["invalid_api_key", "main"]);
  });

  test("a token holds until it expires, and where none is asked for everybody does", async () => {
    let now = Date.parse("2030-01-01T00:00:00Z");
    const service = new AuthService(configOf({ tokens: [ci({ expiresAt: "2030-01-01T00:00:01.000Z" })] }), () => now);
    const principal = await enter(service, "of-ci");
    expect(service.stillHolds(principal)).toBe(true);
    now += 1_000;
    expect(service.stillHolds(principal)).toBe(false);
    const open = new AuthService(configOf({ mode: "none" }));
    expect(open.stillHolds(await enter(open, ""))).toBe(true);
  });
});
