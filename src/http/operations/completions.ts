/** The operations on stored completions: found page by page, read with what they were made of, labelled and deleted. */
import type { KeptCompletions } from "../../service/kept-completions.ts";
import { callerOf } from "../caller.ts";
import { encodeInputMessage, encodeKeptCompletion } from "../completion-reply.ts";
import type { Operations } from "../contract.ts";
import { encodePage } from "../session-reply.ts";

export interface CompletionParts {
  readonly keptCompletions: KeptCompletions;
}

const defaultLimit = 20;

export function listChatCompletions({ keptCompletions }: CompletionParts): Operations["listChatCompletions"] {
  return async ({ query }, context) => {
    const { limit = defaultLimit, order = "asc", model: modelName, metadata, after } = query;
    const page = await keptCompletions.list(callerOf(context), { limit, order, modelName, metadata, after });
    return { status: 200, type: "application/json", body: encodePage(page, encodeKeptCompletion) };
  };
}

export function getChatCompletion({ keptCompletions }: CompletionParts): Operations["getChatCompletion"] {
  return async ({ path }, context) => {
    const completion = await keptCompletions.get(callerOf(context), path.completion_id);
    return { status: 200, type: "application/json", body: encodeKeptCompletion(completion) };
  };
}

export function updateChatCompletion({ keptCompletions }: CompletionParts): Operations["updateChatCompletion"] {
  return async ({ path, body }, context) => {
    const completion = await keptCompletions.setMetadata(callerOf(context), path.completion_id, body.metadata ?? {});
    return { status: 200, type: "application/json", body: encodeKeptCompletion(completion) };
  };
}

export function deleteChatCompletion({ keptCompletions }: CompletionParts): Operations["deleteChatCompletion"] {
  return async ({ path: { completion_id: id } }, context) => {
    await keptCompletions.delete(callerOf(context), id);
    return { status: 200, type: "application/json", body: { id, object: "chat.completion.deleted", deleted: true } };
  };
}

export function listChatCompletionMessages({ keptCompletions }: CompletionParts): Operations["listChatCompletionMessages"] {
  return async ({ path, query }, context) => {
    const { limit = defaultLimit, order = "asc", after } = query;
    const page = await keptCompletions.readMessages(callerOf(context), path.completion_id, { limit, order, after });
    return { status: 200, type: "application/json", body: encodePage(page, encodeInputMessage) };
  };
}
