/**
 * Who serves models: the file's providers, those the environment offers (`openai`, `ollama`) and the embedded one.
 *
 * A provider of the file takes the place of the environment's of the same name as a whole: a key from the
 * environment is never sent to an address from the file. No provider is contacted here.
 */
import type { ConfigPath, Findings } from "./config-error.ts";
import type { ProviderConfig } from "./config.ts";
import { suggest } from "./nearest.ts";
import { resolveOllamaOrigin } from "./ollama.ts";
import { defaultProviderTimeoutMs } from "./schema-models.ts";
import type { ConfigFile } from "./schema.ts";
import { given } from "./source.ts";

export interface Providers {
  readonly usable: readonly ProviderConfig[];
  /** Id → protocol, for those this version cannot speak. */
  readonly unusable: ReadonlyMap<string, string>;
}

const builtin: ProviderConfig = {
  id: "builtin",
  api: "builtin",
  baseUrl: "",
  headers: {},
  models: ["offline"],
  timeoutMs: defaultProviderTimeoutMs,
};
const ourApi = "openai-completions";

/** The HTTP client's business: most of these make every request fail, the others change how its connection is used. */
const connectionHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);

export function buildProviders(file: ConfigFile["models"]["providers"], env: NodeJS.ProcessEnv, findings: Findings): Providers {
  const usable: ProviderConfig[] = [];
  const unusable = new Map<string, string>();
  for (const [id, { api, apiKey, baseUrl, headers, models, timeoutMs }] of Object.entries(file)) {
    const path = ["models", "providers", id];
    if (id === builtin.id) findings.error(path, "this name is the gateway's own; rename the provider.");
    else if (!/^[^\s/]+$/.test(id)) findings.error(path, "a provider's name must not be empty or contain spaces or slashes; rename it.");
    if (api !== ourApi) {
      unusable.set(id, api);
      findings.warn([...path, "api"], `this version speaks only ${ourApi}, so the provider is left out.`);
      continue;
    }
    const problem = checkUrl(baseUrl);
    if (problem !== undefined) findings.error([...path, "baseUrl"], problem);
    if (apiKey !== undefined && !isHeaderValue(apiKey.trim())) findings.error([...path, "apiKey"], notAHeaderValue);
    checkHeaders(headers, [...path, "headers"], findings);
    const names = [...new Set(models.map((model) => model.id))];
    const key = apiKey === undefined ? {} : { apiKey: apiKey.trim() };
    usable.push({ id, api, baseUrl: trimUrl(baseUrl), ...key, headers, models: names, timeoutMs });
  }
  const isTaken = (id: string) => Object.hasOwn(file, id);
  if (!isTaken("openai")) usable.push(...openaiFromEnvironment(env, findings));
  if (!isTaken("ollama")) usable.push(ollamaFromEnvironment(env, findings));
  return { usable: [...usable, builtin], unusable };
}

/** What is wrong with `<provider>/<model>` as an agent's model, or undefined. */
export function checkModelRef(ref: string, { usable, unusable }: Providers): string | undefined {
  const slash = ref.indexOf("/");
  if (slash < 1 || slash === ref.length - 1) return `"${ref}" must be <provider>/<model>, such as openai/gpt-5.4.`;
  const id = ref.slice(0, slash);
  const model = ref.slice(slash + 1);
  const api = unusable.get(id);
  if (api !== undefined) return `provider "${id}" uses ${api}, which this version cannot speak; choose a model of ${listIds(usable)}.`;
  const provider = usable.find((one) => one.id === id);
  if (provider === undefined) {
    const hint = id === "openai" ? " Set OPENAI_API_KEY to have it." : ` Add models.providers.${id}, or use another one.`;
    return `there is no provider "${id}": ${suggest(
      id,
      usable.map((one) => one.id),
    )}${hint}`;
  }
  if (provider.models.length === 0 || provider.models.includes(model)) return undefined;
  return `provider "${id}" has no model "${model}"; it has: ${provider.models.join(", ")}.`;
}

function openaiFromEnvironment(env: NodeJS.ProcessEnv, findings: Findings): ProviderConfig[] {
  const apiKey = given(env["OPENAI_API_KEY"]);
  if (apiKey === undefined) return [];
  const baseUrl = given(env["OPENAI_BASE_URL"]) ?? "https://api.openai.com/v1";
  const problem = checkUrl(baseUrl);
  if (problem !== undefined) findings.inputError("OPENAI_BASE_URL", problem);
  if (!isHeaderValue(apiKey)) findings.inputError("OPENAI_API_KEY", notAHeaderValue);
  return [{ id: "openai", api: ourApi, baseUrl: trimUrl(baseUrl), apiKey, headers: {}, models: [], timeoutMs: defaultProviderTimeoutMs }];
}

function ollamaFromEnvironment(env: NodeJS.ProcessEnv, findings: Findings): ProviderConfig {
  const { origin, isUnderstood } = resolveOllamaOrigin(env);
  if (!isUnderstood) findings.warn("OLLAMA_HOST", `not understood, so Ollama is expected at ${origin}.`);
  return { id: "ollama", api: ourApi, baseUrl: `${origin}/v1`, headers: {}, models: [], timeoutMs: defaultProviderTimeoutMs };
}

/** The text itself is not quoted: it may carry a password. */
function checkUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return "must be a URL that starts with http:// or https://.";
  if (url.username !== "" || url.password !== "") return "must not contain a user or password; use apiKey or headers.";
  if (url.search !== "" || url.hash !== "") return "must end with its path, without ? and #.";
  return undefined;
}

const notAHeaderValue =
  "has a character that no HTTP header can carry, such as a line break or a typographic quotation mark; take the value over again.";

function isHeaderValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}

/** Names are well formed by now; the values are not quoted: they may be secrets. */
function checkHeaders(headers: ProviderConfig["headers"], path: ConfigPath, findings: Findings): void {
  for (const [name, value] of Object.entries(headers)) {
    if (connectionHeaders.has(name.toLowerCase())) {
      findings.error([...path, name], "this header belongs to the connection and is set by the gateway; remove it.");
    } else if (!isHeaderValue(value)) findings.error([...path, name], notAHeaderValue);
  }
}

function trimUrl(text: string): string {
  return text.trim().replace(/\/+$/, "");
}

function listIds(providers: readonly ProviderConfig[]): string {
  return providers.map((one) => one.id).join(", ");
}
