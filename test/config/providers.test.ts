/** Providers of other protocols than OpenAI's, models with images and prices, and model files. Nothing is contacted or loaded. */
import { describe, expect, test } from "@jest/globals";
import { dirname, join } from "node:path";
import { loadConfig } from "../../src/config/load.ts";
import { load, makeFolder, problems, rejection, writeFileAt } from "./config-file.ts";

const withProvider = (provider: object, model = "builtin/offline") => ({
  agents: { entries: { main: { model } } },
  models: { providers: { p: provider } },
});
const providerOf = async (provider: object) => (await load(withProvider(provider))).providers[0];

describe("the address of a provider", () => {
  test.each([
    ["anthropic-messages", "https://api.anthropic.com", "https://api.anthropic.com/v1"],
    ["anthropic-messages", "https://api.anthropic.com/v1/", "https://api.anthropic.com/v1"],
    ["anthropic-messages", "https://proxy.example/anthropic", "https://proxy.example/anthropic/v1"],
    ["anthropic-messages", undefined, "https://api.anthropic.com/v1"],
    ["google-generative-ai", "https://generativelanguage.googleapis.com", "https://generativelanguage.googleapis.com/v1beta"],
    ["google-generative-ai", "https://generativelanguage.googleapis.com/v1beta", "https://generativelanguage.googleapis.com/v1beta"],
    ["google-generative-ai", "http://h/v1alpha/", "http://h/v1alpha"],
    ["google-generative-ai", undefined, "https://generativelanguage.googleapis.com/v1beta"],
    ["openai-completions", "http://h/any/", "http://h/any"],
  ])("for %s, %s is %s", async (api, baseUrl, expected) => {
    expect(await providerOf({ api, baseUrl })).toMatchObject({ api, baseUrl: expected });
  });

  test("must be given where nobody knows it", async () => {
    const missing = "this key is required: it must be a string.";
    expect(await problems(withProvider({}))).toEqual([`models.providers.p.baseUrl: ${missing}`]);
    expect(await problems(withProvider({ api: "ai-sdk" }))).toEqual([`models.providers.p.package: ${missing}`]);
  });
});

describe("a provider of the environment", () => {
  test.each([
    [{ ANTHROPIC_API_KEY: "k" }, "anthropic", "anthropic-messages", "https://api.anthropic.com/v1"],
    [{ ANTHROPIC_API_KEY: "k", ANTHROPIC_BASE_URL: "http://h:1" }, "anthropic", "anthropic-messages", "http://h:1/v1"],
    [
      { GEMINI_API_KEY: "k", GOOGLE_API_KEY: "other" },
      "google",
      "google-generative-ai",
      "https://generativelanguage.googleapis.com/v1beta",
    ],
    [{ GOOGLE_API_KEY: "k", GOOGLE_GEMINI_BASE_URL: "http://h:1" }, "google", "google-generative-ai", "http://h:1/v1beta"],
  ])("is there with its key: %j", async (env, id, api, baseUrl) => {
    const config = await load({}, env);
    expect(config.providers[0]).toMatchObject({ id, api, baseUrl, apiKey: "k", models: [] });
    expect(config.agents[0]?.model.startsWith(`${id}/`)).toBe(true);
  });

  test.each([
    ["anthropic", "ANTHROPIC_API_KEY"],
    ["google", "GEMINI_API_KEY"],
  ])("%s gives way to the file's, and %s does not go there", async (id, variable) => {
    const file = { agents: { entries: { main: { model: `${id}/m` } } }, models: { providers: { [id]: { baseUrl: "http://h/v1" } } } };
    const found = (await load(file, { [variable]: "secret" })).providers.filter((one) => one.id === id);
    expect(found).toHaveLength(1);
    expect(found[0]).not.toHaveProperty("apiKey");
    expect(await problems({ agents: { entries: { main: { model: `${id}/m` } } } })).toEqual([
      `agents.entries.main.model: there is no provider "${id}": known here: ollama, builtin. Set ${variable} to have it.`,
    ]);
  });
});

test("a listed model says whether it takes images, how much it writes and what it costs", async () => {
  const models = [
    { id: "plain" },
    { id: "sees", input: ["text", "image"], contextWindow: 1000, maxTokens: 100, cost: { input: 3, output: 15, cacheRead: 0.3 } },
    { id: "free", cost: {} },
  ];
  expect((await providerOf({ api: "anthropic-messages", models }))?.models).toEqual([
    { id: "plain", takesImages: false },
    { id: "sees", takesImages: true, contextWindow: 1000, maxTokens: 100, price: { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3 } },
    { id: "free", takesImages: false, price: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 } },
  ]);
});

test("what a model takes is one of the known kinds, and nothing has a price below zero", async () => {
  const models = [
    { id: "a", input: ["text", "imgae"] },
    { id: "b", input: ["pictures"] },
    { id: "c", cost: { input: -1, output: 1 } },
  ];
  const kinds = 'must be one of "text", "image", "audio", "video", "file"';
  expect(await problems(withProvider({ baseUrl: "http://h/v1", models }))).toEqual([
    `models.providers.p.models[0].input[1]: ${kinds}: did you mean "image"?`,
    `models.providers.p.models[1].input[0]: ${kinds}.`,
    "models.providers.p.models[2].cost.input: must be at least 0.",
  ]);
});

test("half a price is a warning", async () => {
  const models = [
    { id: "a", cost: { input: 1 } },
    { id: "b", cost: { output: 1 } },
    { id: "c", cost: { input: 0, output: 1 } },
  ];
  expect((await load(withProvider({ baseUrl: "http://h/v1", models }))).warnings).toEqual([
    "models.providers.p.models[0].cost: has a price for input and none for output, which counts as 0.",
    "models.providers.p.models[1].cost: has a price for output and none for input, which counts as 0.",
  ]);
});

