/** The names a caller may put into `model`, and the agent each one means. */
import { GatewayError } from "../domain/errors.ts";

/** `openclaw:<id>`, `openclaw/<id>`, `agent:<id>`. */
const namedAgent = /^(?:openclaw[:/]|agent:)(.*)$/i;

/**
 * The agent's id as it was written, or undefined for the names that leave the choice open (`openclaw`,
 * `openclaw/default`, `openclaw:default`). Throws `model_not_found` for a name of no known form.
 */
export function agentOfModelName(name: string, aliases: ReadonlyMap<string, string>): string | undefined {
  const alias = aliases.get(name);
  if (alias !== undefined) return alias;
  if (/^openclaw(?:[:/]default)?$/i.test(name)) return undefined;
  const id = namedAgent.exec(name)?.[1];
  if (id !== undefined) return id;
  const known = ["openclaw", "openclaw/<agent id>", ...aliases.keys()].join(", ");
  throw new GatewayError(
    "model_not_found",
    `'model' names an agent here; a language model goes into the header x-openclaw-model. Known names: ${known}; /v1/models lists the agents.`,
    {
      param: "model",
    },
  );
}
