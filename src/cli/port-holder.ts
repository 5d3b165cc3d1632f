/** Who has a port that is taken: a gateway of this program, which says so to everybody, or something else. */
// Not Node's own: its fetch never settles when a server hangs up at once.
import { fetch } from "undici";
import { addressOf } from "./gateway-address.ts";

const answerLimitMs = 3_000;

/** Undefined where something else listens. */
export async function versionOfClawgate(host: string, port: number): Promise<string | undefined> {
  try {
    const response = await fetch(new URL("/healthz", addressOf({ host, port }, "http")), {
      redirect: "manual",
      signal: AbortSignal.timeout(answerLimitMs),
    });
    const { status, version } = (await response.json()) as { status?: unknown; version?: unknown };
    return response.headers.has("x-request-id") && status === "ok" && typeof version === "string" ? version : undefined;
  } catch {
    return undefined;
  }
}
