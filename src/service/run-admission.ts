/**
 * What a run needs before it begins, or the refusal: the agent, its models, the session, the caller's attachments and
 * the place in the session's queue, looked for in this order.
 *
 * Deliberately absent: everything that takes a model (`run-service.ts`).
 */
import { type Agent, allowsTool } from "../domain/agent.ts";
import type { Attachment, SentMessage } from "../domain/attachment.ts";
import { GatewayError } from "../domain/errors.ts";
import type { Message, UserPart } from "../domain/message.ts";
import type { Model, ModelCatalog, Price } from "../domain/model.ts";
import { mayNameModel, type Principal } from "../domain/principal.ts";
import type { Chosen, RunRequest } from "../domain/run.ts";
import type { ReplyFormatChecker } from "../runtime/reply-format.ts";
import type { AgentDirectory } from "./agent-directory.ts";
import type { AttachmentService } from "./attachments.ts";
import type { RunLoad, RunPlace, RunQueue } from "./run-queue.ts";
import { type ResolvedSession, resolveSession } from "./session-key.ts";
import type { SessionService } from "./session-service.ts";

const maxShownRef = 128;

/** What a request asks for: whatever can be said of it without waiting. */
export interface Asked {
  readonly request: RunRequest;
  readonly agent: Agent;
  /** The first is asked first. */
  readonly models: readonly [Model, ...Model[]];
  readonly session: ResolvedSession;
}

/** A run that was admitted, with what it needs to go on. */
export interface Admitted extends Asked {
  /** The request's, their attachments read. */
  readonly messages: readonly Message[];
  readonly place: RunPlace;
}

export interface RunAdmissionParts {
  readonly agents: AgentDirectory;
  readonly models: ModelCatalog;
  readonly attachments: AttachmentService;
  readonly formats: ReplyFormatChecker;
  readonly queue: RunQueue;
  readonly sessions: SessionService;
}

export class RunAdmission {
  readonly #parts: RunAdmissionParts;

  constructor(parts: RunAdmissionParts) {
    this.#parts = parts;
  }

  get load(): RunLoad {
    return this.#parts.queue.load;
  }

  /** Throws `model_not_found`, `agent_not_allowed`, `model_not_allowed`, `invalid_value` (session key) or `not_found` (session). */
  identify(request: RunRequest): Asked {
    const agent = this.#parts.agents.resolve(request);
    const session = resolveSession(agent.id, request);
    return { request, agent, session, models: this.#findModels(agent, request) };
  }

  /**
   * Rejects with `not_found` (session), `invalid_value` (tool names, schema, attachments), `unsupported_parameter`
   * (attachments), `session_busy` or `too_many_runs`, or with the signal's reason.
   */
  async admit(asked: Asked, signal: AbortSignal): Promise<Admitted> {
    const { request, agent, session, models } = asked;
    await this.#parts.sessions.refuseForeign(session, request.principal);
    checkToolNames(agent, request);
    refuseUnreadableImages(request.messages, models[0]);
    await this.#parts.formats.prepare(request.settings.responseFormat, signal);
    const messages = await this.#parts.attachments.read(request.messages, signal);
    const place = this.#parts.queue.enter(session, request.principal.name, signal);
    return { request, agent, models, session, messages, place };
  }

  /** Undefined where none is configured. */
  readonly priceOf = (ref: string): Price | undefined => this.#parts.models.find(ref)?.price;

  /** Whoever names a model wants that one: an agent's fallbacks stand in for its own model only. */
  #findModels(agent: Agent, { model: chosen, principal }: RunRequest): readonly [Model, ...Model[]] {
    if (chosen) return [this.#findNamed(chosen, principal)];
    return [this.#findModel(agent.model), ...agent.fallbacks.map((ref) => this.#findModel(ref))];
  }

  #findNamed({ value, param }: Chosen, principal: Principal): Model {
    const model = this.#findModel(value.trim(), param, principal.models);
    if (mayNameModel(principal, model.ref)) return model;
    const allowed = principal.models?.length
      ? `It may name: ${principal.models.join(", ")}.`
      : "Leave it out: the agent has one of its own.";
    throw new GatewayError("model_not_allowed", `The token '${principal.name}' may not name the model '${model.ref}'. ${allowed}`, {
      param,
    });
  }

  #findModel(ref: string, param?: string, shown?: readonly string[]): Model {
    const model = this.#parts.models.find(ref);
    if (model) return model;
    const known = (shown ?? this.#parts.models.refs()).join(", ");
    throw new GatewayError(
      "model_not_found",
      `There is no model '${ref.slice(0, maxShownRef)}' in the catalogue. Known: ${known || "none that you may name"}.`,
      param === undefined ? {} : { param },
    );
  }
}

/** A model that sees two tools of one name cannot say which it means. */
function checkToolNames(agent: Agent, { tools }: RunRequest): void {
  const clash = tools.findIndex((tool) => allowsTool(agent.tools, tool.name));
  if (clash < 0) return;
  throw new GatewayError("invalid_value", `The agent '${agent.id}' has a tool named '${tools[clash]?.name}' of its own. Rename yours.`, {
    param: `tools[${clash}].function.name`,
  });
}

/** A caller hears of it, rather than have its image looked at by nobody. Not even fetched. */
function refuseUnreadableImages(messages: readonly SentMessage[], { ref, takesImages }: Model): void {
  if (takesImages) return;
  for (const [index, { role, content }] of messages.entries()) {
    const part = role === "user" ? content.findIndex(isImage) : -1;
    if (part < 0) continue;
    throw new GatewayError(
      "unsupported_parameter",
      `The model '${ref}' takes no images. Leave the image out, or choose a model whose input in models.providers lists "image".`,
      { param: `messages[${index}].content[${part}]` },
    );
  }
}

function isImage(part: UserPart | Attachment): boolean {
  return part.type === "image" || (part.type === "attachment" && part.kind === "image");
}
