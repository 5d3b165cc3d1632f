/**
 * Who serves models: the file's providers, those the environment offers and the embedded one.
 *
 * A provider of the file takes the place of the environment's of the same name as a whole: a key from the
 * environment is never sent to an address from the file. No provider is contacted here.
 */
import type { ConfigPath, Findings } from "./config-error.ts";
import type { ModelConfig, ProviderApi, ProviderConfig } from "./config.ts";
import { hostedProviders, providersOfEnvironment } from "./environment-providers.ts";
import { findPackage } from "./installed-package.ts";
import { checkLlamaRef, isLlamaRef, toLlamaRef } from "./llama-models.ts";
import { findNearest, suggest } from "./nearest.ts";
import { anthropicUrl, checkHeaders, checkUrl, googleUrl, isHeaderValue, notAHeaderValue, toBaseUrl } from "./provider-checks.ts";
import { defaultProviderTimeoutMs } from "./schema-models.ts";
import type { ConfigFile } from "./schema.ts";

export interface Providers {
  readonly usable: readonly ProviderConfig[];
  /** Id → protocol, for those this version cannot speak. */
  readonly unusable: ReadonlyMap<string, string>;
  readonly place: ConfigPlace;
}

export interface ConfigPlace {
  /** Of the config file. */
  readonly folder: string;
  /** A path of the file, absolute. */
  readonly toPath: (path: string) => string;
}

type ProvidersFile = ConfigFile["models"]["providers"];
type ProviderFile = ProvidersFile[string];

const builtin: ProviderConfig = {
  id: "builtin",
  api: "builtin",
  baseUrl: "",
  headers: {},
  models: [{ id: "offline", takesImages: false }],
  timeoutMs: defaultProviderTimeoutMs,
};

/** What a file may name, with the address that is meant when it names none. */
const apis: ReadonlyMap<string, string> = new Map<ProviderApi, string>([
  ["openai-completions", ""],
  ["anthropic-messages", anthropicUrl],
  ["google-generative-ai", googleUrl],
  ["ai-sdk", ""],
]);

/** What other programs call them. */
const otherApiNames: ReadonlyMap<string, ProviderApi> = new Map([
  ["anthropic", "anthropic-messages"],
  ["claude", "anthropic-messages"],
  ["google", "google-generative-ai"],
  ["gemini", "google-generative-ai"],
  ["openai", "openai-completions"],
  ["openai-compatible", "openai-completions"],
  ["openai-chat", "openai-completions"],
  ["openai-chat-completions", "openai-completions"],
]);

/** Of OpenClaw's protocols that we do not speak, none is as near as that to one of ours. */
const misspellingEdits = 3;

function nearestApi(name: string): string | undefined {
  const known = name.trim().toLowerCase();
  return otherApiNames.get(known) ?? findNearest(known, [...apis.keys()], misspellingEdits);
}

export function buildProviders(file: ProvidersFile, env: NodeJS.ProcessEnv, place: ConfigPlace, findings: Findings): Providers {
  const unusable = new Map<string, string>();
  const ofFile = Object.entries(file).flatMap(([id, provider]): ProviderConfig[] => {
    const path = ["models", "providers", id];
    if (id === builtin.id) findings.error(path, "this name is the gateway's own; rename the provider.");
    else if (!/^[^\s/]+$/.test(id)) findings.error(path, "a provider's name must not be empty or contain spaces or slashes; rename it.");
    if (apis.has(provider.api)) return [readProvider(id, provider, path, { place, findings })];
    unusable.set(id, provider.api);
    const nearest = nearestApi(provider.api);
    const message =
      nearest === undefined
        ? `this version speaks only ${[...apis.keys()].join(", ")}, so the provider is left out.`
        : `"${provider.api}" is not known, so the provider is left out: did you mean "${nearest}"?`;
    findings.warn([...path, "api"], message);
    return [];
  });
  const ofEnvironment = providersOfEnvironment(env, (id) => Object.hasOwn(file, id), findings);
  return { usable: [...ofFile, ...ofEnvironment, builtin], unusable, place };
}

function readProvider(
  id: string,
  file: ProviderFile,
  path: ConfigPath,
  { place, findings }: { place: ConfigPlace; findings: Findings },
): ProviderConfig {
  const { baseUrl, apiKey, headers, models, options, timeoutMs } = file;
  const api = file.api as ProviderApi;
  const problem = baseUrl === undefined ? undefined : checkUrl(baseUrl);
  if (problem !== undefined) findings.error([...path, "baseUrl"], problem);
  if (apiKey !== undefined && !isHeaderValue(apiKey.trim())) findings.error([...path, "apiKey"], notAHeaderValue);
  checkHeaders(headers, [...path, "headers"], findings);
  return {
    id,
    api,
    ...readPackage(file, path, { place, findings }),
    baseUrl: baseUrl === undefined ? (apis.get(api) ?? "") : toBaseUrl(baseUrl, api),
    ...(apiKey === undefined ? {} : { apiKey: apiKey.trim() }),
    headers,
    ...(options === undefined ? {} : { options }),
    models: models.map((model, index) => readModel(model, [...path, "models", index], findings)),
    timeoutMs,
  };
}

