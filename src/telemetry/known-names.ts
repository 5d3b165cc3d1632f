/**
 * Which names may become labels: those that the configuration names. Whatever a caller or a model made up is `other`, so
 * that nobody can fill the memory of whoever stores the metrics.
 */
import { basename } from "node:path";
import type { Config } from "../config/config.ts";
import type { ModelCatalog } from "../domain/model.ts";

/** Stands for every name that is not known. */
export const other = "other";

export interface ModelName {
  readonly provider: string;
  readonly model: string;
}

const otherModel: ModelName = { provider: other, model: other };

export class KnownNames {
  /** The tools that each agent may have: a tool, or `<server>__*` for those of a server, whose names are the server's to choose. */
  readonly #tools: ReadonlyMap<string, readonly string[]>;
  readonly #models: ReadonlySet<string>;
  readonly #providers: ReadonlySet<string>;

  constructor({ agents, providers }: Config, catalog: ModelCatalog) {
    this.#tools = new Map(agents.map(({ id, tools }) => [id, tools.allow]));
    this.#models = new Set([...catalog.refs(), ...agents.flatMap(({ model, fallbacks }) => [model, ...fallbacks])]);
    this.#providers = new Set(providers.map(({ id }) => id));
  }

  agent(id: string): string {
    return this.#tools.has(id) ? id : other;
  }

  /** Callers may name any model of a provider without a list. A model that is a file is known by its name, not by its folder. */
  model(ref: string): ModelName {
    const file = /^llama:(.+)$/s.exec(ref)?.[1];
    if (file !== undefined) return this.#models.has(ref) ? { provider: "llama", model: basename(file) } : otherModel;
    const slash = ref.indexOf("/");
    const provider = ref.slice(0, slash);
    if (this.#models.has(ref)) return { provider, model: ref.slice(slash + 1) };
    return this.#providers.has(provider) ? { provider, model: other } : otherModel;
  }

  modelRef(ref: string): string {
    const { provider, model } = this.model(ref);
    return `${provider}/${model}`;
  }

  tool(agentId: string, name: string): string {
    const allowed = this.#tools.get(agentId) ?? [];
    if (allowed.includes(name)) return name;
    return allowed.find((entry) => entry.endsWith("__*") && name.startsWith(entry.slice(0, -1))) ?? other;
  }
}
