/**
 * Where Ollama is expected, and a quick look at whether it answers and what it has.
 *
 * It looks once, at start, and briefly: a machine without Ollama must not wait for it.
 */

const port = 11_434;
const probeLimitMs = 300;

/** Asks the Ollama at `origin` for its first chat model; undefined when it does not answer, or has none. Never throws. */
export type OllamaProbe = (origin: string) => Promise<string | undefined>;

export const probeOllama: OllamaProbe = async (origin) => {
  try {
    // Not Node's own: its fetch never settles when a server hangs up at once. Loaded here, because few starts need it.
    const { fetch } = await import("undici");
    const response = await fetch(`${origin}/api/tags`, { signal: AbortSignal.timeout(probeLimitMs), redirect: "error" });
    if (!response.ok) {
      await response.body?.cancel();
      return undefined;
    }
    return modelNames(await response.json()).find((name) => !/embed/i.test(name));
  } catch {
    return undefined;
  }
};

/** OLLAMA_HOST as `host`, `host:port` or `http(s)://host[:port]`; anything else is not understood and the default stands. */
export function resolveOllamaOrigin(env: NodeJS.ProcessEnv): { origin: string; isUnderstood: boolean } {
  const text = env["OLLAMA_HOST"]?.trim() ?? "";
  const standard = `http://127.0.0.1:${port}`;
  if (text === "") return { origin: standard, isUnderstood: true };
  const parts = /^(https?:\/\/)?([\w.-]+|\[[\da-f:.]+\])?(:\d{1,5})?\/?$/i.exec(text);
  const [, scheme, host = "127.0.0.1", givenPort] = parts ?? [];
  // An address that a server listens on everywhere is not one to call.
  const callable = host === "0.0.0.0" ? "127.0.0.1" : host === "[::]" ? "[::1]" : host;
  const candidate = `${scheme ?? "http://"}${callable}${givenPort ?? (scheme === undefined ? `:${port}` : "")}`;
  if (parts === null || !URL.canParse(candidate)) return { origin: standard, isUnderstood: false };
  return { origin: new URL(candidate).origin, isUnderstood: true };
}

function modelNames(body: unknown): string[] {
  const models = (body as { models?: unknown } | null | undefined)?.models;
  if (!Array.isArray(models)) return [];
  return models.flatMap((model: unknown) => {
    const name = (model as { name?: unknown } | null)?.name;
    return typeof name === "string" && name !== "" ? [name] : [];
  });
}
