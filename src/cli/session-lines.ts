/** Kept sessions and messages as lines for people, and as objects for programs. Pure functions. */
import type { Message } from "../domain/message.ts";
import type { KeptMessage } from "../domain/session-catalog.ts";
import type { ShownSession } from "./session-source.ts";

export function sessionLine({ key, lastActiveAt, messageCount, owner = "main" }: ShownSession): string {
  const whose = owner === "main" ? "" : `  of ${owner}`;
  return `${time(lastActiveAt)}  ${String(messageCount).padStart(6)} messages  ${key}${whose}`;
}

export function describeSession(session: ShownSession, memory: { readonly [name: string]: string }): string {
  return [
    session.key,
    `  agent   ${session.agentId}`,
    ...(session.owner === undefined ? [] : [`  owner   ${session.owner}`]),
    `  begun   ${time(session.createdAt)}`,
    `  active  ${time(session.lastActiveAt)}`,
    `  size    ${session.messageCount} messages, ${(session.bytes / 1024).toFixed(1)} KiB`,
    ...Object.entries(memory).map(([name, value]) => `  memory  ${plain(name)}: ${plain(value)}`),
  ].join("\n");
}

export function describeMessage({ message, origin, state }: KeptMessage): string {
  const role = message.role === "tool" && origin === "run" ? "tool of the agent" : message.role;
  return `${role}${state === "active" ? "" : ` (${state})`}:\n${plain(linesOf(message).join("\n"))}`;
}

export function sessionRecord({ createdAt, lastActiveAt, ...session }: ShownSession): object {
  return { ...session, createdAt: new Date(createdAt).toISOString(), lastActiveAt: new Date(lastActiveAt).toISOString() };
}

export function messageRecord({ id, parentId, runId, origin, state, createdAt, message }: KeptMessage): object {
  return { id, parentId: parentId ?? null, runId, origin, state, createdAt: new Date(createdAt).toISOString(), message };
}

function linesOf(message: Exclude<Message, { role: "system" | "developer" }>): string[] {
  if (message.role === "assistant") {
    const calls = message.toolCalls.map((call) => `→ ${call.name}(${call.arguments})`);
    return [message.content, message.refusal ?? "", ...calls].filter((line) => line !== "");
  }
  return message.content.map((part) => (part.type === "text" ? part.text : `[${part.mediaType}]`));
}

export function time(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace(/\..*/, "Z");
}

/** What callers and models wrote must not command the terminal. */
function plain(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is replaced
  return text.replace(/\r\n/g, "\n").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");
}
