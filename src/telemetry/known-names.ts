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
  readonly #models: ReadonlyMap<string, ModelName>;
  readonly #providers: ReadonlySet<string>;

  constructor({ agents, providers }: Config, catalog: ModelCatalog) {
    this.#tools = new Map(agents.map(({ id, tools }) => [id, tools.allow]));
    const refs = [...catalog.refs(), ...agents.flatMap(({ model, fallbacks }) => [model, ...fallbacks])];
    this.#models = new Map(refs.map((ref) => [ref, nameOf(ref)]));
    this.#providers = new Set(providers.map(({ id }) => id));
  }

  agent(id: string): string {
    return this.#tools.has(id) ? id : other;
  }

  /** Callers may name any model of a provider without a list. A model that is a file is known by its name, not by its folder. */
  model(ref: string): ModelName {
    const known = this.#models.get(ref);
    if (known) return known;
    const { provider } = nameOf(ref);
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

function nameOf(ref: string): ModelName {
  const file = /^llama:(.+)$/s.exec(ref)?.[1];
  if (file !== undefined) return { provider: "llama", model: basename(file) };
  const slash = ref.indexOf("/");
  return { provider: ref.slice(0, slash), model: ref.slice(slash + 1) };
}