function readPackage(
  { api, package: name, options }: ProviderFile,
  path: ConfigPath,
  { place, findings }: { place: ConfigPlace; findings: Findings },
): Pick<ProviderConfig, "package" | "packageEntry"> {
  if (api !== "ai-sdk") {
    if (name !== undefined) findings.warn([...path, "package"], "has no effect without api: ai-sdk.");
    if (options !== undefined) findings.warn([...path, "options"], "has no effect without api: ai-sdk.");
    return {};
  }
  // The schema asks for it.
  if (name === undefined) return {};
  const packageEntry = findPackage(name, place.folder);
  if (packageEntry !== undefined) return { package: name, packageEntry };
  findings.error([...path, "package"], `${name} is not installed: run "npm install ${name}" in ${place.folder}.`);
  return { package: name };
}

/** As OpenClaw reads it: a model that says nothing of its input takes text alone, and a price that is not given is 0. */
function readModel(
  { id, input, maxTokens, contextWindow, cost }: ProviderFile["models"][number],
  path: ConfigPath,
  findings: Findings,
): ModelConfig {
  const { input: perInput = 0, output = 0 } = cost ?? {};
  if (cost !== undefined && (cost.input === undefined) !== (cost.output === undefined)) {
    const [given, missing] = cost.input === undefined ? ["output", "input"] : ["input", "output"];
    findings.warn([...path, "cost"], `has a price for ${given} and none for ${missing}, which counts as 0.`);
  }
  const price = { input: perInput, output, cacheRead: cost?.cacheRead ?? perInput, cacheWrite: cost?.cacheWrite ?? perInput };
  return {
    id,
    takesImages: input?.includes("image") ?? false,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(contextWindow === undefined ? {} : { contextWindow }),
    ...(cost === undefined ? {} : { price }),
  };
}

/** `ref` as the catalog knows it. */
export function toModelRef(ref: string, { place }: Providers): string {
  return isLlamaRef(ref) ? toLlamaRef(ref, place.toPath) : ref;
}

/** What is wrong with `<provider>/<model>` or `llama:<path>` as an agent's model, or undefined. */
export function checkModelRef(ref: string, providers: Providers): string | undefined {
  const { usable, unusable, place } = providers;
  if (isLlamaRef(ref)) return checkLlamaRef(toModelRef(ref, providers), place.folder);
  const slash = ref.indexOf("/");
  const whole = listing(ref, usable);
  if (slash < 1 || slash === ref.length - 1) {
    return `"${ref}" must be <provider>/<model>${whole === undefined ? ", such as openai/gpt-5.4." : `: did you mean "${whole}"?`}`;
  }
  const id = ref.slice(0, slash);
  const model = ref.slice(slash + 1);
  const api = unusable.get(id);
  if (api !== undefined) {
    const nearest = nearestApi(api);
    if (nearest !== undefined) return `provider "${id}" has the api "${api}", which is not known: did you mean "${nearest}"?`;
    return `provider "${id}" uses ${api}, which this version cannot speak; choose a model of ${listIds(usable)}.`;
  }
  const provider = usable.find((one) => one.id === id);
  if (provider === undefined) {
    // Models may have a slash in their own names.
    if (whole !== undefined) return `there is no provider "${id}": did you mean "${whole}"?`;
    const key = hostedProviders.find((hosted) => hosted.id === id)?.keys[0];
    const hint = key === undefined ? ` Add models.providers.${id}, or use another one.` : ` Set ${key} to have it.`;
    return `there is no provider "${id}": ${suggest(
      id,
      usable.map((one) => one.id),
    )}${hint}`;
  }
  if (provider.models.length === 0 || provider.models.some((one) => one.id === model)) return undefined;
  return `provider "${id}" has no model "${model}"; it has: ${provider.models.map((one) => one.id).join(", ")}.`;
}

/** `<provider>/<model>` for the model called `id`, if exactly one provider says that it has such a one. */
function listing(id: string, providers: readonly ProviderConfig[]): string | undefined {
  const [one, ...others] = providers.filter(({ models }) => models.some((model) => model.id === id));
  return one === undefined || others.length > 0 ? undefined : `${one.id}/${id}`;
}

function listIds(providers: readonly ProviderConfig[]): string {
  return providers.map((one) => one.id).join(", ");
}
