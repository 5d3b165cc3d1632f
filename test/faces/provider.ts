/** Config for a gateway whose agents run on a provider of the test's own. */
import type { TestConfig } from "../support/gateway.ts";

/** What the provider is sent, and nobody else may see. */
export const providerKey = "sk-upstream-0123456789";

/** `main` has the tools; `plain` has none. `more` goes into `agents.defaults`. */
export function onProvider(url: string, more: object = {}, others: TestConfig = {}): TestConfig {
  return {
    models: { providers: { stub: { baseUrl: url, apiKey: providerKey } } },
    agents: {
      defaults: { model: "stub/test-model", ...more },
      entries: { main: { default: true, tools: ["calculator", "current_time", "memory_save", "memory_recall"] }, plain: {} },
    },
    ...others,
  };
}

/** `gateway` of a config file with the endpoint enabled; `settings` go into `chatCompletions`. */
export function gatewayWith(settings: object): { [key: string]: unknown } {
  return {
    port: 0,
    auth: { mode: "token", token: "test-token-0123456789" },
    http: { endpoints: { chatCompletions: { enabled: true, ...settings } } },
  };
}
