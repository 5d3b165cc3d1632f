/** `clawgate agents` and `clawgate models`: what a caller may choose from, as the gateway that runs knows it, or as the config says. */
import type { methods } from "../../generated/rpc.ts";
import type { Config } from "../config/config.ts";
import { mainPrincipal } from "../domain/principal.ts";
import type { Program } from "../program.ts";
import { atWork, whileRead } from "./at-work.ts";
import { exitCodes } from "./exit-codes.ts";
import type { ListFlags } from "./flags.ts";
import { openWith } from "./open.ts";

interface ShownAgents {
  readonly defaultId: string;
  readonly agents: readonly { readonly id: string; readonly model: string; readonly fallbacks: readonly string[] }[];
}

interface ShownModels {
  /** `id`: `<provider>/<model>`. */
  readonly models: readonly { readonly id: string; readonly contextWindow?: number; readonly input: readonly string[] }[];
  /** Providers of which any model may be named. */
  readonly anyOf: readonly string[];
}

export function listAgents(flags: ListFlags): Promise<number> {
  const show = (list: ShownAgents): number => {
    if (flags.json) console.log(JSON.stringify(list));
    else for (const line of agentLines(list)) console.log(line);
    return exitCodes.ok;
  };
  return atWork(flags, {
    inGateway: async (client) => show(decodeAgents(await client.request("agents.list", {}))),
    inThisProcess: (config) => inProgram(config, (program) => show(agentsOf(program))),
  });
}

export function listModels(flags: ListFlags): Promise<number> {
  const show = (list: ShownModels): number => {
    if (flags.json) console.log(JSON.stringify(list));
    else for (const line of modelLines(list)) console.log(line);
    return exitCodes.ok;
  };
  return atWork(flags, {
    inGateway: async (client) => show(decodeModels(await client.request("models.list", { includeUnlisted: true }))),
    inThisProcess: (config) => inProgram(config, (program) => show(modelsOf(program))),
  });
}

async function inProgram(config: Config, show: (program: Program) => number): Promise<number> {
  return whileRead((await openWith(config, undefined)).program, (program) => Promise.resolve(show(program)));
}

function decodeAgents({ defaultId, agents }: methods["agents.list"]["result"]): ShownAgents {
  return { defaultId, agents: agents.map(({ id, model: { primary, fallbacks } }) => ({ id, model: primary, fallbacks })) };
}

function agentsOf({ agents }: Program): ShownAgents {
  const listed = agents.list(mainPrincipal).map(({ id, model, fallbacks }) => ({ id, model, fallbacks }));
  return { defaultId: agents.defaultFor(mainPrincipal).id, agents: listed };
}

function agentLines({ defaultId, agents }: ShownAgents): string[] {
  const width = Math.max(...agents.map(({ id }) => id.length));
  return agents.map(({ id, model, fallbacks }) => {
    const models = [model, ...fallbacks].join(", then ");
    return `${id.padEnd(width)}  ${models}${id === defaultId ? "  (default)" : ""}`;
  });
}

function decodeModels({ models, anyOf = [] }: methods["models.list"]["result"]): ShownModels {
  const named = models.map(({ provider, id, contextWindow, input }) => shownModel(`${provider}/${id}`, contextWindow, input));
  return { models: named, anyOf };
}

const anyModel = "/*";

function modelsOf({ models }: Program): ShownModels {
  const refs = models.refs();
  const named = refs.flatMap((ref) => {
    const model = ref.endsWith(anyModel) ? undefined : models.find(ref);
    return model ? [shownModel(ref, model.contextWindow, model.takesImages ? ["text", "image"] : ["text"])] : [];
  });
  return { models: named, anyOf: refs.filter((ref) => ref.endsWith(anyModel)).map((ref) => ref.slice(0, -anyModel.length)) };
}

function shownModel(id: string, contextWindow: number | undefined, input: readonly string[]): ShownModels["models"][number] {
  return { id, ...(contextWindow === undefined ? {} : { contextWindow }), input };
}

function modelLines({ models, anyOf }: ShownModels): string[] {
  const width = Math.max(0, ...models.map(({ id }) => id.length));
  const named = models.map(({ id, contextWindow, input }) => {
    const size = contextWindow === undefined ? "" : `, ${contextWindow} tokens`;
    return `${id.padEnd(width)}  ${input.join(" and ")}${size}`;
  });
  return [...named, ...anyOf.map((provider) => `${provider}/…  any model of ${provider}`)];
}
