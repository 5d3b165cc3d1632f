/**
 * Whether the language models can be had: each provider is asked for its list, and the models of each agent are looked up in it.
 *
 * Neither keys nor what a provider says is ever printed. Providers that only might be there (an Ollama that nobody named)
 * are not asked; a provider that no agent uses cannot fail the check-up.
 */
// Not Node's own: its fetch never settles when a server hangs up at once.
import { fetch } from "undici";
import type { Config, ProviderConfig } from "../config/config.ts";
import type { Origins } from "../config/origins.ts";
import type { Finding } from "./findings.ts";

const answerLimitMs = 3_000;

interface Answer {
  readonly finding: Finding;
  /** Ids as the provider lists them; undefined when it does not. */
  readonly models?: readonly string[];
}

export async function checkModels({ agents, providers }: Config, origins: Origins): Promise<Finding[]> {
  const used = new Set(agents.flatMap(({ model, fallbacks }) => [model, ...fallbacks]).map(providerOf));
  const asked = providers.filter(
    ({ id, api }) => api !== "builtin" && api !== "llama" && (used.has(id) || origins.get(`providers.${id}`) !== "default"),
  );
  const answers = new Map(
    await Promise.all(asked.map(async (provider): Promise<[string, Answer]> => [provider.id, await ask(provider, used, origins)])),
  );
  const ofAgents = agents.flatMap(({ id, model, fallbacks }) => {
    const name = `agent ${id}`;
    const first = checkModel(name, model, { origin: ` (${origins.get(`agents.${id}.model`)})`, answers });
    return [first, ...fallbacks.map((ref) => checkModel(`${name}, fallback`, ref, { origin: "", answers }))];
  });
  return [...[...answers.values()].map(({ finding }) => finding), ...ofAgents];
}

const providerOf = (ref: string): string => ref.slice(0, ref.indexOf("/"));

async function ask(provider: ProviderConfig, used: ReadonlySet<string>, origins: Origins): Promise<Answer> {
  const name = `provider ${provider.id}`;
  const { api, baseUrl, package: packageName } = provider;
  // How its service is asked for a list, only the package knows.
  if (api === "ai-sdk")
    return { finding: { status: "ok", name, message: `the package ${packageName} is there; its service was not asked` } };
  const verdict = await outcome(provider, origins.get(`providers.${provider.id}`) ?? "");
  if ("models" in verdict) {
    const count = verdict.models.length;
    return {
      models: verdict.models,
      finding: { status: "ok", name, message: `${baseUrl} answers and lists ${count} model${count === 1 ? "" : "s"}` },
    };
  }
  const { isFatal, ...words } = verdict;
  return { finding: { status: isFatal && used.has(provider.id) ? "fail" : "warn", name, ...words } };
}

type Outcome = { readonly models: readonly string[] } | { readonly isFatal: boolean; readonly message: string; readonly fix: string };

async function outcome(provider: ProviderConfig, origin: string): Promise<Outcome> {
  const { id, api, baseUrl, apiKey, headers } = provider;
  const { query, ofKey } = listings[api] ?? listings["openai-completions"]!;
  try {
    const response = await fetch(`${baseUrl}/models${query}`, {
      headers: { ...(apiKey === undefined ? {} : ofKey(apiKey)), ...versionOf(api), ...headers, accept: "application/json" },
      // A redirect would take the key to another host.
      redirect: "manual",
      signal: AbortSignal.timeout(answerLimitMs),
    });
    if (response.ok) return { models: idsIn(await response.json().catch(() => undefined)) };
    await response.body?.cancel();
    // Google refuses a wrong key as a wrong argument, and this request has no other.
    const status = api === "google-generative-ai" && response.status === 400 ? 401 : response.status;
    return explainStatus(status, baseUrl, { id, hasKey: apiKey !== undefined, origin });
  } catch (thrown) {
    return explainFailure(thrown, baseUrl, id);
  }
}

/** How a protocol asks for the list of models: what follows its address, and how the key is sent. */
const listings: { readonly [api: string]: { readonly query: string; readonly ofKey: (key: string) => Record<string, string> } } = {
  "openai-completions": { query: "", ofKey: (key) => ({ authorization: `Bearer ${key}` }) },
  "anthropic-messages": { query: "?limit=1000", ofKey: (key) => ({ "x-api-key": key }) },
  "google-generative-ai": { query: "?pageSize=1000", ofKey: (key) => ({ "x-goog-api-key": key }) },
};

function versionOf(api: ProviderConfig["api"]): Record<string, string> {
  return api === "anthropic-messages" ? { "anthropic-version": "2023-06-01" } : {};
}

