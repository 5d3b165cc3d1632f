/** What the configuration says about one model of a provider. */
import type { ProviderConfig } from "../config/config.ts";
import type { Model } from "../domain/model.ts";

export function describeModel({ id, models }: ProviderConfig, modelId: string): Omit<Model, "stream"> {
  const listed = models.find((model) => model.id === modelId);
  return {
    ref: `${id}/${modelId}`,
    takesImages: listed?.takesImages ?? true,
    ...(listed?.price === undefined ? {} : { price: listed.price }),
  };
}
