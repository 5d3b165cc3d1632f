/**
 * What the commands that look at things have in common: through the gateway or in this process, errors as sentences, and a quiet
 * end when whoever read the output has gone.
 */
import type { Config } from "../config/config.ts";
import { exitCodes } from "./exit-codes.ts";
import type { AccessFlags } from "./flags.ts";
import { openAccess } from "./gateway-access.ts";
import type { GatewayClient } from "./gateway-client.ts";

export interface Work {
  readonly inGateway: (client: GatewayClient) => Promise<number>;
  readonly inThisProcess: (config: Config) => Promise<number>;
}

export async function atWork(flags: AccessFlags, work: Work): Promise<number> {
  try {
    const access = await openAccess(flags);
    if (typeof access === "number") return access;
    if (access.client) return await whileRead(access.client, work.inGateway);
    return await work.inThisProcess(access.config);
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : String(thrown));
    return exitCodes.failed;
  }
}

/** Closes what is open when the work is done, or when nobody is left to write for (`| head`). */
export async function whileRead<T extends { close(): Promise<void> }>(opened: T, work: (opened: T) => Promise<number>): Promise<number> {
  const gone = new Promise<number>((resolve) => process.stdout.once("error", () => resolve(exitCodes.ok)));
  const done = work(opened);
  // Once nobody waits for it any more, it may fail unheard.
  done.catch(() => undefined);
  try {
    return await Promise.race([done, gone]);
  } finally {
    await opened.close();
  }
}
