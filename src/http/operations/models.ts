/** `listModels` and `getModel`: what a caller may put into `model`, which is the configured agents. */
import type { components } from "../../../generated/openapi.ts";
import { GatewayError } from "../../domain/errors.ts";
import type { AgentDirectory } from "../../service/agent-directory.ts";
import type { Operations } from "../contract.ts";

type ModelObject = components["schemas"]["Model"];

export interface ModelParts {
  readonly agents: AgentDirectory;
}

export function listModels({ agents }: ModelParts): Operations["listModels"] {
  return () => Promise.resolve({ status: 200, type: "application/json", body: { object: "list", data: modelsOf(agents) } });
}

export function getModel({ agents }: ModelParts): Operations["getModel"] {
  return ({ path }) => {
    const id = path.model.toLowerCase();
    const models = modelsOf(agents);
    const found = models.find((model) => model.id === id);
    if (!found) {
      const known = models.map((model) => model.id).join(", ");
      return Promise.reject(new GatewayError("model_not_found", `There is no such model here. Known: ${known}.`, { param: "model" }));
    }
    return Promise.resolve({ status: 200, type: "application/json", body: found });
  };
}

/** `openclaw` and `openclaw/default` stand for the default agent. */
function modelsOf(agents: AgentDirectory): ModelObject[] {
  const model = (id: string, created: number): ModelObject => ({ id, object: "model", created, owned_by: "openclaw" });
  const { createdAt } = agents.defaultAgent;
  return [
    model("openclaw", createdAt),
    model("openclaw/default", createdAt),
    ...agents.list().map((agent) => model(`openclaw/${agent.id}`, agent.createdAt)),
  ];
}
