/**
 * Agents and what they run on: entries and list, inheritance, tools, providers, models.
 * No provider is contacted; which tools really exist is for the runtime to say.
 */
import { describe, expect, test } from "@jest/globals";
import { load, problems } from "./config-file.ts";

const entries = (entries: object, defaults: object = {}) => ({ agents: { defaults, entries } });

describe("agents", () => {
  test("entries and list both work, in this order, and ids are lower-cased", async () => {
    const config = await load({ agents: { entries: { Main: {}, beta: { default: true } }, list: [{ id: "Gamma-1" }] } });
    expect(config.agents.map(({ id, isDefault }) => [id, isDefault])).toEqual([
      ["main", false],
      ["beta", true],
      ["gamma-1", false],
    ]);
  });

  test("the same id twice is an error, whatever its case and form", async () => {
    const twice = (id: string) => `there are two agents "${id}" in entries and list together; case does not matter. Keep one.`;
    expect(await problems({ agents: { entries: { main: {}, A: {}, a: {} }, list: [{ id: "main" }] } })).toEqual([
      `agents.entries.a: ${twice("a")}`,
      `agents.list[0].id: ${twice("main")}`,
    ]);
  });

  test.each(["-a", "a b", "é", "a".repeat(65), "", "a/b"])("the id %p is an error", async (id) => {
    const found = await problems(entries({ [id]: {} }));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain("an agent's id must start with a letter or digit and have at most 64 letters, digits, - and _.");
  });

  test("more than one default is an error", async () => {
    expect(await problems(entries({ a: { default: true }, b: {}, c: { default: true } }))).toEqual([
      'agents.entries.c.default: "a" is the default agent already; at most one may be.',
    ]);
  });

  test("an agent called default is told how it is reached", async () => {
    expect((await load(entries({ default: {} }))).warnings).toEqual([
      "agents.entries.default: the model names openclaw/default and openclaw:default mean the default agent; this one is agent:default.",
    ]);
  });

  test("what an agent does not say it has from agents.defaults", async () => {
    const defaults = { model: "builtin/offline", systemPrompt: "d", tools: ["calculator"], maxTurns: 3, runTimeoutMs: 4 };
    const own = { model: { primary: "ollama/qwen3" }, systemPrompt: "o", tools: { allow: ["current_time"] }, maxTurns: 5, runTimeoutMs: 6 };
    const config = await load(entries({ a: {}, b: own, c: { tools: [] } }, defaults));
    expect(config.agents[0]).toMatchObject({ ...defaults, fallbacks: [], tools: { allow: ["calculator"] } });
    expect(config.agents[1]).toMatchObject({ ...own, model: "ollama/qwen3" });
    expect(config.agents[2]?.tools.allow).toEqual([]);
  });

  test("unknown tools are left out with a warning", async () => {
    const config = await load(entries({ main: { tools: ["exec", "calculater", "memory_save", "memory_save"] } }));
    expect(config.agents[0]?.tools.allow).toEqual(["memory_save"]);
    expect(config.warnings).toEqual([
      'agents.entries.main.tools: no such tools here, left out: exec, calculater (did you mean "calculator"?). ' +
        "There are: calculator, current_time, memory_save, memory_recall, http_fetch.",
    ]);
  });

  test("fallbacks are kept in their order: an agent's own where it has an object, else those of agents.defaults", async () => {
    const model = { primary: "builtin/offline", fallbacks: ["ollama/a", " ollama/b "] };
    const own = { b: { model: "ollama/c" }, c: { model: { primary: "ollama/c" } }, d: { model: "ollama/a" } };
    const config = await load(entries({ a: {}, ...own }, { model }));
    expect(config.agents.map((agent) => [agent.model, agent.fallbacks])).toEqual([
      ["builtin/offline", ["ollama/a", "ollama/b"]],
      ["ollama/c", ["ollama/a", "ollama/b"]],
      ["ollama/c", []],
      ["ollama/a", ["ollama/b"]],
    ]);
    expect(config.warnings).toEqual([]);
  });

  test("a fallback of a provider that there is not is left out with a warning, so that a file of OpenClaw's works", async () => {
    const models = { providers: { other: { baseUrl: "http://h/v1", api: "openai-responses" } } };
    const model = { primary: "builtin/offline", fallbacks: ["openrouter/x/y", "other/z", "ollama/a"] };
    const config = await load({ ...entries({ main: { model } }), models });
    expect(config.agents[0]?.fallbacks).toEqual(["ollama/a"]);
    const warnings = config.warnings.filter((warning) => warning.includes("fallbacks"));
    expect(warnings).toEqual([
      expect.stringMatching(/^agents\.entries\.main\.model\.fallbacks\[0\]: left out: there is no provider "openrouter"/),
      expect.stringMatching(/^agents\.entries\.main\.model\.fallbacks\[1\]: left out: .*openai-responses/),
    ]);
  });

  test("a fallback that is the model itself, or in the list twice, is left out with a warning", async () => {
    const model = { primary: "ollama/a", fallbacks: ["ollama/b", "ollama/a", " ollama/b"] };
    const config = await load(entries({ main: { model } }));
    expect(config.agents[0]).toMatchObject({ model: "ollama/a", fallbacks: ["ollama/b"] });
    expect(config.warnings).toEqual([
      "agents.entries.main.model.fallbacks[1]: is the primary model itself; left out.",
      "agents.entries.main.model.fallbacks[2]: is in the list already; left out.",
    ]);
  });

  test("a fallback that its provider does not list is an error", async () => {
    const models = { providers: { local: { baseUrl: "http://h/v1", models: [{ id: "a" }] } } };
    expect(await problems({ ...entries({ a: { model: { primary: "local/a", fallbacks: ["local/b"] } } }), models })).toEqual([
      'agents.entries.a.model.fallbacks[0]: provider "local" has no model "b"; it has: a.',
    ]);
  });

  test("a workspace that is not there is a warning", async () => {
    const config = await load(entries({ a: {}, b: { workspace: "b" } }, { workspace: "." }));
    expect(config.warnings).toEqual([
      `agents.entries.b.workspace: there is no folder ${config.agents[1]?.workspace}; make it, or correct the path.`,
    ]);
    expect((await load(entries({ a: {}, b: {} }, { workspace: "shared" }))).warnings).toEqual([
      expect.stringMatching(/^agents\.defaults\.workspace: there is no folder \S+\/shared; /),
    ]);
  });

  test.each([
    "https://example.org",
    "example.org/path",
    "example.org:8443",
    "user@example.org",
    "exa mple.org",
    "*.*.org",
    "a..b",
    "[::1]",
  ])("the host %j is an error for http_fetch", async (host) => {
    const tools = { allow: ["http_fetch"], httpFetch: { allowHosts: ["example.org", host] } };
    expect(await problems(entries({ main: {} }, { tools }))).toEqual([
      `agents.defaults.tools.httpFetch.allowHosts[1]: ${JSON.stringify(host)} must be a host name only, such as "example.org", ` +
        '"*.example.org" or "*": no scheme, user, port, path or blanks.',
    ]);
  });

  test("hosts are names in any script, what is below one, all of them, and addresses", async () => {
    const allowHosts = [" Example.ORG ", "*.bücher.example", "*", "my_host", "192.0.2.1", "2001:db8::1"];
    const config = await load(entries({ main: { tools: { allow: ["http_fetch"], httpFetch: { allowHosts } } } }));
    expect(config.agents[0]?.tools.httpFetch.allowHosts).toEqual(allowHosts.map((host) => host.trim().toLowerCase()));
  });
});

