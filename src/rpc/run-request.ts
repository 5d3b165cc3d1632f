/**
 * Parameters of `agent` and `chat.send` → `RunRequest`. Pure.
 *
 * Deliberately absent: shape and bounds, which the contract has checked before.
 */
import { createHash } from "node:crypto";
import type { components } from "../../generated/rpc.ts";
import type { Attachment } from "../domain/attachment.ts";
import { GatewayError } from "../domain/errors.ts";
import type { TextPart } from "../domain/message.ts";
import type { Principal } from "../domain/principal.ts";
import type { Chosen, IdempotencyKey, RunRequest } from "../domain/run.ts";
import { decodeBase64, decodeDataUrl, isDataUrl } from "../service/sent-bytes.ts";
import type { ParamsOf } from "./contract.ts";

type Asked = ParamsOf<"agent"> | ParamsOf<"chat.send">;
type SentAttachment = components["schemas"]["Attachment"];

/** Throws a `GatewayError` with the `param` that is at fault. */
export function decodeRun(method: "agent" | "chat.send", params: Asked, principal: Principal): RunRequest {
  const { message, agentId, sessionKey, thinking, attachments = [], idempotencyKey } = params;
  const { model, provider, extraSystemPrompt, stream = true } = params as Partial<ParamsOf<"agent">>;
  if (message === "" && attachments.length === 0) {
    throw new GatewayError("invalid_value", "'message' must not be empty without attachments.", { param: "message" });
  }
  const chosen = chosenModel(model, provider);
  return {
    principal,
    modelName: agentId === undefined ? "openclaw" : `openclaw/${agentId}`,
    ...(agentId === undefined ? {} : { agent: { value: agentId, param: "agentId" } }),
    ...(sessionKey === undefined ? {} : { sessionKey: { value: sessionKey, param: "sessionKey" } }),
    ...(chosen ? { model: chosen } : {}),
    ...(idempotencyKey === undefined ? {} : { idempotency: idempotencyOf(idempotencyKey, [principal.name, method, params]) }),
    messages: [
      ...(extraSystemPrompt ? [{ role: "system" as const, content: [textPart(extraSystemPrompt)] }] : []),
      { role: "user", content: [...(message === "" ? [] : [textPart(message)]), ...attachments.map(decodeAttachment)] },
    ],
    tools: [],
    isFolded: !stream,
    settings: thinking === undefined ? {} : { reasoningEffort: thinking === "off" ? "none" : thinking },
  };
}

function chosenModel(model: string | undefined, provider: string | undefined): Chosen | undefined {
  if (provider === undefined) return model === undefined ? undefined : { value: model, param: "model" };
  if (model !== undefined) return { value: `${provider}/${model}`, param: "model" };
  throw new GatewayError("missing_required_parameter", "'model' is required where 'provider' is given.", { param: "model" });
}

function decodeAttachment({ type, mimeType, fileName, content }: SentAttachment, index: number): Attachment {
  const param = `attachments[${index}]`;
  const data = isDataUrl(content) ? decodeDataUrl(content, `${param}.content`) : decodeBase64(content, `${param}.content`);
  const isImage = type === "image" || mimeType?.startsWith("image/") === true;
  return { type: "attachment", kind: isImage ? "image" : "file", source: { data }, ...(fileName ? { filename: fileName } : {}), param };
}

function idempotencyOf(key: string, deciding: readonly unknown[]): IdempotencyKey {
  return { key, fingerprint: createHash("sha256").update(JSON.stringify(deciding)).digest("hex") };
}

function textPart(text: string): TextPart {
  return { type: "text", text };
}
