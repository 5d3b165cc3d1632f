/**
 * Unknown keys, and `${VAR}` in the values of known ones.
 * What the values must be is told in the other files of this folder.
 */
import { describe, expect, test } from "@jest/globals";
import { load, problems } from "./config-file.ts";

describe("unknown keys", () => {
  test("a misspelt key under gateway.auth is an error that names the nearest one", async () => {
    expect(await problems({ gateway: { auth: { pasword: "p" } } })).toEqual([
      'gateway.auth.pasword: unknown key: did you mean "password"? Rename or remove it.',
    ]);
    expect(await problems({ gateway: { auth: { rateLimit: { lockoutMS: 1 } } } })).toEqual([
      'gateway.auth.rateLimit.lockoutMS: unknown key: did you mean "lockoutMs"? Rename or remove it.',
    ]);
  });

  test("a key far from any known one lists the known ones", async () => {
    expect(await problems({ gateway: { auth: { xyz: 1 } } })).toEqual([
      "gateway.auth.xyz: unknown key: known here: mode, token, password, tokens, rateLimit. Rename or remove it.",
    ]);
  });

  test("unknown keys under gateway.http and log are errors", async () => {
    expect(await problems({ gateway: { http: { endpoint: {}, endpoints: { chatCompletion: {} } } }, log: { leve: "info" } })).toEqual([
      'gateway.http.endpoint: unknown key: did you mean "endpoints"? Rename or remove it.',
      'gateway.http.endpoints.chatCompletion: unknown key: did you mean "chatCompletions"? Rename or remove it.',
      'log.leve: unknown key: did you mean "level"? Rename or remove it.',
    ]);
  });

  test("elsewhere in gateway, agents and models an unknown key is one warning", async () => {
    const config = await load({
      gateway: { mode: "local", prot: 1 },
      agents: {
        defaults: { thinkingDefault: "low", tools: { deny: ["exec"] }, model: { primary: "builtin/offline", fallback: [] } },
        list: [{ id: "main", identity: { name: "M" } }],
      },
      models: { mode: "merge", providers: { local: { baseUrl: "http://h/v1", auth: "none", models: [{ id: "m", api: "x" }] } } },
    });
    expect(config.warnings).toEqual([
      "gateway.mode: unknown key, ignored.",
      'gateway.prot: unknown key, ignored: did you mean "port"?',
      "agents.defaults.thinkingDefault: unknown key, ignored.",
      "agents.defaults.tools.deny: unknown key, ignored.",
      'agents.defaults.model.fallback: unknown key, ignored: did you mean "fallbacks"?',
      "agents.list[0].identity: unknown key, ignored.",
      "models.mode: unknown key, ignored.",
      "models.providers.local.auth: unknown key, ignored.",
      "models.providers.local.models[0].api: unknown key, ignored.",
    ]);
  });

  test("in session OpenClaw's own keys are warnings and misspelt keys of ours are errors", async () => {
    const theirs = { scope: "per-sender", store: "x", reset: { mode: "daily" }, maintenance: { mode: "warn", pruneAfter: "30d" } };
    expect((await load({ session: theirs })).warnings).toEqual([
      "session.scope: unknown key, ignored.",
      "session.store: unknown key, ignored.",
      "session.reset: unknown key, ignored.",
    ]);
    expect(await problems({ session: { databse: "x", maxQueud: 1 } })).toEqual([
      'session.databse: unknown key: did you mean "database"? Rename or remove it.',
      'session.maxQueud: unknown key: did you mean "maxQueued"? Rename or remove it.',
    ]);
  });

  test("a key that nearly narrows what an agent may do is an error, wherever agents are", async () => {
    const tools = { alow: ["calculator"], maxOutputByte: 256, httpFetch: { allowedHosts: ["example.org"], proxy: "x" } };
    expect(
      await problems({
        agents: {
          defaults: { tools, tool: [] },
          entries: { a: { toolz: [] } },
          list: [{ id: "b", tools: { httpFetsh: {} } }],
          entires: {},
        },
      }),
    ).toEqual([
      'agents.defaults.tools.alow: unknown key: did you mean "allow"? Rename or remove it.',
      'agents.defaults.tools.maxOutputByte: unknown key: did you mean "maxOutputBytes"? Rename or remove it.',
      'agents.defaults.tools.httpFetch.allowedHosts: unknown key: did you mean "allowHosts"? Rename or remove it.',
      "agents.defaults.tools.httpFetch.proxy: unknown key: known here: allowHosts, maxBytes, maxRedirects, timeoutMs. Rename or remove it.",
      'agents.defaults.tool: unknown key: did you mean "tools"? Rename or remove it.',
      'agents.entries.a.toolz: unknown key: did you mean "tools"? Rename or remove it.',
      'agents.list[0].tools.httpFetsh: unknown key: did you mean "httpFetch"? Rename or remove it.',
      'agents.entires: unknown key: did you mean "entries"? Rename or remove it.',
    ]);
  });

  test("OpenClaw's own keys of agents and their tools are warnings, also those that look like ours", async () => {
    const tools = { profile: "minimal", alsoAllow: ["exec"], deny: ["exec"], byProvider: {}, exec: {}, fs: {}, sandbox: {}, elevated: {} };
    const agent = { name: "M", skills: [], params: {}, runtime: {}, tts: {}, models: {}, tools };
    const config = await load({ agents: { defaults: { models: { "openai/x": {} } }, list: [{ id: "main", ...agent }] } });
    expect(config.warnings).toHaveLength(1 + 6 + 8);
  });

  test("other sections are ignored with one line, a near miss pointed out", async () => {
    expect((await load({ channels: { telegram: {} }, plugins: [], gatway: { port: 1 } })).warnings).toEqual([
      'top level: these sections are not Clawgate\'s and are ignored: channels, plugins, gatway (did you mean "gateway"?).',
    ]);
  });

  test("a key called __proto__ changes nothing but itself", async () => {
    const config = await load(
      '{ gateway: { "__proto__": { port: 1 } }, agents: { entries: { main: { "__proto__": { default: true } } } } }',
    );
    expect(config.gateway.port).toBe(18789);
    expect(config.agents[0]?.isDefault).toBe(false);
    expect(config.warnings).toHaveLength(2);
  });

  test("an agent, provider, header or alias called __proto__ is an error", async () => {
    const named = '{ "__proto__": {} }';
    const headers = '{ "__proto__": "x" }';
    const aliases = `gateway: { http: { endpoints: { chatCompletions: { modelAliases: { "__proto__": "main" } } } } }`;
    expect(await problems(`{ agents: { entries: ${named} }, models: { providers: ${named} }, ${aliases} }`)).toEqual([
      "agents.entries.__proto__: is not a valid name; rename it.",
      "models.providers.__proto__: is not a valid name; rename it.",
      "gateway.http.endpoints.chatCompletions.modelAliases.__proto__: is not a valid name; rename it.",
    ]);
    expect(await problems(`{ models: { providers: { p: { baseUrl: "http://h", headers: ${headers} } } } }`)).toEqual([
      "models.providers.p.headers.__proto__: is not a valid name; rename it.",
    ]);
  });
});

