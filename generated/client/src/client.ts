// Generated from openapi.yaml by `npm run generate`. Do not edit.

/** One function per operation of the contract that answers with JSON; where the reply can be streamed, one for that too. */
import { openStream, type ChunkStream } from "./chunk-stream.js";
import { connect, given, type ClawgateClientOptions, type HeaderOptions, type RequestOptions } from "./connection.js";
import type { operations, paths } from "./openapi.js";
import { readReply, type Reply } from "./reply.js";
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionDeleted,
  ChatCompletionList,
  ChatCompletionMessageList,
  ChatCompletionRequest,
  ChatCompletionUpdate,
  Health,
  Model,
  ModelList,
  Readiness,
  Run,
  Session,
  SessionDeleted,
  SessionList,
  SessionMessageList,
} from "./schemas.js";

export interface OperationOptions extends RequestOptions {
  /**
   * Sent as `x-request-id`.
   *
   * A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
   * by a new one, never refused.
   */
  readonly requestId?: string | undefined;
}

export interface ListChatCompletionsOptions extends OperationOptions {
  /** Only completions whose request named this model, word for word. */
  readonly model?: string | undefined;

  /**
   * Only completions that have all of these pairs among their metadata: `metadata[ticket]=4711&metadata[team]=blue`. The brackets
   * may be percent-encoded.
   */
  readonly metadata?: { [key: string]: string } | undefined;

  /** Completions on one page, at most. */
  readonly limit?: number | undefined;

  /** The id of the last completion that is known already. One that is not there, or not any more, answers `400 invalid_value`. */
  readonly after?: string | undefined;

  /** `asc`: the oldest comes first. */
  readonly order?: "asc" | "desc" | undefined;
}

export interface CreateChatCompletionOptions extends OperationOptions {
  /**
   * Sent as `x-openclaw-agent-id`.
   *
   * Chooses the agent when `model` does not. An id is 1 to 64 letters, digits, `-` and `_` and begins with a letter or digit; case does
   * not matter. An unknown agent answers `404 model_not_found`, one that the token may not use `403 agent_not_allowed`; another agent than
   * `model` names answers `400 invalid_value`. Without either, the agent of the session key answers, else the default one or, for a token
   * that may not use that, the first of its own.
   */
  readonly agentId?: string | undefined;

  /**
   * Sent as `x-openclaw-session-key`. Give it as plain text: the client encodes it.
   *
   * The session to continue; it wins over `user`. Full keys have the form `agent:<agentId>:<rest>`; anything else is taken as the `<rest>`
   * under the chosen agent. Percent-encoded UTF-8 where it is not plain ASCII, or contains `%`. Answers `400 invalid_value` for a key of
   * another agent than the chosen one, with control characters, longer than 512 characters once decoded, or beginning with the reserved
   * `subagent:`, `cron:` or `acp:`. A session belongs to the token that made it; one of another token's answers `404 not_found`.
   */
  readonly sessionKey?: string | undefined;

  /**
   * Sent as `x-openclaw-model`.
   *
   * The language model for this run, as `<provider>/<model>`, instead of the agent's own. Only configured models can be named; another one
   * answers `404 model_not_found`, and one that the token may not name `403 model_not_allowed`.
   */
  readonly model?: string | undefined;

  /**
   * Sent as `x-openclaw-events`.
   *
   * `true` shows what the run does besides talking: chunks with an empty `delta` and an `openclaw` object while it waits for its
   * session, asks a model or works with a tool of its own, and an `openclaw` object in the last chunk, or in the reply that is not
   * streamed, that sums the run up. Clients that do not know the key skip it.
   */
  readonly events?: boolean | undefined;

  /**
   * Sent as `idempotency-key`.
   *
   * A name for this request that makes it safe to send it again: 1 to 255 visible ASCII characters, a new one for each new request. The
   * same request of the same token with the same key begins no second run for 24 hours: it gets the reply of the first, waiting for it if
   * need be, with `idempotency-replayed: true`. What failed is repeated as it failed. Another request with that key, that is one with
   * another body, other `x-openclaw-*` headers or another session, answers `409 idempotency_conflict`. What is refused before a run
   * begins is not remembered, and a run that ended because its caller left frees its key.
   */
  readonly idempotencyKey?: string | undefined;
}

