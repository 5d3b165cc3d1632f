/**
 * Which model agents run on when neither they nor `agents.defaults` name one: that of the first hosted provider whose
 * key is in the environment (OpenAI, Anthropic, Google), else Ollama's, else the embedded one.
 *
 * Deliberately absent: falling back at run time. A model that was chosen and fails is an error its caller sees.
 */
import type { DefaultModel } from "./config.ts";
import { hostedProviders, keyVariableOf } from "./environment-providers.ts";
import { probeOllama, resolveOllamaOrigin, type OllamaProbe } from "./ollama.ts";
import { given } from "./source.ts";

export async function chooseDefaultModel(env: NodeJS.ProcessEnv, probe: OllamaProbe = probeOllama): Promise<DefaultModel> {
  for (const hosted of hostedProviders) {
    const variable = keyVariableOf(hosted, env);
    const model = given(env[hosted.modelVariable]) ?? hosted.model;
    if (variable !== undefined) return { ref: `${hosted.id}/${model}`, reason: `${variable} is set` };
  }
  if (mayProbeOllama(env)) {
    const { origin } = resolveOllamaOrigin(env);
    const name = await probe(origin);
    if (name !== undefined) return { ref: `ollama/${name}`, reason: `Ollama answers at ${origin}` };
  }
  return {
    ref: "builtin/offline",
    reason:
      "no model is configured and none was found: set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, start Ollama, " +
      "or name one in agents.defaults.model",
  };
}

function mayProbeOllama(env: NodeJS.ProcessEnv): boolean {
  const isOff = env["CLAWGATE_OLLAMA"]?.trim().toLowerCase() === "off";
  const isHostBlank = env["OLLAMA_HOST"]?.trim() === "";
  return !isOff && !isHostBlank;
}
