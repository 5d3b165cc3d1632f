/**
 * The providers that the environment offers: those whose key is set, and an Ollama that may be running.
 *
 * Which of them agents run on when nobody says is `default-model.ts`.
 */
import type { Findings } from "./config-error.ts";
import type { ProviderApi, ProviderConfig } from "./config.ts";
import { resolveOllamaOrigin } from "./ollama.ts";
import { anthropicUrl, checkUrl, googleUrl, isHeaderValue, notAHeaderValue, toBaseUrl } from "./provider-checks.ts";
import { defaultProviderTimeoutMs } from "./schema-models.ts";
import { given } from "./source.ts";

interface Hosted {
  readonly id: string;
  readonly api: ProviderApi;
  /** Variables that hold the key; the first that is set counts. */
  readonly keys: readonly [string, ...string[]];
  /** The variable that moves it to another server, and where it is otherwise. */
  readonly urlVariable: string;
  readonly url: string;
  /** The model that agents run on when nobody names one, and the variable that names another. */
  readonly model: string;
  readonly modelVariable: string;
}

/** In the order in which they are chosen. */
export const hostedProviders: readonly Hosted[] = [
  {
    id: "openai",
    api: "openai-completions",
    keys: ["OPENAI_API_KEY"],
    urlVariable: "OPENAI_BASE_URL",
    url: "https://api.openai.com/v1",
    model: "gpt-5.4",
    modelVariable: "CLAWGATE_OPENAI_MODEL",
  },
  {
    id: "anthropic",
    api: "anthropic-messages",
    keys: ["ANTHROPIC_API_KEY"],
    urlVariable: "ANTHROPIC_BASE_URL",
    url: anthropicUrl,
    model: "claude-sonnet-5-5",
    modelVariable: "CLAWGATE_ANTHROPIC_MODEL",
  },
  {
    id: "google",
    api: "google-generative-ai",
    keys: ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"],
    urlVariable: "GOOGLE_GEMINI_BASE_URL",
    url: googleUrl,
    model: "gemini-3.8-flash",
    modelVariable: "CLAWGATE_GEMINI_MODEL",
  },
];

/** The variable that holds the provider's key, or undefined when none does. */
export function keyVariableOf({ keys }: Hosted, env: NodeJS.ProcessEnv): string | undefined {
  return keys.find((name) => given(env[name]) !== undefined);
}

/** All of them but those whose name is taken. */
export function providersOfEnvironment(
  env: NodeJS.ProcessEnv,
  isTaken: (id: string) => boolean,
  findings: Findings,
): readonly ProviderConfig[] {
  const hosted = hostedProviders.filter(({ id }) => !isTaken(id)).flatMap((one) => fromKey(one, env, findings));
  return isTaken("ollama") ? hosted : [...hosted, ollama(env, findings)];
}

function fromKey(hosted: Hosted, env: NodeJS.ProcessEnv, findings: Findings): ProviderConfig[] {
  const { id, api, urlVariable, url } = hosted;
  const variable = keyVariableOf(hosted, env);
  if (variable === undefined) return [];
  const apiKey = given(env[variable]) ?? "";
  const address = given(env[urlVariable]) ?? url;
  const problem = checkUrl(address);
  if (problem !== undefined) findings.inputError(urlVariable, problem);
  if (!isHeaderValue(apiKey)) findings.inputError(variable, notAHeaderValue);
  return [{ id, api, baseUrl: toBaseUrl(address, api), apiKey, headers: {}, models: [], timeoutMs: defaultProviderTimeoutMs }];
}

function ollama(env: NodeJS.ProcessEnv, findings: Findings): ProviderConfig {
  const { origin, isUnderstood } = resolveOllamaOrigin(env);
  if (!isUnderstood) findings.warn("OLLAMA_HOST", `not understood, so Ollama is expected at ${origin}.`);
  const timeoutMs = defaultProviderTimeoutMs;
  return { id: "ollama", api: "openai-completions", baseUrl: `${origin}/v1`, headers: {}, models: [], timeoutMs };
}
