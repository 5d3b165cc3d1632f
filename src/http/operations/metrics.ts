/** `getMetrics`: the gateway in numbers, for those who may know of all its agents and models, or are on its machine. */
import { GatewayError } from "../../domain/errors.ts";
import type { Principal } from "../../domain/principal.ts";
import type { Operations } from "../contract.ts";

export interface MetricParts {
  /** In the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
}

const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };

export function getMetrics({ metrics }: MetricParts): Operations["getMetrics"] {
  return async (_request, { principal }) => {
    // Without one, the caller is on this machine.
    if (principal) refuseRestricted(principal);
    return { status: 200, type: "text/plain", headers, body: await metrics() };
  };
}

function refuseRestricted({ name, agents, models }: Principal): void {
  if (agents) {
    throw new GatewayError(
      "agent_not_allowed",
      `The metrics are those of all agents, and the token '${name}' may use some only. Send the gateway's own secret, or a token without 'agents'.`,
    );
  }
  if (models) {
    throw new GatewayError(
      "model_not_allowed",
      `The metrics are those of all language models, and the token '${name}' may name some only. Send the gateway's own secret, or a token without 'models'.`,
    );
  }
}
