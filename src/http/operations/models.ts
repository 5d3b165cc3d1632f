/** `listModels` and `getModel`: what a caller may put into `model`, which is the agents it may use. */
import type { components } from "../../../generated/openapi.ts";
import { GatewayError } from "../../domain/errors.ts";
import type { Principal } from "../../domain/principal.ts";
import type { AgentDirectory } from "../../service/agent-directory.ts";
import { callerOf } from "../caller.ts";
import type { Operations } from "../contract.ts";

type ModelObject = components["schemas"]["Model"];

export interface ModelParts {
  readonly agents: AgentDirectory;
}

export function listModels({ agents }: ModelParts): Operations["listModels"] {
  return (_request, context) =>
    Promise.resolve({ status: 200, type: "application/json", body: { object: "list", data: modelsOf(agents, callerOf(context)) } });
}

export function getModel({ agents }: ModelParts): Operations["getModel"] {
  return ({ path }, context) => {
    const id = path.model.toLowerCase();
    const models = modelsOf(agents, callerOf(context));
    const found = models.find((model) => model.id === id);
    if (!found) {
      const known = models.map((model) => model.id).join(", ");
      return Promise.reject(new GatewayError("model_not_found", `There is no such model here. Known: ${known}.`, { param: "model" }));
    }
    return Promise.resolve({ status: 200, type: "application/json", body: found });
  };
}

/** `openclaw` and `openclaw/default` stand for the caller's default agent. */
function modelsOf(agents: AgentDirectory, principal: Principal): ModelObject[] {
  const model = (id: string, created: number): ModelObject => ({ id, object: "model", created, owned_by: "openclaw" });
  const { createdAt } = agents.defaultFor(principal);
  return [
    model("openclaw", createdAt),
    model("openclaw/default", createdAt),
    ...agents.list(principal).map((agent) => model(`openclaw/${agent.id}`, agent.createdAt)),
  ];
}
