/** `chat.send`, `chat.history`, `chat.abort`: a conversation, for whoever shows one. */
import { GatewayError } from "../../domain/errors.ts";
import type { RunRecord } from "../../domain/run-record.ts";
import type { AgentDirectory } from "../../service/agent-directory.ts";
import type { KeptSessions } from "../../service/kept-sessions.ts";
import type { RunDirectory } from "../../service/run-directory.ts";
import type { RunService } from "../../service/run-service.ts";
import type { Call, Methods } from "../contract.ts";
import { readNewest } from "../history.ts";
import { decodeRun } from "../run-request.ts";
import { fullKey } from "../session-names.ts";
import { cancelAfter, waitStatusOf } from "./runs.ts";

export interface ChatParts {
  readonly runs: Pick<RunService, "startInBackground" | "load">;
  readonly runDirectory: RunDirectory;
  readonly keptSessions: KeptSessions;
  readonly agents: AgentDirectory;
}

export function sendChat({ runs, runDirectory }: ChatParts): Methods["chat.send"] {
  return async (params, call) => {
    const { record, isReplay } = await runs.startInBackground(decodeRun("chat.send", params, call.principal));
    const { id: runId, sessionKey, status } = record;
    call.follow({ runId, sessionKey });
    if (params.timeoutMs && !isReplay) cancelAfter(runDirectory, call.principal, runId, params.timeoutMs);
    if (!isReplay) return { runId, status: "started", sessionKey };
    const stands = waitStatusOf(status);
    return { runId, status: stands === "aborted" ? "error" : stands, sessionKey };
  };
}

export function readHistory({ keptSessions, agents }: ChatParts): Methods["chat.history"] {
  return async ({ sessionKey: given, agentId, ...part }, call) => {
    const sessionKey = fullKey(agents, call.principal, { key: given, agentId });
    call.follow({ sessionKey });
    try {
      return { sessionKey, ...(await readNewest(keptSessions, call.principal, sessionKey, part)) };
    } catch (thrown) {
      // A conversation that has not begun is shown as an empty one.
      if (thrown instanceof GatewayError && thrown.code === "not_found") return { sessionKey, messages: [], hasMore: false };
      throw thrown;
    }
  };
}

export function abortChat({ runDirectory, agents }: ChatParts): Methods["chat.abort"] {
  return async ({ sessionKey: given, agentId, runId }, call) => {
    const { principal, signal } = call;
    const sessionKey = fullKey(agents, principal, { key: given, agentId });
    const meant = runId === undefined ? runDirectory.listLive(principal, sessionKey) : await findIn(runDirectory, sessionKey, runId, call);
    const ended = await Promise.all(meant.map(({ id }) => runDirectory.cancel(principal, id, signal)));
    const runIds = ended.filter(({ status }) => status === "aborted").map(({ id }) => id);
    return { ok: true, aborted: runIds.length > 0, runIds };
  };
}

/** What is over already is not aborted by this. */
async function findIn(
  runDirectory: RunDirectory,
  sessionKey: string,
  runId: string,
  { principal }: Call<"chat.abort">,
): Promise<readonly RunRecord[]> {
  try {
    const record = await runDirectory.find(principal, runId);
    return record.sessionKey === sessionKey && record.status === "running" ? [record] : [];
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.code === "not_found") return [];
    throw thrown;
  }
}
