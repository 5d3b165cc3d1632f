/** Which agents there are, and which one a request means. */
import { type Agent, agentIdPattern } from "../domain/agent.ts";
import { GatewayError } from "../domain/errors.ts";
import type { RunRequest } from "../domain/run.ts";
import { agentIdOfKey } from "./session-key.ts";

export class AgentDirectory {
  readonly #agents: ReadonlyMap<string, Agent>;
  /** The one with `default: true`, else `main` if it is configured, else the first. */
  readonly defaultAgent: Agent;

  /** `agents` is not empty. */
  constructor(agents: readonly Agent[]) {
    this.#agents = new Map(agents.map((agent) => [agent.id, agent]));
    const found = agents.find((agent) => agent.isDefault) ?? this.#agents.get("main") ?? agents[0];
    if (!found) throw new Error("A gateway needs at least one agent.");
    this.defaultAgent = found;
  }

  list(): readonly Agent[] {
    return [...this.#agents.values()];
  }

  /** Ids are compared case-insensitively. */
  find(id: string): Agent | undefined {
    return this.#agents.get(id.toLowerCase());
  }

  /** Throws `model_not_found` when the agent that was named does not exist. */
  resolve({ agent: chosen, sessionKey }: Pick<RunRequest, "agent" | "sessionKey">): Agent {
    if (chosen) return this.#get(chosen.value, chosen.param);
    const ofKey = sessionKey && agentIdOfKey(sessionKey.value);
    return ofKey === undefined ? this.defaultAgent : this.#get(ofKey, sessionKey!.param);
  }

  #get(id: string, param: string): Agent {
    const agent = this.find(id);
    if (agent) return agent;
    const known = [...this.#agents.keys()].join(", ");
    const shown = agentIdPattern.test(id.toLowerCase()) ? `'${id}'` : "of that name (ids match [a-z0-9][a-z0-9_-]{0,63})";
    throw new GatewayError("model_not_found", `There is no agent ${shown}. Configured agents: ${known}.`, { param });
  }
}
