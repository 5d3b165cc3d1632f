/** `clawgate health`: whether a gateway answers and can do its work. Nothing is looked at but what the gateway says. */
import type { methods } from "../../generated/rpc.ts";
import { whileRead } from "./at-work.ts";
import { exitCodes } from "./exit-codes.ts";
import type { ListFlags } from "./flags.ts";
import { openGateway } from "./gateway-access.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { time } from "./session-lines.ts";

type Status = methods["status"]["result"];

export async function showHealth(flags: ListFlags): Promise<number> {
  try {
    const client = await openGateway(flags);
    return typeof client === "number" ? client : await whileRead(client, (opened) => show(opened, flags));
  } catch (thrown) {
    const { message, code } = thrown as Error & { readonly code?: string };
    if (flags.json) console.log(JSON.stringify({ status: "failed", error: { message, code } }));
    else console.error(message);
    return exitCodes.failed;
  }
}

async function show(client: GatewayClient, { json }: ListFlags): Promise<number> {
  const { defaultAgentId } = await client.request("health", {});
  const status = await client.request("status", {});
  const { version, protocol, uptimeMs, connections, runs } = status;
  const agent = defaultAgentId === undefined ? {} : { defaultAgentId };
  if (json) console.log(JSON.stringify({ status: "ok", url: client.place, version, protocol, uptimeMs, connections, runs, ...agent }));
  else for (const line of lines(client.place, status, defaultAgentId)) console.log(line);
  return exitCodes.ok;
}

function lines(place: string, { version, uptimeMs, connections, runs }: Status, agent: string | undefined): string[] {
  return [
    `Clawgate ${version} answers at ${place} and is well.`,
    `  since          ${time(Date.now() - uptimeMs)}`,
    `  connections    ${connections}`,
    `  runs           ${runs.running} at work, ${runs.waiting} waiting`,
    `  default agent  ${agent ?? "none that this token may use"}`,
  ];
}
