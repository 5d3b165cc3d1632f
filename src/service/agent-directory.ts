/** Which agents there are, which one a request means, and whether its caller may use it. */
import { type Agent, agentIdPattern } from "../domain/agent.ts";
import { GatewayError } from "../domain/errors.ts";
import { mayUseAgent, type Principal } from "../domain/principal.ts";
import type { RunRequest } from "../domain/run.ts";
import { agentIdOfKey } from "./session-key.ts";

export class AgentDirectory {
  readonly #agents: ReadonlyMap<string, Agent>;
  /** The one with `default: true`, else `main` if it is configured, else the first. */
  readonly #default: Agent;

  /** `agents` is not empty. */
  constructor(agents: readonly Agent[]) {
    this.#agents = new Map(agents.map((agent) => [agent.id, agent]));
    const found = agents.find((agent) => agent.isDefault) ?? this.#agents.get("main") ?? agents[0];
    if (!found) throw new Error("A gateway needs at least one agent.");
    this.#default = found;
  }

  /** Those that `principal` may use, in the order of the configuration. */
  list(principal: Principal): readonly Agent[] {
    return [...this.#agents.values()].filter(({ id }) => mayUseAgent(principal, id));
  }

  /** The agent of a caller that names none: the default one or, where it may not use that, the first of those it may. */
  defaultFor(principal: Principal): Agent {
    if (mayUseAgent(principal, this.#default.id)) return this.#default;
    const first = principal.agents?.map((id) => this.#agents.get(id)).find((agent) => agent !== undefined);
    if (!first) throw new GatewayError("agent_not_allowed", `The token '${principal.name}' may use no agent.`);
    return first;
  }

  /** Throws `model_not_found` when the agent that was named does not exist, `agent_not_allowed` when it is not the caller's to use. */
  resolve({ agent: chosen, sessionKey, principal }: Pick<RunRequest, "agent" | "sessionKey" | "principal">): Agent {
    if (chosen) return this.#get(chosen.value, chosen.param, principal);
    const ofKey = sessionKey && agentIdOfKey(sessionKey.value);
    return ofKey === undefined ? this.defaultFor(principal) : this.#get(ofKey, sessionKey!.param, principal);
  }

  /** Ids are compared case-insensitively. */
  #get(id: string, param: string, principal: Principal): Agent {
    const agent = this.#agents.get(id.toLowerCase());
    if (agent && mayUseAgent(principal, agent.id)) return agent;
    const known = this.list(principal)
      .map((one) => one.id)
      .join(", ");
    if (agent) {
      const message = `The token '${principal.name}' may not use the agent '${agent.id}'. Its agents: ${known}.`;
      throw new GatewayError("agent_not_allowed", message, { param });
    }
    const shown = agentIdPattern.test(id.toLowerCase()) ? `'${id}'` : "of that name (ids match [a-z0-9][a-z0-9_-]{0,63})";
    const those = principal.agents ? `Agents of the token '${principal.name}'` : "Configured agents";
    throw new GatewayError("model_not_found", `There is no agent ${shown}. ${those}: ${known}.`, { param });
  }
}
