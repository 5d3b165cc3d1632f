/** What the configuration says about one model of a provider. */
import type { ProviderConfig } from "../config/config.ts";
import type { Model } from "../domain/model.ts";

export function describeModel({ id, models }: ProviderConfig, modelId: string): Omit<Model, "stream"> {
  const { takesImages = true, contextWindow, maxTokens, price } = models.find((model) => model.id === modelId) ?? {};
  return {
    ref: `${id}/${modelId}`,
    takesImages,
    ...(contextWindow === undefined ? {} : { contextWindow }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(price === undefined ? {} : { price }),
  };
}