describe("${VAR}", () => {
  test("it is replaced in every string, also inside a longer one, and only once", async () => {
    const config = await load(
      {
        gateway: { bind: "${BIND}", auth: { token: "${TOKEN}" } },
        agents: { entries: { main: { systemPrompt: "Hi ${NAME}, ${NAME}!", tools: ["${TOOL}"] } } },
      },
      { BIND: "auto", TOKEN: "${NAME}", NAME: "Ann", TOOL: "calculator" },
    );
    expect(config.gateway.auth.secret).toBe("${NAME}");
    expect(config.agents[0]).toMatchObject({ systemPrompt: "Hi Ann, Ann!", tools: { allow: ["calculator"] } });
  });

  test("$${VAR} is the literal text, and a lone $ or {} stays as it is", async () => {
    const config = await load({ agents: { entries: { main: { systemPrompt: "$${HOME} $5 ${} {X} $HOME" } } } });
    expect(config.agents[0]?.systemPrompt).toBe("${HOME} $5 ${} {X} $HOME");
  });

  test("a missing or empty variable is an error that names the path, and no second one follows from it", async () => {
    const file = {
      gateway: { bind: "${BIND}", auth: { token: "${TOKEN}" } },
      models: { providers: { p: { baseUrl: "http://h", headers: { a: "${EMPTY}" } } } },
    };
    expect(await problems(file, { EMPTY: "" })).toEqual([
      "gateway.bind: the environment variable BIND is not set: set it, or write $${BIND} for the literal text.",
      "gateway.auth.token: the environment variable TOKEN is not set: set it, or write $${TOKEN} for the literal text.",
      "models.providers.p.headers.a: the environment variable EMPTY is empty: set it, or write $${EMPTY} for the literal text.",
    ]);
  });

  test("what is ignored is not looked into", async () => {
    const config = await load({ channels: { telegram: { botToken: "${ABSENT}" } }, gateway: { mode: "${ABSENT}" } });
    expect(config.warnings).toHaveLength(2);
  });
});