export type CreateChatCompletionBody = Omit<ChatCompletionRequest, "stream" | "stream_options"> & { stream?: false | null };

export type StreamChatCompletionBody = Omit<ChatCompletionRequest, "stream"> & { stream?: true | null };

export type UpdateChatCompletionBody = ChatCompletionUpdate;

export interface ListChatCompletionMessagesOptions extends OperationOptions {
  /** Messages on one page, at most. */
  readonly limit?: number | undefined;

  /** The id of the last message that is known already. One that is not in the list answers `400 invalid_value`. */
  readonly after?: string | undefined;

  /** `asc`: the oldest comes first. */
  readonly order?: "asc" | "desc" | undefined;
}

export interface ListSessionsOptions extends OperationOptions {
  /** Only sessions with this agent. Sessions outlive their agent's entry in the config, so an unknown one is no error. */
  readonly agent?: string | undefined;

  /** Sessions on one page, at most. */
  readonly limit?: number | undefined;

  /** The key of the last session that is known already. One that is gone answers `400 invalid_value`. */
  readonly after?: string | undefined;

  /** `desc`: what was active last comes first. */
  readonly order?: "asc" | "desc" | undefined;
}

export interface ListSessionMessagesOptions extends OperationOptions {
  /** Also messages of superseded branches, and those that got no answer. */
  readonly branches?: boolean | undefined;

  /** Messages on one page, at most. */
  readonly limit?: number | undefined;

  /** The id of the last message that is known already. One that is not in the list answers `400 invalid_value`. */
  readonly after?: string | undefined;

  /** `asc`: the oldest comes first. */
  readonly order?: "asc" | "desc" | undefined;
}

export interface ClawgateClient {
  /**
   * List the stored completions.
   *
   * The caller's completions that were asked for with `store: true`, the oldest first; the gateway's own secret lists everybody's. A page
   * goes on from the `last_id` of the one before it, given as `after`.
   */
  listChatCompletions(options?: ListChatCompletionsOptions): Reply<ChatCompletionList>;

  /**
   * Run an agent on some messages.
   *
   * Runs the agent that `model` names on `messages` and replies with what it said. The agent may call its own tools on the way; those
   * calls stay inside the gateway, and only `x-openclaw-events` lets them be seen. Tools in the request belong to the caller: when the
   * agent calls one of them the run ends with `finish_reason: "tool_calls"`, and the caller's next request brings the results as
   * messages with `role: "tool"`.
   *
   * The run is aborted, and the language model's connection closed, as soon as the client disconnects, streamed or not. With
   * `x-openclaw-background: true` it is not: it ends by itself or by `POST /v1/runs/{id}/cancel`.
   */
  createChatCompletion(body: CreateChatCompletionBody, options?: CreateChatCompletionOptions): Reply<ChatCompletion>;

  /** The same as `createChatCompletion`, streamed. Resolves with the first piece of the reply; what is refused before that, rejects. */
  streamChatCompletion(body: StreamChatCompletionBody, options?: CreateChatCompletionOptions): Promise<ChunkStream<ChatCompletionChunk>>;

  /**
   * Read a stored completion.
   *
   * The reply of a run that was asked for with `store: true`, streamed or not, as one object, with its metadata. A completion of somebody
   * else's, one whose 30 days are over and one of a run that was not completed are answered as one that is not there.
   */
  getChatCompletion(completion_id: string, options?: OperationOptions): Reply<ChatCompletion>;

  /**
   * Label a stored completion.
   *
   * Puts new metadata in place of all that it had. Nothing else of a completion can be changed, and how long it is kept does not change
   * either.
   */
  updateChatCompletion(completion_id: string, body: UpdateChatCompletionBody, options?: OperationOptions): Reply<ChatCompletion>;

  /**
   * Delete a stored completion.
   *
   * It goes with the messages that it was made of. The session that its run had, if any, stays as it is: `deleteSession` does away with
   * that one, and leaves stored completions.
   */
  deleteChatCompletion(completion_id: string, options?: OperationOptions): Reply<ChatCompletionDeleted>;

  /**
   * Read what a stored completion was made of.
   *
   * The messages of its request, instructions included, oldest first. What its session held besides is not among them, nor what the
   * agent said: that is the completion.
   */
  listChatCompletionMessages(completion_id: string, options?: ListChatCompletionMessagesOptions): Reply<ChatCompletionMessageList>;

