/**
 * Names → models: the providers of the config, and the built-in model, always.
 *
 * Deliberately absent: asking providers what they offer. A provider without a `models` list takes any model id.
 */
import type { ProviderApi, ProviderConfig } from "../config/config.ts";
import type { Model, ModelCatalog } from "../domain/model.ts";
import { aiSdkModel } from "./ai-sdk.ts";
import { builtinModel, builtinRef } from "./builtin.ts";
import { llamaModel, llamaPrefix, LlamaRuntime } from "./llama.ts";
import { openaiCompatibleModel } from "./openai-compatible.ts";
import { ProviderPool } from "./provider-pool.ts";

/** Models kept ready; callers may name any id of a provider without a list. */
const maxModels = 1000;
const maxRefLength = 512;

/** What models work with, which may outlive a catalogue and be shared by several. */
export interface ModelBackends {
  readonly pool: ProviderPool;
  readonly llama: LlamaRuntime;
}

/** `close` closes the backends too. */
export function openModelCatalog(
  providers: readonly ProviderConfig[],
  { pool, llama }: ModelBackends = { pool: new ProviderPool(), llama: new LlamaRuntime() },
): ModelCatalog {
  const byId = new Map(providers.map((provider) => [provider.id, provider]));
  const models = new Map<string, Model>();

  function open(ref: string): Model | undefined {
    if (ref === builtinRef) return builtinModel();
    if (ref.startsWith(llamaPrefix)) return openFile(ref.slice(llamaPrefix.length));
    const slash = ref.indexOf("/");
    const modelId = ref.slice(slash + 1);
    const provider = slash > 0 && modelId !== "" && ref.length <= maxRefLength ? byId.get(ref.slice(0, slash)) : undefined;
    if (!provider || provider.api === "llama") return undefined;
    if (provider.api === "builtin") return modelId === "offline" ? builtinModel(ref) : undefined;
    const isListed = provider.models.some((model) => model.id === modelId);
    if (!isListed && (provider.models.length > 0 || !isPlainId(modelId, provider.api))) return undefined;
    const adapt = provider.api === "openai-completions" ? openaiCompatibleModel : aiSdkModel;
    return adapt(provider, modelId, pool.open);
  }

  /** Only files of the config: a caller may name a model, but no path of its own. */
  function openFile(path: string): Model | undefined {
    const provider = providers.find(({ api, models: files }) => api === "llama" && files.some(({ id }) => id === path));
    return provider && llamaModel(provider, path, llama);
  }

  return {
    find(ref) {
      const known = models.get(ref);
      if (known) return known;
      const model = open(ref);
      if (!model) return undefined;
      if (models.size >= maxModels) models.delete(models.keys().next().value!);
      models.set(ref, model);
      return model;
    },
    refs: () => [...new Set([...providers.flatMap(refsOf), builtinRef])],
    async close() {
      await llama.close();
      await pool.close();
    },
  };
}

/**
 * Whether an id that a caller may have made up names a model and nothing else: packages put it into addresses. On OpenAI's
 * wire it is in the body, where it may be anything.
 */
function isPlainId(modelId: string, api: ProviderApi): boolean {
  if (api === "openai-completions") return true;
  if (api === "google-generative-ai" && !/^(?:(?:models|tunedModels)\/)?[\w.-]+$/u.test(modelId)) return false;
  return !/[?#%\\\s\p{Cc}]|\/\/|(?:^|\/)\.{1,2}(?:\/|$)/u.test(modelId);
}

/** `<provider>/*` stands for any model id of a provider without a list. */
function refsOf({ id, api, models }: ProviderConfig): string[] {
  if (api === "builtin") return [`${id}/offline`];
  if (api === "llama") return models.map((model) => llamaPrefix + model.id);
  return models.length === 0 ? [`${id}/*`] : models.map((model) => `${id}/${model.id}`);
}