describe("a package of the user's", () => {
  test("is found beside the gateway", async () => {
    const found = await providerOf({ api: "ai-sdk", package: "@ai-sdk/openai-compatible", options: { name: "x" } });
    expect(found).toMatchObject({ api: "ai-sdk", package: "@ai-sdk/openai-compatible", options: { name: "x" }, baseUrl: "" });
    expect(found?.packageEntry).toMatch(/@ai-sdk\/openai-compatible\/dist\/index\.m?js$/u);
  });

  test.each([
    [{ exports: { ".": { types: "./t.d.ts", import: "./m.js", require: "./c.cjs" } } }, "m.js"],
    [{ exports: { import: { default: "./m.js" } } }, "m.js"],
    [{ exports: "./m.js", main: "./other.js" }, "m.js"],
    [{ main: "./m.js" }, "m.js"],
    [{}, "index.js"],
  ])("is found beside the config file, by its manifest %j", async (manifest, entry) => {
    const folder = makeFolder();
    const home = join(folder, "node_modules", "@mine", "provider");
    writeFileAt(join(home, "package.json"), { name: "@mine/provider", ...manifest });
    for (const name of ["m.js", "index.js", "other.js"]) writeFileAt(join(home, name), "");
    const configPath = writeFileAt(join(folder, "deep", "c.json"), withProvider({ api: "ai-sdk", package: "@mine/provider" }));
    const config = await loadConfig({ configPath }, { HOME: folder, CLAWGATE_OLLAMA: "off" });
    expect(config.providers[0]?.packageEntry).toBe(join(home, entry));
  });

  test("that is nowhere is an error that says how to install it", async () => {
    const { issues } = await rejection(load(withProvider({ api: "ai-sdk", package: "no-such-provider" })));
    expect(issues[0]).toMatch(
      /models\.providers\.p\.package: no-such-provider is not installed: run "npm install no-such-provider" in \/\S+\.$/u,
    );
  });

  test.each(["../evil", "/abs", "a/b", "A", "@x"])("must have a package's name, not %s", async (name) => {
    expect(await problems(withProvider({ api: "ai-sdk", package: name }))).toEqual([
      "models.providers.p.package: must be the name of an npm package, such as @ai-sdk/mistral.",
    ]);
  });

  test("has no effect with another protocol, which is said", async () => {
    const config = await load(withProvider({ api: "google-generative-ai", package: "x", options: {} }));
    expect(config.warnings).toEqual([
      "models.providers.p.package: has no effect without api: ai-sdk.",
      "models.providers.p.options: has no effect without api: ai-sdk.",
    ]);
  });
});

describe("llama:<path>", () => {
  const agents = (...models: string[]) => ({ agents: { entries: Object.fromEntries(models.map((model, n) => [`a${n}`, { model }])) } });
  const withFile = (content: object, isInstalled = true) => {
    const folder = makeFolder();
    writeFileAt(join(folder, "models", "m.gguf"), "");
    if (isInstalled) {
      writeFileAt(join(folder, "node_modules", "node-llama-cpp", "package.json"), { exports: "./index.js" });
      writeFileAt(join(folder, "node_modules", "node-llama-cpp", "index.js"), "");
    }
    return writeFileAt(join(folder, "c.json"), content);
  };
  const loadAt = (configPath: string) => loadConfig({ configPath }, { HOME: dirname(configPath), CLAWGATE_OLLAMA: "off" });

  test("names a model file by its path, from the config file's folder or absolute, as a model or a fallback", async () => {
    const configPath = withFile({
      agents: {
        entries: {
          a: { model: "llama:models/m.gguf" },
          b: { model: { primary: "builtin/offline", fallbacks: ["llama:~/models/m.gguf"] } },
        },
      },
    });
    const folder = dirname(configPath);
    const { agents: found, providers } = await loadAt(configPath);
    const path = join(folder, "models", "m.gguf");
    expect([found[0]?.model, found[1]?.fallbacks]).toEqual([`llama:${path}`, [`llama:${path}`]]);
    expect(providers.at(-1)).toMatchObject({
      id: "llama",
      api: "llama",
      packageEntry: join(folder, "node_modules", "node-llama-cpp", "index.js"),
      models: [{ id: path, takesImages: false }],
    });
  });

  test("that is no file, or no model file, is an error", async () => {
    const configPath = withFile(agents("llama:gone.gguf", "llama:models/m.bin", "llama:models"));
    const folder = dirname(configPath);
    expect((await rejection(loadAt(configPath))).issues).toEqual([
      `${configPath}: agents.entries.a0.model: there is no file ${join(folder, "gone.gguf")}; correct the path after llama:.`,
      `${configPath}: agents.entries.a1.model: "llama:${join(folder, "models/m.bin")}" must name a model file that ends in .gguf.`,
      `${configPath}: agents.entries.a2.model: "llama:${join(folder, "models")}" must name a model file that ends in .gguf.`,
    ]);
  });

  test("without its package is an error that says how to install it", async () => {
    const configPath = withFile(agents("llama:models/m.gguf"), false);
    expect((await rejection(loadAt(configPath))).issues).toEqual([
      `${configPath}: agents.entries.a0.model: llama: models run in the package node-llama-cpp, which is not installed: ` +
        `run "npm install node-llama-cpp" in ${dirname(configPath)}.`,
    ]);
  });

  test("has no provider where no agent names a file", async () => {
    expect((await load()).providers.map(({ id }) => id)).not.toContain("llama");
  });
});