  /**
   * List the agents.
   *
   * The names a client can put into `model`: `openclaw`, `openclaw/default` and one `openclaw/<id>` for each agent that the caller may use. They are listed as
   * models because that is where clients look for a choice. The language models behind the agents are not listed.
   */
  listModels(options?: OperationOptions): Reply<ModelList>;

  /**
   * Look up one agent.
   *
   * One entry of the list. The name may contain a slash, and clients differ in whether they encode it, so both
   * `/v1/models/openclaw%2Fmain` and `/v1/models/openclaw/main` are understood.
   */
  getModel(model: string, options?: OperationOptions): Reply<Model>;

  /**
   * List the sessions.
   *
   * The caller's sessions, the one that was active last first. The gateway's own secret lists everybody's. A page goes on from the
   * `last_id` of the one before it, given as `after`; while sessions are at work they move to the front, so a list that is read page by
   * page may miss what moved meanwhile.
   */
  listSessions(options?: ListSessionsOptions): Reply<SessionList>;

  /**
   * Look up one session.
   *
   * What the list says of it. A session of somebody else's is answered as one that is not there.
   */
  getSession(key: string, options?: OperationOptions): Reply<Session>;

  /**
   * Delete a session.
   *
   * Its messages, all branches of them, and what the agent remembers in it go with it. A session at work is deleted when its run is over:
   * the request waits its turn as a run would. Runs that wait behind it begin the session anew.
   */
  deleteSession(key: string, options?: OperationOptions): Reply<SessionDeleted>;

  /**
   * Read a session's transcript.
   *
   * The messages on the active path, oldest first: what a model reads when the conversation goes on. With `branches=true` all that is
   * kept, in the order in which it was written: `parent_id` says where each message belongs.
   *
   * Calls of the agent's own tools are shown to the gateway's own secret only. To a named token those calls are left out and their
   * results are null, as they stay inside the gateway in its completions.
   *
   * A page ends early when it grows larger than some megabytes; `has_more` says so.
   */
  listSessionMessages(key: string, options?: ListSessionMessagesOptions): Reply<SessionMessageList>;

  /**
   * Empty a session.
   *
   * Its messages and what the agent remembers in it go; the session stays, and stays its owner's. One at work is emptied when its run is
   * over: the request waits its turn as a run would.
   */
  resetSession(key: string, options?: OperationOptions): Reply<Session>;

  /**
   * Look up one run.
   *
   * How it stands, and what it came to. A run of somebody else's is answered as one that is not there; the gateway's own secret sees all.
   * Runs of a session, in the background, with an `Idempotency-Key` or with `store: true` can be looked up for 24 hours, others while they
   * are at work and for five minutes after.
   */
  getRun(id: string, options?: OperationOptions): Reply<Run>;

  /**
   * Cancel a run.
   *
   * Ends a run that waits or is at work, whoever asked for it and wherever they are. By the time of the reply the language model's
   * connection is closed, the session is free, and nothing is recorded as completed. Whoever still waits for its answer gets
   * `409 run_aborted`, in a stream as its error. A run that is over stays as it ended.
   */
  cancelRun(id: string, options?: OperationOptions): Reply<Run>;

  /**
   * Is the process alive?
   *
   * Answers as long as the process serves requests. It touches neither the store nor a model, so it can be asked often.
   */
  getHealth(options?: OperationOptions): Reply<Health>;

  /**
   * Can it take a request?
   *
   * Asks the store. Language models are not asked: a provider that is down for one agent is no reason to take the whole gateway out of
   * service. From the moment the gateway is told to stop it answers 503 `draining`, while runs that have begun still come to their end.
   */
  getReadiness(options?: OperationOptions): Reply<Readiness>;

  /**
   * This contract as JSON.
   *
   * The document that the gateway itself validates requests against, for client generators and for editors.
   */
  getContract(options?: OperationOptions): Reply<operations["getContract"]["responses"]["200"]["content"]["application/json"]>;
}