describe("models and providers", () => {
  const local = {
    baseUrl: "http://127.0.0.1:8080/v1/",
    apiKey: "k",
    headers: { "X-A": "b" },
    timeoutMs: 9,
    models: [{ id: "a/b", input: ["text"] }],
  };
  const file = (model: string, provider: object = local) => ({
    ...entries({ main: { model } }),
    models: { providers: { local: provider } },
  });

  test("a provider of the file arrives whole, its address without the trailing slash", async () => {
    const config = await load(file("local/a/b"));
    expect(config.agents[0]?.model).toBe("local/a/b");
    expect(config.providers[0]).toEqual({
      id: "local",
      api: "openai-completions",
      baseUrl: "http://127.0.0.1:8080/v1",
      apiKey: "k",
      headers: { "X-A": "b" },
      timeoutMs: 9,
      models: [{ id: "a/b", takesImages: false }],
    });
    expect(config.defaultModel).toBeUndefined();
  });

  test("the embedded model and Ollama are always there, OpenAI with its key", async () => {
    const bare = await load();
    expect(bare.providers.map(({ id, api, baseUrl }) => [id, api, baseUrl])).toEqual([
      ["ollama", "openai-completions", "http://127.0.0.1:11434/v1"],
      ["builtin", "builtin", ""],
    ]);
    const withKey = await load({}, { OPENAI_API_KEY: "sk" });
    expect(withKey.providers[0]).toMatchObject({
      id: "openai",
      apiKey: "sk",
      baseUrl: "https://api.openai.com/v1",
      models: [],
      timeoutMs: 120000,
    });
    const elsewhere = await load({}, { OPENAI_API_KEY: "sk", OPENAI_BASE_URL: "http://h:1/v1/" });
    expect(elsewhere.providers[0]?.baseUrl).toBe("http://h:1/v1");
  });

  test("a key from the environment is never sent to an address from the file", async () => {
    const config = await load(
      { ...entries({ main: { model: "openai/x" } }), models: { providers: { openai: { baseUrl: "http://h/v1" } } } },
      { OPENAI_API_KEY: "sk" },
    );
    const named = config.providers.filter((one) => one.id === "openai");
    expect(named).toEqual([
      { id: "openai", api: "openai-completions", baseUrl: "http://h/v1", headers: {}, models: [], timeoutMs: 120000 },
    ]);
  });

  test.each([
    ["qwen3", '"qwen3" must be <provider>/<model>, such as openai/gpt-5.4.'],
    ["/x", '"/x" must be <provider>/<model>, such as openai/gpt-5.4.'],
    ["local/", '"local/" must be <provider>/<model>, such as openai/gpt-5.4.'],
    ["a/b", 'there is no provider "a": did you mean "local/a/b"?'],
    ["offline", '"offline" must be <provider>/<model>: did you mean "builtin/offline"?'],
    ["local/zzz", 'provider "local" has no model "zzz"; it has: a/b.'],
    ["lcal/x", 'there is no provider "lcal": did you mean "local"? Add models.providers.lcal, or use another one.'],
    ["openai/x", 'there is no provider "openai": known here: local, ollama, builtin. Set OPENAI_API_KEY to have it.'],
    ["builtin/online", 'provider "builtin" has no model "online"; it has: offline.'],
  ])("the model %s is an error that says what there is", async (model, message) => {
    expect(await problems(file(model))).toEqual([`agents.entries.main.model: ${message}`]);
  });

  test("a wrong model of agents.defaults is reported once, and not at all when nobody uses it", async () => {
    const message = 'there is no provider "x": known here: ollama, builtin. Add models.providers.x, or use another one.';
    expect(await problems(entries({ a: {}, b: {} }, { model: "x/y" }))).toEqual([`agents.defaults.model: ${message}`]);
    expect((await load(entries({ a: { model: "builtin/offline" } }, { model: "x/y" }))).agents).toHaveLength(1);
  });

  test("a provider of another protocol is left out with a warning, and an agent that uses it is an error", async () => {
    const bedrock = { ...local, api: "bedrock-converse-stream" };
    const unused = await load(file("builtin/offline", bedrock));
    expect(unused.providers.map((one) => one.id)).toEqual(["ollama", "builtin"]);
    expect(unused.warnings).toEqual([
      "models.providers.local.api: this version speaks only openai-completions, anthropic-messages, google-generative-ai, ai-sdk, " +
        "so the provider is left out.",
    ]);
    expect(await problems(file("local/a/b", bedrock))).toEqual([
      'agents.entries.main.model: provider "local" uses bedrock-converse-stream, which this version cannot speak; ' +
        "choose a model of ollama, builtin.",
    ]);
  });

  test.each([
    ["anthropic", "anthropic-messages"],
    ["Claude", "anthropic-messages"],
    ["google", "google-generative-ai"],
    ["gemini", "google-generative-ai"],
    ["openai", "openai-completions"],
    ["openai-completion", "openai-completions"],
  ])("a protocol called %s is told its name, also where an agent uses it", async (api, name) => {
    expect((await load(file("builtin/offline", { ...local, api }))).warnings).toEqual([
      `models.providers.local.api: "${api}" is not known, so the provider is left out: did you mean "${name}"?`,
    ]);
    expect(await problems(file("local/a/b", { ...local, api }))).toEqual([
      `agents.entries.main.model: provider "local" has the api "${api}", which is not known: did you mean "${name}"?`,
    ]);
  });

  test.each(["openai-responses", "openai-codex-responses", "github-copilot", "bedrock-converse-stream", "ollama"])(
    "OpenClaw's protocol %s is not taken for a misspelt one",
    async (api) => {
      expect((await load(file("builtin/offline", { ...local, api }))).warnings).toEqual([
        expect.stringContaining(".api: this version speaks only openai-completions, "),
      ]);
    },
  );

  test("a model that two providers list is not guessed", async () => {
    const providers = { one: { baseUrl: "http://h/v1", models: [{ id: "m" }] }, two: { baseUrl: "http://h/v1", models: [{ id: "m" }] } };
    expect(await problems({ ...entries({ main: { model: "m" } }), models: { providers } })).toEqual([
      'agents.entries.main.model: "m" must be <provider>/<model>, such as openai/gpt-5.4.',
    ]);
  });

  test.each([
    [{ baseUrl: "127.0.0.1:8080" }, ".baseUrl: must be a URL that starts with http:// or https://."],
    [{ baseUrl: "http://u:p@h/v1" }, ".baseUrl: must not contain a user or password; use apiKey or headers."],
    [{ baseUrl: "http://h/v1?x=1" }, ".baseUrl: must end with its path, without ? and #."],
    [{ baseUrl: "http://h", apiKey: "" }, ".apiKey: must not be empty: give it a value or leave the key out."],
    [{ baseUrl: "http://h", headers: { "a b": "c" } }, '.headers["a b"]: is not a valid name; rename it.'],
    [{ baseUrl: "http://h", headers: { a: "b\r\nc: d" } }, ".headers.a: must not contain control characters."],
  ])("the provider %p is an error", async (provider, message) => {
    expect(await problems(file("builtin/offline", provider))).toEqual([`models.providers.local${message}`]);
  });

  const notAHeaderValue =
    "has a character that no HTTP header can carry, such as a line break or a typographic quotation mark; take the value over again.";

  test.each(["sk-a\nb", "sk-\u201cab\u201d", "sk-\u0000", "키"])("the key %j is an error that does not show it", async (apiKey) => {
    const provider = { baseUrl: "http://h", apiKey, headers: {} };
    expect(await problems(file("builtin/offline", provider))).toEqual([`models.providers.local.apiKey: ${notAHeaderValue}`]);
    const fromVariable = file("builtin/offline", { ...provider, apiKey: "${KEY}" });
    expect(await problems(fromVariable, { KEY: apiKey })).toEqual([`models.providers.local.apiKey: ${notAHeaderValue}`]);
    expect(await problems({}, { OPENAI_API_KEY: apiKey })).toEqual([`OPENAI_API_KEY: ${notAHeaderValue}`]);
  });

  test("a key's outer blanks are dropped, and it may have any letter that a header can carry", async () => {
    const config = await load(file("builtin/offline", { baseUrl: "http://h", apiKey: " clé ß\n", headers: { "X-A": "é\t~" } }));
    expect(config.providers[0]).toMatchObject({ apiKey: "clé ß", headers: { "X-A": "é\t~" } });
  });

  test("a header's value that no header can carry is an error that does not show it", async () => {
    expect(await problems(file("builtin/offline", { baseUrl: "http://h", headers: { "X-A": "“b”" } }))).toEqual([
      `models.providers.local.headers.X-A: ${notAHeaderValue}`,
    ]);
  });

  test.each(["Content-Length", "host", "Transfer-Encoding", "connection", "Keep-Alive", "upgrade", "Expect"])(
    "the header %s belongs to the connection and is an error",
    async (name) => {
      expect(await problems(file("builtin/offline", { baseUrl: "http://h", headers: { [name]: "1" } }))).toEqual([
        `models.providers.local.headers.${name}: this header belongs to the connection and is set by the gateway; remove it.`,
      ]);
    },
  );

  test("the embedded provider's name cannot be taken", async () => {
    expect(await problems({ models: { providers: { builtin: { baseUrl: "http://h" } } } })).toEqual([
      "models.providers.builtin: this name is the gateway's own; rename the provider.",
    ]);
  });
});
