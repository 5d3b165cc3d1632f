/** operationId → handler, for every operation of the contract. */
import type { Operations } from "../contract.ts";
import { createChatCompletion, type ChatParts } from "./chat-completions.ts";
import {
  type CompletionParts,
  deleteChatCompletion,
  getChatCompletion,
  listChatCompletionMessages,
  listChatCompletions,
  updateChatCompletion,
} from "./completions.ts";
import { getContract, getDocs, type DocumentParts } from "./documents.ts";
import { getMetrics, type MetricParts } from "./metrics.ts";
import { getModel, listModels, type ModelParts } from "./models.ts";
import { getHealth, getReadiness, type ProbeParts } from "./probes.ts";
import { cancelRun, getRun, streamRunEvents } from "./runs.ts";
import { deleteSession, getSession, listSessionMessages, listSessions, resetSession, type SessionParts } from "./sessions.ts";

export type OperationParts = ChatParts & CompletionParts & ModelParts & SessionParts & ProbeParts & MetricParts & DocumentParts;

export function createOperations(parts: OperationParts): Operations {
  return {
    createChatCompletion: createChatCompletion(parts),
    listChatCompletions: listChatCompletions(parts),
    getChatCompletion: getChatCompletion(parts),
    updateChatCompletion: updateChatCompletion(parts),
    deleteChatCompletion: deleteChatCompletion(parts),
    listChatCompletionMessages: listChatCompletionMessages(parts),
    listModels: listModels(parts),
    getModel: getModel(parts),
    listSessions: listSessions(parts),
    getSession: getSession(parts),
    listSessionMessages: listSessionMessages(parts),
    deleteSession: deleteSession(parts),
    resetSession: resetSession(parts),
    getRun: getRun(parts),
    cancelRun: cancelRun(parts),
    streamRunEvents: streamRunEvents(parts),
    getHealth: getHealth(parts),
    getReadiness: getReadiness(parts),
    getMetrics: getMetrics(parts),
    getContract: getContract(parts),
    getDocs: getDocs(parts),
  };
}
