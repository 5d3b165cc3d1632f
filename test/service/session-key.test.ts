/** Which session a request means: every form of key that a caller may give, and those that it may not. */
import { describe, expect, test } from "@jest/globals";
import { GatewayError } from "../../src/domain/errors.ts";
import { mainPrincipal } from "../../src/domain/principal.ts";
import { agentIdOfKey, resolveSession } from "../../src/service/session-key.ts";

const header = (value: string) => ({ sessionKey: { value, param: "x-openclaw-session-key" } });
const user = (value: string) => ({ user: { value, param: "user" } });

const main = { principal: mainPrincipal };
const laptop = { principal: { name: "laptop", isMain: false } };

describe("a key of the caller's", () => {
  test.each([
    ["kitchen", "agent:main:kitchen"],
    ["  kitchen  ", "agent:main:kitchen"],
    ["Kitchen", "agent:main:Kitchen"],
    ["agent:main:kitchen", "agent:main:kitchen"],
    ["AGENT:Main:Kitchen", "agent:main:Kitchen"],
    ["agent:main:a:b:c", "agent:main:a:b:c"],
    ["a:b:c", "agent:main:a:b:c"],
    ["agent:main", "agent:main:agent:main"],
    ["agents:beta:x", "agent:main:agents:beta:x"],
    ["main", "agent:main:main"],
    ["부엌 🍳", "agent:main:부엌 🍳"],
    ["subagents:x", "agent:main:subagents:x"],
    ["k".repeat(501), `agent:main:${"k".repeat(501)}`],
    ["../../etc/passwd", "agent:main:../../etc/passwd"],
    ["' or 1=1 --", "agent:main:' or 1=1 --"],
  ])("%j becomes %j and is kept", (value, key) => {
    expect(resolveSession("main", { ...main, ...header(value) })).toEqual({ key, isStored: true, param: "x-openclaw-session-key" });
  });

  test.each([
    ["", "is empty"],
    ["   ", "is empty"],
    ["agent:main:", "is empty"],
    ["agent:beta:kitchen", "belongs to agent 'beta', but this request is for agent 'main'"],
    ["agent::kitchen", "belongs to agent '', but"],
    ["subagent:x", "'subagent:' are reserved"],
    ["agent:main:subagent:x", "'subagent:' are reserved"],
    ["CRON:daily", "'CRON:' are reserved"],
    ["acp:1", "'acp:' are reserved"],
    ["k".repeat(502), "has 513 characters with its prefix; at most 512"],
    ["a\nb", "control characters"],
    ["a\u0000b", "control characters"],
    ["a\u007fb", "control characters"],
    ["a\u0085b", "control characters"],
    ["a\u2028b", "control characters"],
    ["a\ud800b", "broken Unicode"],
  ])("%j is refused", (value, words) => {
    expect.assertions(2);
    try {
      resolveSession("main", { ...main, ...header(value) });
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: "invalid_value", param: "x-openclaw-session-key" });
      expect((thrown as GatewayError).message).toContain(words);
    }
  });

  test("wins over the user, and is refused rather than replaced by it", () => {
    expect(resolveSession("main", { ...main, ...header("kitchen"), ...user("ada") }).key).toBe("agent:main:kitchen");
    expect(() => resolveSession("main", { ...main, ...header(""), ...user("ada") })).toThrow(GatewayError);
  });
});

describe("a user", () => {
  test.each([
    ["ada", "agent:main:openai-user:ada"],
    [" Ada  ", "agent:main:openai-user:Ada"],
    ["김철수", "agent:main:openai-user:김철수"],
    ["cron:x", "agent:main:openai-user:cron:x"],
    ["agent:beta:x", "agent:main:openai-user:agent:beta:x"],
  ])("%j has the session %j", (value, key) => {
    expect(resolveSession("main", { ...main, ...user(value) })).toEqual({ key, isStored: true, param: "user" });
  });

  test.each([["a\tb"], ["a\u0000"], ["u".repeat(490)], ["\udfff"]])("%j is refused", (value) => {
    expect(() => resolveSession("main", { ...main, ...user(value) })).toThrow(
      expect.objectContaining({ code: "invalid_value", param: "user" }),
    );
  });
});

describe("a named token's", () => {
  const keyOf = (request: object): string => resolveSession("main", { ...laptop, ...request }).key;

  test("users are its own, whatever they are called", () => {
    expect(keyOf(user("ada"))).toBe("agent:main:openai-user:laptop/ada");
    expect(keyOf(user("phone/ada"))).toBe("agent:main:openai-user:laptop/phone/ada");
    expect(keyOf(user("../phone/ada"))).toBe("agent:main:openai-user:laptop/../phone/ada");
  });

  test("keys are taken as they are", () => {
    expect(keyOf(header("kitchen"))).toBe("agent:main:kitchen");
    expect(keyOf(header("openai-user:laptop/ada"))).toBe("agent:main:openai-user:laptop/ada");
  });

  test.each(["openai-user:ada", "openai-user:phone/ada", "agent:main:openai-user:laptop", "OpenAI-User:laptop/ada", "openai-user:"])(
    "key cannot be %j, which is for users that are not its own",
    (value) => {
      const error = { code: "not_found", param: "x-openclaw-session-key" };
      expect(() => keyOf(header(value))).toThrow(expect.objectContaining(error));
      expect(resolveSession("main", { ...main, ...header(value) }).isStored).toBe(true);
    },
  );
});

test("without either, or with a blank user, each request has a key of its own and is not kept", () => {
  const sessions = [main, laptop, { ...main, ...user("") }, { ...laptop, ...user(" \t ") }].map((request) =>
    resolveSession("beta", request),
  );
  expect(new Set(sessions.map(({ key }) => key)).size).toBe(4);
  for (const { key, isStored } of sessions) {
    expect(key).toMatch(/^agent:beta:openai:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(isStored).toBe(false);
  }
});

test.each([
  ["agent:beta:kitchen", "beta"],
  [" Agent:BETA:kitchen", "beta"],
  ["agent:beta", undefined],
  ["kitchen", undefined],
  ["x:agent:beta:y", undefined],
])("%j speaks of the agent %j", (key, id) => {
  expect(agentIdOfKey(key)).toBe(id);
});
