/**
 * Opens the AI SDK's language model for a provider of the config: Anthropic's and Google's packages come with the gateway,
 * any other is one that the user installed.
 *
 * Every package is loaded when it is first needed. Deliberately absent: keys from the environment. A package would
 * send the one it knows to any address, so it is given an empty one where the file names an address and no key.
 */
import type { LanguageModelV3 } from "@ai-sdk/provider";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import type { SdkFetch } from "./ai-sdk-fetch.ts";
import { loadPackage } from "./load-package.ts";

export async function openLanguageModel(provider: ProviderConfig, modelId: string, fetch: SdkFetch): Promise<LanguageModelV3> {
  const { apiKey = "", baseUrl: baseURL, headers } = provider;
  if (provider.api === "anthropic-messages") {
    const { createAnthropic } = await import("@ai-sdk/anthropic");
    return createAnthropic({ apiKey, baseURL, headers, fetch }).languageModel(modelId);
  }
  if (provider.api === "google-generative-ai") {
    const { createGoogleGenerativeAI } = await import("@ai-sdk/google");
    return createGoogleGenerativeAI({ apiKey, baseURL, headers, fetch }).languageModel(modelId);
  }
  return openInstalled(provider, modelId, fetch);
}

/** What a package's `create…` function returns. */
interface SdkProvider {
  readonly chat?: unknown;
  readonly languageModel?: unknown;
}

async function openInstalled(provider: ProviderConfig, modelId: string, fetch: SdkFetch): Promise<LanguageModelV3> {
  const { apiKey, baseUrl, headers, options = {} } = provider;
  const isElsewhere = baseUrl !== "" || options["baseURL"] !== undefined;
  const sdk = await createProvider(provider, {
    ...(baseUrl === "" ? {} : { baseURL: baseUrl }),
    ...(apiKey === undefined && !isElsewhere ? {} : { apiKey: apiKey ?? "" }),
    headers,
    ...options,
    fetch,
  });
  // OpenAI's package means another protocol by its `languageModel`; servers that are like OpenAI's rarely speak it.
  const open = typeof sdk.chat === "function" ? sdk.chat : sdk.languageModel;
  const model = (open as (id: string) => LanguageModelV3)(modelId);
  const version: string = model.specificationVersion;
  if (version !== "v3") {
    throw unusable(provider, `speaks version ${version} of the AI SDK's provider interface, not v3; install a version for AI SDK 6`);
  }
  return model;
}

async function createProvider(provider: ProviderConfig, settings: object): Promise<SdkProvider> {
  const { package: name = "", packageEntry } = provider;
  if (packageEntry === undefined) throw unusable(provider, "is not installed");
  let exported: object;
  try {
    exported = await loadPackage(packageEntry);
  } catch (thrown) {
    throw unusable(provider, "cannot be loaded", thrown);
  }
  const factories = Object.entries(exported).filter(([key, value]) => /^create[A-Z]/u.test(key) && typeof value === "function");
  let failure: unknown;
  for (const [, factory] of factories as [string, (settings: object) => SdkProvider | undefined][]) {
    try {
      const sdk = factory(settings);
      if (typeof sdk?.languageModel === "function") return sdk;
    } catch (thrown) {
      failure ??= thrown;
    }
  }
  if (failure instanceof Error) throw unusable(provider, "did not take its options", failure);
  throw unusable(provider, `has no create… function that makes a provider, so '${name}' is no AI SDK provider`);
}

function unusable({ id, package: name }: ProviderConfig, what: string, cause?: unknown): GatewayError {
  return new GatewayError("upstream_error", `The model provider '${id}' cannot be used: its package '${name}' ${what}.`, { cause });
}