const headerOptions: HeaderOptions = {
  requestId: { header: "x-request-id", isEncoded: false },
  agentId: { header: "x-openclaw-agent-id", isEncoded: false },
  sessionKey: { header: "x-openclaw-session-key", isEncoded: true },
  model: { header: "x-openclaw-model", isEncoded: false },
  events: { header: "x-openclaw-events", isEncoded: false },
  idempotencyKey: { header: "idempotency-key", isEncoded: false },
};

export function createClawgateClient(options: ClawgateClientOptions = {}): ClawgateClient {
  const { baseUrl = "http://127.0.0.1:18789" } = options;
  const { api, init } = connect<paths>({ ...options, baseUrl }, headerOptions);
  return {
    listChatCompletions: (options = {}) =>
      readReply<ChatCompletionList>(options, () =>
        api.GET("/v1/chat/completions", {
          ...init(options),
          params: { query: given(options, "model", "metadata", "limit", "after", "order") },
        }),
      ),
    createChatCompletion: (body, options = {}) =>
      readReply<ChatCompletion>(options, () => api.POST("/v1/chat/completions", { ...init(options), body })),
    streamChatCompletion: (body, options = {}) =>
      openStream<ChatCompletionChunk>(options, () =>
        api.POST("/v1/chat/completions", { ...init(options), body: { ...body, stream: true } }),
      ),
    getChatCompletion: (completion_id, options = {}) =>
      readReply<ChatCompletion>(options, () =>
        api.GET("/v1/chat/completions/{completion_id}", { ...init(options), params: { path: { completion_id } } }),
      ),
    updateChatCompletion: (completion_id, body, options = {}) =>
      readReply<ChatCompletion>(options, () =>
        api.POST("/v1/chat/completions/{completion_id}", { ...init(options), params: { path: { completion_id } }, body }),
      ),
    deleteChatCompletion: (completion_id, options = {}) =>
      readReply<ChatCompletionDeleted>(options, () =>
        api.DELETE("/v1/chat/completions/{completion_id}", { ...init(options), params: { path: { completion_id } } }),
      ),
    listChatCompletionMessages: (completion_id, options = {}) =>
      readReply<ChatCompletionMessageList>(options, () =>
        api.GET("/v1/chat/completions/{completion_id}/messages", {
          ...init(options),
          params: { path: { completion_id }, query: given(options, "limit", "after", "order") },
        }),
      ),
    listModels: (options = {}) => readReply<ModelList>(options, () => api.GET("/v1/models", { ...init(options) })),
    getModel: (model, options = {}) =>
      readReply<Model>(options, () => api.GET("/v1/models/{model}", { ...init(options), params: { path: { model } } })),
    listSessions: (options = {}) =>
      readReply<SessionList>(options, () =>
        api.GET("/v1/sessions", { ...init(options), params: { query: given(options, "agent", "limit", "after", "order") } }),
      ),
    getSession: (key, options = {}) =>
      readReply<Session>(options, () => api.GET("/v1/sessions/{key}", { ...init(options), params: { path: { key } } })),
    deleteSession: (key, options = {}) =>
      readReply<SessionDeleted>(options, () => api.DELETE("/v1/sessions/{key}", { ...init(options), params: { path: { key } } })),
    listSessionMessages: (key, options = {}) =>
      readReply<SessionMessageList>(options, () =>
        api.GET("/v1/sessions/{key}/messages", {
          ...init(options),
          params: { path: { key }, query: given(options, "branches", "limit", "after", "order") },
        }),
      ),
    resetSession: (key, options = {}) =>
      readReply<Session>(options, () => api.POST("/v1/sessions/{key}/reset", { ...init(options), params: { path: { key } } })),
    getRun: (id, options = {}) => readReply<Run>(options, () => api.GET("/v1/runs/{id}", { ...init(options), params: { path: { id } } })),
    cancelRun: (id, options = {}) =>
      readReply<Run>(options, () => api.POST("/v1/runs/{id}/cancel", { ...init(options), params: { path: { id } } })),
    getHealth: (options = {}) => readReply<Health>(options, () => api.GET("/healthz", { ...init(options) })),
    getReadiness: (options = {}) => readReply<Readiness>(options, () => api.GET("/readyz", { ...init(options) })),
    getContract: (options = {}) =>
      readReply<operations["getContract"]["responses"]["200"]["content"]["application/json"]>(options, () =>
        api.GET("/openapi.json", { ...init(options) }),
      ),
  };
}