/** `{data: [{id}]}` as OpenAI and Anthropic have it, or Google's `{models: [{name: "models/<id>"}]}`. */
function idsIn(body: unknown): string[] {
  const { data, models } = (body ?? {}) as { data?: unknown; models?: unknown };
  const list: unknown = data ?? models;
  if (!Array.isArray(list)) return [];
  return list.flatMap((model: unknown) => {
    const { id, name } = (model ?? {}) as { id?: unknown; name?: unknown };
    if (typeof id === "string") return [id];
    return typeof name === "string" ? [name.replace(/^models\//, "")] : [];
  });
}

interface Asked {
  readonly id: string;
  readonly hasKey: boolean;
  readonly origin: string;
}

function explainStatus(status: number, baseUrl: string, { id, hasKey, origin }: Asked): Outcome {
  const place = origin.startsWith("environment: ") ? origin.slice("environment: ".length) : `models.providers.${id}.apiKey`;
  if (status === 401 || status === 403) {
    const message = hasKey ? `${baseUrl} refuses the key (${status})` : `${baseUrl} wants a key and there is none (${status})`;
    return { isFatal: true, message, fix: `put a valid key into ${place}` };
  }
  if (status === 404 || status === 405) {
    const message = `${baseUrl} answers, but has no list of models (${status})`;
    const [whole, start] = /^(.*?)\/(?:chat\/completions|completions|responses|messages|models)$/.exec(baseUrl) ?? [];
    if (whole !== undefined) return { isFatal: true, message, fix: `set its baseUrl to ${start}: the rest is added to each request` };
    const fix = /\/v\d\w*$/.test(baseUrl) ? "nothing, if runs work; else correct its baseUrl" : `try ${baseUrl}/v1 as its baseUrl`;
    return { isFatal: false, message, fix };
  }
  if (status >= 300 && status < 400) {
    return {
      isFatal: true,
      message: `${baseUrl} sends callers elsewhere (${status})`,
      fix: "set its baseUrl to the address it sends them to",
    };
  }
  if (status === 429)
    return { isFatal: false, message: `${baseUrl} has too many requests (429)`, fix: "wait, or look at its plan and credit" };
  if (status >= 500)
    return { isFatal: true, message: `${baseUrl} fails (${status})`, fix: "look at its log or status page, and try again" };
  return {
    isFatal: false,
    message: `${baseUrl} does not list its models (${status})`,
    fix: "nothing, if runs work; else correct its baseUrl",
  };
}

function explainFailure(thrown: unknown, baseUrl: string, id: string): Outcome {
  const { host, hostname } = new URL(baseUrl);
  if (thrown instanceof DOMException && thrown.name === "TimeoutError") {
    const message = `${baseUrl} did not answer within ${answerLimitMs / 1000} s`;
    return { isFatal: true, message, fix: "see whether it is overloaded, or a firewall lies between" };
  }
  const code = codeOf(thrown);
  switch (code) {
    case "ECONNREFUSED": {
      const start = id === "ollama" ? "start it with `ollama serve`" : "start it";
      return { isFatal: true, message: `nothing listens on ${host}`, fix: `${start}, or correct its baseUrl` };
    }
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return {
        isFatal: true,
        message: `the name ${hostname} is not known (${code})`,
        fix: "correct its baseUrl, or see whether there is a network",
      };
    case undefined:
      // Node's own words may quote the header.
      return {
        isFatal: true,
        message: `${baseUrl} cannot be asked`,
        fix: "see whether its apiKey and headers have characters that HTTP forbids",
      };
    default: {
      const fix = /CERT|SIGNED|ISSUER|TLS|SSL/.test(code)
        ? "correct its certificate, or name its authority in NODE_EXTRA_CA_CERTS"
        : "correct its baseUrl, or see whether there is a network";
      return { isFatal: true, message: `${baseUrl} cannot be reached (${code})`, fix };
    }
  }
}

/** Of the innermost cause that has one. */
function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { code } = thrown as NodeJS.ErrnoException;
  return codeOf(thrown.cause) ?? (typeof code === "string" ? code : undefined);
}

interface Known {
  /** Where the model was named, in parentheses; empty when that is clear. */
  readonly origin: string;
  /** By provider. */
  readonly answers: ReadonlyMap<string, Answer>;
}

/** That the catalogue has the model is the config's business, and seen to by then. */
function checkModel(name: string, ref: string, { origin, answers }: Known): Finding {
  const provider = providerOf(ref);
  const models = answers.get(provider)?.models;
  const model = ref.slice(provider.length + 1);
  if (provider === "builtin") {
    const fix = "set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, start Ollama, or name a model in agents.defaults.model";
    return { status: "warn", name, message: `${ref}, which is for trying things out and knows next to nothing`, fix };
  }
  // Ollama lists `qwen3:latest` and answers to `qwen3`.
  const isListed = !models?.length || models.includes(model) || models.includes(`${model}:latest`);
  if (isListed) return { status: "ok", name, message: `${ref}${origin}` };
  const fix = provider === "ollama" ? `run \`ollama pull ${model}\`, or choose one that it lists` : "choose one that it lists";
  return { status: "warn", name, message: `${ref}${origin} is not among the models that ${provider} lists`, fix };
}
