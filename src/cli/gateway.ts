/** `clawgate gateway`: opens the program with its faces, says how to reach it, and waits to be stopped; or has workers do so. */
import type { LoadOptions } from "../config/load.ts";
import type { GatewayFlags } from "./flags.ts";
import { logDestination } from "./gateway-log.ts";
import { banner, tokenLine } from "./greeting.ts";
import { open } from "./open.ts";
import { serve } from "./serving.ts";
import { endOnlyWithTerminal, onStopSignal, type StopSignal } from "./stop-signals.ts";

export async function runGateway({ config: configPath, port, bind, token, workers = 1 }: GatewayFlags): Promise<number> {
  const options = { configPath, port, bind, token };
  const offHangup = endOnlyWithTerminal();
  try {
    return workers === 1 ? await runAlone(options) : await (await import("./workers.ts")).runWorkers(workers, options);
  } finally {
    offHangup();
  }
}

async function runAlone(options: LoadOptions): Promise<number> {
  const opened = await open(options, logDestination);
  if (typeof opened === "number") return opened;
  const { program, log } = opened;
  let off = (): void => undefined;
  const stopped = new Promise<StopSignal>((resolve) => (off = onStopSignal(resolve)));
  for (const warning of program.config.warnings) log.warn(warning);
  try {
    return await serve(opened, options, {
      stopped,
      onListening: (url) => console.log(banner(program.config, url)),
      onFailedStart: (reason) => console.error(reason),
      onSecret: (secret) => console.log(tokenLine(secret)),
      onConfig: () => undefined,
    });
  } finally {
    off();
  }
}
