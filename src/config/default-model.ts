/**
 * Which model agents run on when neither they nor `agents.defaults` name one: OpenAI, else Ollama, else the embedded one.
 *
 * Deliberately absent: falling back at run time. A model that was chosen and fails is an error its caller sees.
 */
import type { DefaultModel } from "./config.ts";
import { probeOllama, resolveOllamaOrigin, type OllamaProbe } from "./ollama.ts";
import { given } from "./source.ts";

/** The ids taken when the environment names none. */
const defaultModelIds = { openai: "gpt-5.4" } as const;

export async function chooseDefaultModel(env: NodeJS.ProcessEnv, probe: OllamaProbe = probeOllama): Promise<DefaultModel> {
  if (given(env["OPENAI_API_KEY"]) !== undefined) {
    return { ref: `openai/${given(env["CLAWGATE_OPENAI_MODEL"]) ?? defaultModelIds.openai}`, reason: "OPENAI_API_KEY is set" };
  }
  if (mayProbeOllama(env)) {
    const { origin } = resolveOllamaOrigin(env);
    const name = await probe(origin);
    if (name !== undefined) return { ref: `ollama/${name}`, reason: `Ollama answers at ${origin}` };
  }
  return {
    ref: "builtin/offline",
    reason: "no model is configured and none was found: set OPENAI_API_KEY, start Ollama, or name one in agents.defaults.model",
  };
}

function mayProbeOllama(env: NodeJS.ProcessEnv): boolean {
  const isOff = env["CLAWGATE_OLLAMA"]?.trim().toLowerCase() === "off";
  const isHostBlank = env["OLLAMA_HOST"]?.trim() === "";
  return !isOff && !isHostBlank;
}
