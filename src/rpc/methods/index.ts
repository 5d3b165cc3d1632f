/** The methods, each with its handler. A method of the contract that is missing here does not compile. */
import type { Methods } from "../contract.ts";
import { abortChat, type ChatParts, readHistory, sendChat } from "./chat.ts";
import { type GatewayParts, getHealth, getStatus, listAgents, listModels } from "./gateway.ts";
import { getRun, runAgent, type RunParts, waitForRun } from "./runs.ts";
import { deleteSession, exportSession, getSession, listSessions, resetSession, type SessionParts } from "./sessions.ts";

export type MethodParts = GatewayParts & RunParts & ChatParts & SessionParts;

export function createMethods(parts: MethodParts): Methods {
  return {
    health: getHealth(parts),
    status: getStatus(parts),
    "agents.list": listAgents(parts),
    "models.list": listModels(parts),
    agent: runAgent(parts),
    "agent.wait": waitForRun(parts),
    "chat.send": sendChat(parts),
    "chat.history": readHistory(parts),
    "chat.abort": abortChat(parts),
    "sessions.list": listSessions(parts),
    "sessions.get": getSession(parts),
    "sessions.export": exportSession(parts),
    "sessions.reset": resetSession(parts),
    "sessions.delete": deleteSession(parts),
    "runs.get": getRun(parts),
  };
}
