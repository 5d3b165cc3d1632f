// Generated from openapi.yaml by `npm run generate`. Do not edit.

export interface paths {
    "/v1/chat/completions": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * List the stored completions
         * @description The caller's completions that were asked for with `store: true`, the oldest first; the gateway's own secret lists everybody's. A page
         *     goes on from the `last_id` of the one before it, given as `after`.
         */
        get: operations["listChatCompletions"];
        put?: never;
        /**
         * Run an agent on some messages
         * @description Runs the agent that `model` names on `messages` and replies with what it said. The agent may call its own tools on the way; those
         *     calls stay inside the gateway, and only `x-openclaw-events` lets them be seen. Tools in the request belong to the caller: when the
         *     agent calls one of them the run ends with `finish_reason: "tool_calls"`, and the caller's next request brings the results as
         *     messages with `role: "tool"`.
         *
         *     The run is aborted, and the language model's connection closed, as soon as the client disconnects, streamed or not. With
         *     `x-openclaw-background: true` it is not: it ends by itself or by `POST /v1/runs/{id}/cancel`.
         *
         *     ### The stream
         *     With `stream: true` the reply is `text/event-stream`; `Accept` is not looked at. Each event is one line and a blank line:
         *
         *     | line | meaning |
         *     |---|---|
         *     | `data: {"id": …, "object": "chat.completion.chunk", …}` | one chunk of the completion |
         *     | `: keepalive` | a comment after some seconds of silence, so that no proxy gives up; clients skip it |
         *     | `data: {"error": {…}}` | the run failed after the stream had begun; an error body as everywhere else |
         *     | `data: [DONE]` | the end, after success and after an error |
         *
         *     The first chunk carries the role, the last but for usage carries the one `finish_reason`, and all share one `id`, `created` and
         *     `model`. Pieces of the text that the language model's provider sent in one go may come as one chunk of up to 256 characters: what
         *     a chunk holds is no measure of tokens. A stream that ends without `data: [DONE]` was cut and must not be taken for complete.
         *
         *     The status and the headers are sent with the first piece of the reply, or with the first comment if that comes earlier. Until then
         *     every failure is an ordinary status.
         */
        post: operations["createChatCompletion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/chat/completions/{completion_id}": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The completion's id, as its reply had it. */
                completion_id: components["parameters"]["CompletionId"];
            };
            cookie?: never;
        };
        /**
         * Read a stored completion
         * @description The reply of a run that was asked for with `store: true`, streamed or not, as one object, with its metadata. A completion of somebody
         *     else's, one whose 30 days are over and one of a run that was not completed are answered as one that is not there.
         */
        get: operations["getChatCompletion"];
        put?: never;
        /**
         * Label a stored completion
         * @description Puts new metadata in place of all that it had. Nothing else of a completion can be changed, and how long it is kept does not change
         *     either.
         */
        post: operations["updateChatCompletion"];
        /**
         * Delete a stored completion
         * @description It goes with the messages that it was made of. The session that its run had, if any, stays as it is: `deleteSession` does away with
         *     that one, and leaves stored completions.
         */
        delete: operations["deleteChatCompletion"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/chat/completions/{completion_id}/messages": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The completion's id, as its reply had it. */
                completion_id: components["parameters"]["CompletionId"];
            };
            cookie?: never;
        };
        /**
         * Read what a stored completion was made of
         * @description The messages of its request, instructions included, oldest first. What its session held besides is not among them, nor what the
         *     agent said: that is the completion.
         */
        get: operations["listChatCompletionMessages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * List the agents
         * @description The names a client can put into `model`: `openclaw`, `openclaw/default` and one `openclaw/<id>` for each agent that the caller may use. They are listed as
         *     models because that is where clients look for a choice. The language models behind the agents are not listed.
         */
        get: operations["listModels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model}": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Look up one agent
         * @description One entry of the list. The name may contain a slash, and clients differ in whether they encode it, so both
         *     `/v1/models/openclaw%2Fmain` and `/v1/models/openclaw/main` are understood.
         */
        get: operations["getModel"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * List the sessions
         * @description The caller's sessions, the one that was active last first. The gateway's own secret lists everybody's. A page goes on from the
         *     `last_id` of the one before it, given as `after`; while sessions are at work they move to the front, so a list that is read page by
         *     page may miss what moved meanwhile.
         */
        get: operations["listSessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{key}": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /**
                 * @description The session's key, percent-encoded. One without `agent:<agentId>:` at its beginning is meant under the default agent. A `/` in it may
                 *     stand as it is, unless the key ends in `/messages` or `/reset`.
                 */
                key: components["parameters"]["Key"];
            };
            cookie?: never;
        };
        /**
         * Look up one session
         * @description What the list says of it. A session of somebody else's is answered as one that is not there.
         */
        get: operations["getSession"];
        put?: never;
        post?: never;
        /**
         * Delete a session
         * @description Its messages, all branches of them, and what the agent remembers in it go with it. A session at work is deleted when its run is over:
         *     the request waits its turn as a run would. Runs that wait behind it begin the session anew.
         */
        delete: operations["deleteSession"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{key}/messages": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /**
                 * @description The session's key, percent-encoded. One without `agent:<agentId>:` at its beginning is meant under the default agent. A `/` in it may
                 *     stand as it is, unless the key ends in `/messages` or `/reset`.
                 */
                key: components["parameters"]["Key"];
            };
            cookie?: never;
        };
        /**
         * Read a session's transcript
         * @description The messages on the active path, oldest first: what a model reads when the conversation goes on. With `branches=true` all that is
         *     kept, in the order in which it was written: `parent_id` says where each message belongs.
         *
         *     Calls of the agent's own tools are shown to the gateway's own secret only. To a named token those calls are left out and their
         *     results are null, as they stay inside the gateway in its completions.
         *
         *     A page ends early when it grows larger than some megabytes; `has_more` says so.
         */
        get: operations["listSessionMessages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{key}/reset": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /**
                 * @description The session's key, percent-encoded. One without `agent:<agentId>:` at its beginning is meant under the default agent. A `/` in it may
                 *     stand as it is, unless the key ends in `/messages` or `/reset`.
                 */
                key: components["parameters"]["Key"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Empty a session
         * @description Its messages and what the agent remembers in it go; the session stays, and stays its owner's. One at work is emptied when its run is
         *     over: the request waits its turn as a run would.
         */
        post: operations["resetSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The run's id, as `x-openclaw-run-id` gave it, or that of its completion, which begins with `chatcmpl-`. */
                id: components["parameters"]["Run"];
            };
            cookie?: never;
        };
        /**
         * Look up one run
         * @description How it stands, and what it came to. A run of somebody else's is answered as one that is not there; the gateway's own secret sees all.
         *     Runs of a session, in the background, with an `Idempotency-Key` or with `store: true` can be looked up for 24 hours, others while they
         *     are at work and for five minutes after.
         */
        get: operations["getRun"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}/cancel": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The run's id, as `x-openclaw-run-id` gave it, or that of its completion, which begins with `chatcmpl-`. */
                id: components["parameters"]["Run"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a run
         * @description Ends a run that waits or is at work, whoever asked for it and wherever they are. By the time of the reply the language model's
         *     connection is closed, the session is free, and nothing is recorded as completed. Whoever still waits for its answer gets
         *     `409 run_aborted`, in a stream as its error. A run that is over stays as it ended.
         */
        post: operations["cancelRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}/events": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The run's id, as `x-openclaw-run-id` gave it, or that of its completion, which begins with `chatcmpl-`. */
                id: components["parameters"]["Run"];
            };
            cookie?: never;
        };
        /**
         * Follow a run
         * @description The completion of a run in the background as a stream, as `POST /v1/chat/completions` gives it with `stream: true` and
         *     `include_usage: true`: what was said so far at once, the rest as it comes, also when the run is over. It can be followed by several
         *     readers, and again. Leaving does not end the run.
         *
         *     The stream is made of chunks, comments, an error and `[DONE]` as described there, and each chunk and error has one line more:
         *
         *     | line | meaning |
         *     |---|---|
         *     | `id: 17` | how far the stream has come; before its `data:` line |
         *
         *     The numbers grow, with gaps. Whoever sends the last one it got, as `starting_after` or as `Last-Event-ID`, gets what comes after it:
         *     nothing is missing and nothing comes twice. A run that failed, was cancelled or whose gateway died ends with the error that says so,
         *     also when that is all there is to send.
         *
         *     Of a run that is not in the background no events can be had: `400 invalid_value`.
         */
        get: operations["streamRunEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Is the process alive?
         * @description Answers as long as the process serves requests. It touches neither the store nor a model, so it can be asked often.
         */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Can it take a request?
         * @description Asks the store. Language models are not asked: a provider that is down for one agent is no reason to take the whole gateway out of
         *     service. From the moment the gateway is told to stop it answers 503 `draining`, while runs that have begun still come to their end.
         */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * How is it doing, in numbers?
         * @description Runs, requests, tokens, times and the process, in the text format of Prometheus (`text/plain; version=0.0.4`), whatever `Accept` says.
         *     Labels have values of the configuration and of this contract only: never a session, a user, an address or anything that a caller wrote.
         *     What each number means, and when it is bad, is in the guide to operating a gateway.
         *
         *     Callers on the gateway's own machine need no token. Such a caller connects to a loopback address, names one in `Host` and is
         *     no proxy: a request with a forwarding header (`Forwarded`, `Via`, `X-Forwarded-…`, `X-Real-IP`) needs a token wherever it comes from.
         *     The numbers are those of all callers together, so a token that may use some agents or language models only is refused (403).
         */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * This contract as JSON
         * @description The document that the gateway itself validates requests against, for client generators and for editors.
         */
        get: operations["getContract"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * This contract as a page
         * @description One self-contained page. It loads nothing from elsewhere, so it also works on a machine without internet.
         */
        get: operations["getDocs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description Each field is one of four kinds. **Honoured**: it does here what it does at OpenAI. **Passed on**: it is sent to the language model
         *     as it is, within the bounds given; whether it has an effect is the model's matter. Settings that the model's protocol has no word
         *     for are left out. **Refused**: it answers `400 unsupported_parameter`, because a silent drop would be worse. **No effect**: it is
         *     accepted because nothing in the reply could depend on it. Fields that are not listed, here and in what is inside, are accepted and not passed on.
         */
        ChatCompletionRequest: {
            /**
             * @description **Honoured.** The agent: `openclaw` or `openclaw/default` for the default one, or `openclaw/<id>`, `openclaw:<id>`, `agent:<id>`.
             *     Other names only if `gateway.http.endpoints.chatCompletions.modelAliases` maps them to an agent. The reply repeats it as sent.
             * @example openclaw
             * @example openclaw:main
             * @example openclaw/beta
             * @example agent:main
             */
            model: string;
            /**
             * @description **Honoured.** The conversation, oldest message first. In a session, the new messages are enough: without an assistant message among
             *     them they continue it where it was answered last. With one, they are the conversation: what the session holds of it is not
             *     doubled, and an edited or repeated message branches.
             */
            messages: components["schemas"]["RequestMessage"][];
            /** @description **Honoured.** `true` for server-sent events; `false`, null or nothing for one JSON object. */
            stream?: boolean | null;
            /** @description **Honoured.** Only together with `stream: true`; without it `400 invalid_value`. */
            stream_options?: components["schemas"]["StreamOptions"] | null;
            /**
             * @description **Honoured.** Whoever talks, in the caller's own words. Requests with the same `user` to the same agent share one session. Spaces
             *     around it are ignored, its case is not; a blank one counts as none. The session key made of it, `agent:<id>:openai-user:<user>`,
             *     has at most 512 characters and no control characters. A named token's users are its own: their key is
             *     `agent:<id>:openai-user:<token name>/<user>`. Applications with several chats for one user should send `x-openclaw-session-key` instead.
             * @example 민지
             * @example alice@example.org
             */
            user?: string | null;
            /**
             * @description **Honoured** for functions: they belong to the caller, are offered to the agent next to its own tools, and a call to one ends the
             *     run. Custom tools are **refused**.
             */
            tools?: components["schemas"]["Tool"][] | null;
            /**
             * @description **Honoured**, for the caller's tools only. `none` does not offer them; the agent's own tools stay. `required`, or a named one,
             *     offers nothing else until one is called, and answers `502 tool_choice_unmet` if the model does not. Both need `tools`. A custom
             *     tool is **refused**.
             */
            tool_choice?: ("none" | "auto" | "required" | null) | components["schemas"]["ToolChoice"];
            /** @description **Passed on.** Whether one turn may call several tools; left out where there are none. */
            parallel_tool_calls?: boolean | null;
            /**
             * @description **Honoured.** The form of the reply's text. It is passed on to providers that know it, and the finished reply is checked: one
             *     that does not fit answers `502 response_format_mismatch`, in a stream as its error. A streamed reply with a JSON form is
             *     therefore sent when it is complete. A reply that was cut (`length`, `content_filter`), a refusal and a reply with tool calls
             *     are not checked.
             */
            response_format?: components["schemas"]["ResponseFormat"] | null;
            /** @description **Passed on.** How freely the model chooses its words. */
            temperature?: number | null;
            /** @description **Passed on.** Only the most likely tokens that make up this share of the probability. */
            top_p?: number | null;
            /** @description **Passed on.** Against repeating the same words, the more the higher. */
            frequency_penalty?: number | null;
            /** @description **Passed on.** Against staying with the same subjects, the more the higher. */
            presence_penalty?: number | null;
            /** @description **Passed on.** From the model's token ids to how much each should be favoured. */
            logit_bias?: {
                [key: string]: number;
            } | null;
            /**
             * @description **Honoured.** The most tokens the run may write over all its turns, reasoning and the calls of the agent's own tools included. A
             *     reply that was cut ends with `length`. Where a provider does not count tokens, it is the most that each turn may have.
             */
            max_completion_tokens?: number | null;
            /**
             * @deprecated
             * @description **Honoured**, like `max_completion_tokens`, of which it is the older name, and the only one some providers know.
             */
            max_tokens?: number | null;
            /** @description **Passed on.** Where the model stops; the sequence itself is not part of the reply. */
            stop?: string | string[] | null;
            /**
             * Format: int64
             * @description **Passed on.** The same seed makes the same reply likelier, where the model can do that. Numbers beyond 2⁵³ are rounded, as
             *     JSON numbers usually are.
             */
            seed?: number | null;
            /**
             * @description **Passed on.** How long the model thinks first.
             * @enum {string|null}
             */
            reasoning_effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max" | null;
            /**
             * @description **Passed on.** How much the model says.
             * @enum {string|null}
             */
            verbosity?: "low" | "medium" | "high" | null;
            /**
             * @description **Passed on.** The provider's class of service.
             * @enum {string|null}
             */
            service_tier?: "auto" | "default" | "flex" | "scale" | "priority" | null;
            /** @description **Passed on.** Requests with the same key are likelier to meet the same cache of the provider. */
            prompt_cache_key?: string | null;
            /**
             * @description **Passed on.** How long the provider keeps the prompt in its cache.
             * @enum {string|null}
             */
            prompt_cache_retention?: "in_memory" | "24h" | null;
            /** @description **Passed on.** Names the end user to the provider, best as a hash. It does not choose a session; `user` does. */
            safety_identifier?: string | null;
            /** @description **Honoured** when 1, else **refused**: a run acts in the world and cannot be had several times over. */
            n?: number | null;
            /** @description **Honoured** with `text`; `audio` is **refused**. */
            modalities?: ("text" | "audio")[] | null;
            /** @description `true` is **refused**: a run is made of several model calls, whose probabilities do not add up to one reply. */
            logprobs?: boolean | null;
            /** @description **Refused**, as `logprobs` is. */
            top_logprobs?: number | null;
            /**
             * @description **Honoured.** `true` keeps the completion for 30 days, to be read back by its id under `/v1/chat/completions`. It has nothing to do
             *     with sessions: a stateless request stays one. Of a run that is not completed nothing is kept.
             */
            store?: boolean | null;
            /**
             * @description **Honoured** with `store: true`: labels to find the completion by, at most 16, with keys of up to 64 and values of up to 512
             *     characters. Without it, **no effect.**
             */
            metadata?: {
                [key: string]: string;
            } | null;
            /** @description **Refused**: agents do not speak. */
            audio?: {
                /** @description The encoding of the sound. */
                format?: string;
                /** @description The name or the id of a voice. */
                voice?: string | {
                    id?: string;
                };
            } | null;
            /** @description **Refused**: one guess at the text does not fit a run of several turns. */
            prediction?: {
                /** @description The kind of prediction. */
                type?: string;
                /** @description The text that is expected. */
                content?: string | components["schemas"]["TextPart"][];
            } | null;
            /** @description **Refused**: an agent searches with its own tools, if it has any for that. */
            web_search_options?: {
                /** @description How much of the results to read. */
                search_context_size?: string;
                /** @description Roughly where the user is. */
                user_location?: {
                    type?: string;
                    approximate?: {
                        city?: string;
                        country?: string;
                        region?: string;
                        timezone?: string;
                    };
                } | null;
            } | null;
            /** @description **Refused**: nothing here moderates, and nobody should believe that something does. */
            moderation?: {
                /** @description The model that moderates. */
                model?: string;
                /** @description What to do with its verdicts. */
                policy?: {
                    input?: {
                        mode?: string;
                    } | null;
                    output?: {
                        mode?: string;
                    } | null;
                } | null;
            } | null;
            /** @description **Refused**: the gateway composes the prompt, so the caller cannot place marks in it. */
            prompt_cache_options?: {
                /** @description Who places the marks. */
                mode?: string;
                /** @description How long they last. */
                ttl?: string;
            } | null;
            /**
             * @deprecated
             * @description **Refused**: the older form of `tools`.
             */
            functions?: {
                name?: string;
                description?: string;
                parameters?: {
                    [key: string]: unknown;
                };
            }[] | null;
            /**
             * @deprecated
             * @description **Refused**: the older form of `tool_choice`.
             */
            function_call?: string | {
                name?: string;
            } | null;
        };
        StreamOptions: {
            /**
             * @description **Honoured.** `usage: null` on every chunk, and one more chunk with the run's usage and no `choices` before the end. The extra
             *     chunk is left out when the provider reports no usage.
             */
            include_usage?: boolean | null;
            /** @description **No effect.** Chunks are never padded. */
            include_obfuscation?: boolean | null;
        };
        /** @description One message of the conversation; `role` says what it may contain. */
        RequestMessage: components["schemas"]["DeveloperMessage"] | components["schemas"]["SystemMessage"] | components["schemas"]["UserMessage"] | components["schemas"]["AssistantMessage"] | components["schemas"]["ToolMessage"] | components["schemas"]["FunctionMessage"];
        /** @description Instructions for this run, after the agent's own. They are not kept in the session. */
        DeveloperMessage: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            role: "developer";
            /** @description **Honoured.** The instructions, as text or as parts of text. */
            content: string | components["schemas"]["TextContentPart"][];
            /** @description **Passed on.** Tells apart several who share a role. */
            name?: string | null;
        };
        /** @description The same as a message with the role `developer`, under its older name. */
        SystemMessage: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            role: "system";
            /** @description **Honoured.** The instructions, as text or as parts of text. */
            content: string | components["schemas"]["TextContentPart"][];
            /** @description **Passed on.** Tells apart several who share a role. */
            name?: string | null;
        };
        /** @description What the user said. */
        UserMessage: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            role: "user";
            /**
             * @description **Honoured** as text or as parts of type `text`, `image_url` and `file`; `input_audio` is **refused**, and `param` names the
             *     first part that cannot be taken.
             */
            content: string | components["schemas"]["UserContentPart"][];
            /** @description **Passed on.** Tells apart several who share a role. */
            name?: string | null;
        };
        /** @description What the agent said earlier. A reply of the gateway can be sent back as it came. */
        AssistantMessage: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            role: "assistant";
            /** @description **Honoured.** The text; may be left out or null when there are tool calls or a refusal. */
            content?: string | components["schemas"]["AssistantContentPart"][] | null;
            /** @description **Honoured.** What the agent said instead of an answer. */
            refusal?: string | null;
            /** @description **Passed on.** Tells apart several who share a role. */
            name?: string | null;
            /** @description **Honoured.** The caller's tools it called. Calls to custom tools are **refused**. */
            tool_calls?: components["schemas"]["RequestToolCall"][] | null;
            /** @description **Refused**: agents do not speak. */
            audio?: {
                id?: string;
            } | null;
            /**
             * @deprecated
             * @description **Refused**: the older form of `tool_calls`.
             */
            function_call?: {
                name?: string;
                arguments?: string;
            } | null;
        };
        /** @description The result of a call to one of the caller's tools. */
        ToolMessage: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            role: "tool";
            /** @description **Honoured.** The result, as text or as parts of text. */
            content: string | components["schemas"]["TextContentPart"][];
            /**
             * @description **Honoured.** The `id` of the call. A result without its call in the same request continues the session only if that call is
             *     still open there; otherwise it answers `400 invalid_value`.
             */
            tool_call_id: string;
        };
        /**
         * @deprecated
         * @description **Refused**: the older form of a message with the role `tool`.
         */
        FunctionMessage: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            role: "function";
            /** @description The result. */
            content?: string | null;
            /** @description The name of the function. */
            name?: string;
        };
        /** @description A piece of what the user said. */
        UserContentPart: components["schemas"]["TextPart"] | components["schemas"]["ImagePart"] | components["schemas"]["AudioPart"] | components["schemas"]["FilePart"];
        /** @description A piece of what the agent said. */
        AssistantContentPart: components["schemas"]["TextPart"] | components["schemas"]["RefusalPart"];
        /** @description A piece of text; where this stands, no other type of part can. */
        TextContentPart: components["schemas"]["TextPart"];
        /** @description **Honoured.** Text. */
        TextPart: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "text";
            /** @description The text. */
            text: string;
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        /**
         * @description **Honoured.** A PNG, JPEG, GIF or WebP image, for language models that take images; another model answers
         *     `400 unsupported_parameter`. What it is, its bytes tell and not its label. Up to 8 parts, 10 MiB each and 14 MiB in all once
         *     decoded, unless configured otherwise.
         */
        ImagePart: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "image_url";
            /** @description The image. */
            image_url: {
                /**
                 * @description **Honoured.** The image itself as a `data:` URL in base64. An `http(s)` address only where
                 *     `gateway.http.endpoints.chatCompletions.images` allows its host; private addresses are never reached.
                 */
                url: string;
                /**
                 * @description **Passed on.** How closely to look at it.
                 * @enum {string|null}
                 */
                detail?: "auto" | "low" | "high" | null;
            };
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        /** @description Sound. **Refused.** */
        AudioPart: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "input_audio";
            input_audio?: {
                /** @description The sound in base64. */
                data?: string;
                /** @description Its encoding. */
                format?: string;
            };
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        /**
         * @description **Honoured** for text in UTF-8 and for PDF: the model reads the file's text, after its name. Anything else answers
         *     `400 invalid_value`. What it is, its bytes tell and not its label. Up to 8 files, 5 MiB and 200 000 characters of text each,
         *     unless configured otherwise.
         */
        FilePart: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "file";
            /** @description The file. */
            file: {
                /** @description **Honoured.** The file as a `data:` URL in base64, or the base64 alone. Required. */
                file_data?: string | null;
                /** @description **Refused**: there are no uploaded files. */
                file_id?: string | null;
                /** @description **Honoured.** Its name, shown to the model. */
                filename?: string | null;
            };
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        /** @description **Honoured.** What the agent said instead of an answer. */
        RefusalPart: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "refusal";
            /** @description The text. */
            refusal: string;
        };
        /** @description A mark for the provider's cache. **Refused**, as `prompt_cache_options` is. */
        PromptCacheBreakpoint: {
            mode?: string;
        } | null;
        /** @description A call to one of the caller's tools. */
        RequestToolCall: components["schemas"]["FunctionToolCall"] | components["schemas"]["CustomToolCall"];
        /** @description **Honoured.** A call to a function. */
        FunctionToolCall: {
            /** @description Ties the result to the call. */
            id: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "function";
            /** @description The call itself. */
            function: {
                /** @description Which function. */
                name: string;
                /** @description The arguments as the model wrote them, meant to be JSON. Models err; check them. */
                arguments: string;
            };
        };
        /** @description A call to a custom tool. **Refused.** */
        CustomToolCall: {
            id?: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "custom";
            custom?: {
                name?: string;
                input?: string;
            };
        };
        /** @description A tool of the caller's. */
        Tool: components["schemas"]["FunctionTool"] | components["schemas"]["CustomTool"];
        /** @description **Honoured.** A function that the caller carries out. */
        FunctionTool: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "function";
            /** @description The function. */
            function: {
                /** @description **Honoured.** Up to 64 letters, digits, `_` and `-`. Each name once, and none that a tool of the agent's own has. */
                name: string;
                /** @description **Passed on.** Tells the model what the function is for. */
                description?: string | null;
                /** @description **Passed on.** A JSON Schema of its arguments, nested at most 64 levels deep. Without one it takes none. */
                parameters?: {
                    [key: string]: unknown;
                } | null;
                /** @description **Passed on.** Whether the model must keep to the schema exactly. */
                strict?: boolean | null;
            };
        };
        /** @description A tool that takes free text. **Refused.** */
        CustomTool: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "custom";
            custom?: {
                name?: string;
                description?: string;
                format?: {
                    type?: string;
                    grammar?: {
                        definition?: string;
                        syntax?: string;
                    };
                };
            };
        };
        /** @description Which of the caller's tools must be called. */
        ToolChoice: components["schemas"]["NamedToolChoice"] | components["schemas"]["AllowedToolsChoice"] | components["schemas"]["CustomToolChoice"];
        /** @description **Honoured.** This one. */
        NamedToolChoice: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "function";
            /** @description The function that must be called. */
            function: {
                /** @description The name of a function in `tools`. */
                name: string;
            };
        };
        /** @description **Honoured.** Only some of them. */
        AllowedToolsChoice: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "allowed_tools";
            /** @description Which of them, and whether one must be called. */
            allowed_tools: {
                /**
                 * @description Whether one of them must be called.
                 * @enum {string}
                 */
                mode: "auto" | "required";
                /** @description Each as `{"type": "function", "function": {"name": …}}`, naming a function in `tools`. */
                tools: {
                    [key: string]: unknown;
                }[];
            };
        };
        /** @description A custom tool. **Refused.** */
        CustomToolChoice: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "custom";
            custom?: {
                name?: string;
            };
        };
        /** @description The form of the reply's text. */
        ResponseFormat: components["schemas"]["TextFormat"] | components["schemas"]["JsonObjectFormat"] | components["schemas"]["JsonSchemaFormat"];
        /** @description **Passed on.** Any text, as without `response_format`. */
        TextFormat: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "text";
        };
        /** @description **Honoured.** Some JSON object. */
        JsonObjectFormat: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "json_object";
        };
        /** @description **Honoured.** JSON of a given schema. */
        JsonSchemaFormat: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "json_schema";
            /** @description The schema and its name. */
            json_schema: {
                /** @description **Passed on.** Up to 64 letters, digits, `_` and `-`. */
                name: string;
                /** @description **Passed on.** Tells the model what it is for. */
                description?: string | null;
                /**
                 * @description **Honoured.** The JSON Schema, of draft 2020-12 unless its `$schema` names draft 07 or 06. At most 64 levels deep and
                 *     256 KiB long; references lead inside of it only.
                 */
                schema?: {
                    [key: string]: unknown;
                } | null;
                /** @description **Passed on.** Whether the model must keep to the schema exactly. */
                strict?: boolean | null;
            };
        };
        /** @description The reply as one object. */
        ChatCompletion: {
            /** @description `chatcmpl-` and the run's id. */
            id: string;
            /** @constant */
            object: "chat.completion";
            /** @description When the run began, in Unix seconds. */
            created: number;
            /** @description As the request had it. */
            model: string;
            /** @description Always one. */
            choices: {
                /**
                 * @description There is only one choice.
                 * @constant
                 */
                index: 0;
                message: components["schemas"]["ResponseMessage"];
                /** @description Always null; `logprobs` is refused. */
                logprobs: null;
                finish_reason: components["schemas"]["FinishReason"];
            }[];
            usage?: components["schemas"]["Usage"];
            openclaw?: components["schemas"]["RunSummary"];
            /** @description Its labels, where a stored completion is read. */
            metadata?: {
                [key: string]: string;
            };
        };
        /** @description One page of stored completions. */
        ChatCompletionList: {
            /** @constant */
            object: "list";
            /** @description The completions, in the order that was asked for. */
            data: components["schemas"]["ChatCompletion"][];
            /** @description The first one's id; null on an empty page. */
            first_id: string | null;
            /** @description The last one's id, to be sent as `after` for the next page; null on an empty page. */
            last_id: string | null;
            /** @description Whether there is a next page. */
            has_more: boolean;
        };
        /** @description What can be changed of a stored completion. */
        ChatCompletionUpdate: {
            /** @description Its labels from now on, at most 16; null for none. */
            metadata: {
                [key: string]: string;
            } | null;
        };
        /** @description A stored completion that is gone. */
        ChatCompletionDeleted: {
            /** @description The id it had. */
            id: string;
            /** @constant */
            object: "chat.completion.deleted";
            /** @constant */
            deleted: true;
        };
        /** @description A message of the request that a stored completion answers. */
        ChatCompletionMessage: {
            /** @description The completion's id and the message's place in the request, counted from 0. */
            id: string;
            /**
             * @description Who speaks. `tool` is the result of a call.
             * @enum {string}
             */
            role: "developer" | "system" | "user" | "assistant" | "tool";
            /** @description The text. Null where there are parts, and for an assistant message with nothing but calls or a refusal. */
            content: string | null;
            /** @description The parts of a message that is more than one text, else null. */
            content_parts: null | components["schemas"]["SessionContentPart"][];
            /** @description What the model said instead of an answer. */
            refusal: string | null;
            /** @description Tells apart several who share a role. */
            name?: string;
            /** @description The calls of an assistant message. */
            tool_calls?: components["schemas"]["FunctionToolCall"][];
            /** @description The call that a result belongs to. */
            tool_call_id?: string;
        };
        /** @description One page of the messages of a stored completion's request. */
        ChatCompletionMessageList: {
            /** @constant */
            object: "list";
            /** @description The messages, in the order that was asked for. */
            data: components["schemas"]["ChatCompletionMessage"][];
            /** @description The first one's id; null on an empty page. */
            first_id: string | null;
            /** @description The last one's id, to be sent as `after` for the next page; null on an empty page. */
            last_id: string | null;
            /** @description Whether there is a next page. */
            has_more: boolean;
        };
        /** @description What the agent said. */
        ResponseMessage: {
            /** @constant */
            role: "assistant";
            /** @description The texts of all turns, joined by a blank line; nothing is trimmed or added. Null when there are only tool calls or a refusal. */
            content: string | null;
            /** @description What the model said instead of an answer. */
            refusal: string | null;
            /** @description The model's reasoning, where it gives any; never mixed into `content`. */
            reasoning_content?: string;
            /** @description The caller's tools to carry out. The agent's own are not among them. */
            tool_calls?: components["schemas"]["FunctionToolCall"][];
        };
        /**
         * @description `stop`: the agent is done. `length`: the text was cut at a token limit. `tool_calls`: it waits for the caller's tools.
         *     `content_filter`: the provider withheld something.
         * @enum {string}
         */
        FinishReason: "stop" | "length" | "tool_calls" | "content_filter";
        /**
         * @description Tokens as the provider counted them, summed over all turns of the run. Left out when the provider does not count: a zero would be a
         *     lie.
         */
        Usage: {
            /**
             * @description What the models read. An agent that calls its own tools reads the conversation once for each turn, and has instructions that the
             *     caller does not see, so this is more than the request's own length.
             */
            prompt_tokens: number;
            /** @description What the models wrote, reasoning and the calls of the agent's own tools included. */
            completion_tokens: number;
            /** @description The sum of the two. */
            total_tokens: number;
            /** @description Only when the provider reports it. */
            prompt_tokens_details?: {
                /** @description The part of `prompt_tokens` that came from the provider's cache. */
                cached_tokens: number;
            };
            /** @description Only when the provider reports it. */
            completion_tokens_details?: {
                /** @description The part of `completion_tokens` spent on reasoning. */
                reasoning_tokens: number;
            };
        };
        /** @description One `data:` line of a stream, `[DONE]` and errors aside. */
        ChatCompletionChunk: {
            /** @description The same on all chunks. */
            id: string;
            /** @constant */
            object: "chat.completion.chunk";
            /** @description The same on all chunks. */
            created: number;
            /** @description As the request had it. */
            model: string;
            /** @description One, but none in the chunk that brings the usage. */
            choices: {
                /**
                 * @description There is only one choice.
                 * @constant
                 */
                index: 0;
                delta: components["schemas"]["ChunkDelta"];
                /** @description Always null; `logprobs` is refused. */
                logprobs?: null;
                /**
                 * @description Null on all chunks but one. The values are those of a completion that is not streamed.
                 * @enum {string|null}
                 */
                finish_reason: "stop" | "length" | "tool_calls" | "content_filter" | null;
            }[];
            /** @description Only when asked for with `stream_options.include_usage`. Null on all chunks but the last. */
            usage?: components["schemas"]["Usage"] | null;
            openclaw?: components["schemas"]["RunProgress"];
        };
        /**
         * @description What the run does, only when `x-openclaw-events: true` asked for it. It comes in chunks with an empty `delta`, or in the first one of
         *     a run that is followed; `type` says what it is. New types may be added: skip those you do not know.
         */
        RunProgress: components["schemas"]["RunQueued"] | components["schemas"]["TurnStarted"] | components["schemas"]["ModelFellBack"] | components["schemas"]["ToolStarted"] | components["schemas"]["ToolEnded"] | components["schemas"]["RunSummary"];
        /** @description The run waits until its session is free, or until fewer others are at work. */
        RunQueued: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "run_queued";
        };
        /** @description A language model is asked, and the run waits for it. */
        TurnStarted: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "turn_start";
            /** @description Which turn of the run this is. */
            turn: number;
            /** @description The language model, as `<provider>/<model>`. */
            model: string;
        };
        /** @description A language model failed before it said anything, and the next one of the agent's is asked. */
        ModelFellBack: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "model_fallback";
            /** @description The model that failed. */
            from: string;
            /** @description The model that is asked now. */
            to: string;
            /** @description Why it failed, as the `code` of an error. */
            code: string;
        };
        /** @description A tool of the agent's own begins to work. Its arguments and its result stay inside the gateway. */
        ToolStarted: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "tool_start";
            /** @description Ties the end to the start. */
            id: string;
            /** @description The tool. */
            name: string;
        };
        /** @description It is done. */
        ToolEnded: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "tool_end";
            /** @description The same as at its start. */
            id: string;
            /** @description The tool. */
            name: string;
            /** @description Whether it failed. The model sees why and may go on. */
            is_error: boolean;
        };
        /** @description The run in figures, only when `x-openclaw-events` asked for it. */
        RunSummary: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "run_end";
            /** @description The language model that was asked last, as `<provider>/<model>`; after a fallback, not the agent's first one. */
            model: string;
            /** @description How often a language model was asked. */
            turns: number;
            usage?: components["schemas"]["Usage"];
            /**
             * @description What its tokens cost at the prices in `models.providers.*.models[].cost`, in their currency. Left out unless the tokens and the
             *     price of every turn are known.
             */
            cost?: number;
        };
        /** @description What this chunk adds. */
        ChunkDelta: {
            /**
             * @description In the first chunk only.
             * @constant
             */
            role?: "assistant";
            /** @description A piece of text, to be appended to what came before. Empty in the first chunk. */
            content?: string;
            /** @description A piece of what the model says instead of an answer. Null in the first chunk. */
            refusal?: string | null;
            /** @description The model's reasoning, where it gives any. */
            reasoning_content?: string;
            /** @description Calls of the caller's tools. The agent's own are not among them. */
            tool_calls?: components["schemas"]["ChunkToolCall"][];
        };
        /** @description The first piece of a call has all fields; later ones have `index` and more `arguments`. */
        ChunkToolCall: {
            /** @description Which call of the reply this belongs to. */
            index: number;
            /** @description Ties the result to the call. In the first piece only. */
            id?: string;
            /**
             * @description In the first piece only.
             * @constant
             */
            type?: "function";
            /** @description The function and a piece of its arguments. */
            function: {
                /** @description Which function. In the first piece only. */
                name?: string;
                /** @description To be appended to what came before. */
                arguments: string;
            };
        };
        /** @description An agent, in the form in which clients expect models. */
        Model: {
            /** @description What to put into `model`. */
            id: string;
            /** @constant */
            object: "model";
            /** @description When the configuration file was last changed or, without one, the gateway was started; in Unix seconds. */
            created: number;
            /** @description Always `openclaw`. */
            owned_by: string;
        };
        /** @description All agents. */
        ModelList: {
            /** @constant */
            object: "list";
            /** @description The default agent under its two short names, then each agent under its own. */
            data: components["schemas"]["Model"][];
        };
        /** @description A conversation that is kept. */
        Session: {
            /** @description Its key, as `x-openclaw-session-key` takes and gives it, but not percent-encoded. */
            id: string;
            /** @constant */
            object: "session";
            /** @description The agent it is held with. */
            agent: string;
            /**
             * @description Who made it: the name of a token, or `main` for the gateway's own secret and the command line. Shown to the gateway's own secret
             *     only.
             */
            owner?: string;
            /** @description When it began, in Unix seconds. */
            created: number;
            /** @description When a run last went on or ended in it, or it was changed otherwise, in Unix seconds. */
            last_active_at: number;
            /** @description All messages that are kept, those of superseded branches and those without an answer included. */
            message_count: number;
            /** @description What its messages and its memory take in the store, about. */
            bytes: number;
        };
        /** @description One page of sessions. */
        SessionList: {
            /** @constant */
            object: "list";
            /** @description The sessions, in the order that was asked for. */
            data: components["schemas"]["Session"][];
            /** @description The first one's key; null on an empty page. */
            first_id: string | null;
            /** @description The last one's key, to be sent as `after` for the next page; null on an empty page. */
            last_id: string | null;
            /** @description Whether there is a next page. */
            has_more: boolean;
        };
        /** @description A session that is gone. */
        SessionDeleted: {
            /** @description The key it had. */
            id: string;
            /** @constant */
            object: "session.deleted";
            /** @constant */
            deleted: true;
        };
        /** @description A message as it is kept. Instructions are not kept, so there are none. */
        SessionMessage: {
            /** @description Its own, within the session. */
            id: string;
            /** @constant */
            object: "session.message";
            /** @description The message before it; null where a conversation begins. */
            parent_id: string | null;
            /** @description The run that kept it, as `x-openclaw-run-id` named it. */
            run_id: string;
            /** @description When it was kept, in Unix seconds. */
            created: number;
            /**
             * @description Who speaks. `tool` is the result of a call.
             * @enum {string}
             */
            role: "user" | "assistant" | "tool";
            /**
             * @description The text, or a user's text and images. Null for an assistant message with nothing but calls or a refusal, and for a result of the
             *     agent's own tool that the caller does not get to see.
             */
            content: string | null | components["schemas"]["SessionContentPart"][];
            /** @description What the model said instead of an answer. */
            refusal?: string;
            /** @description The calls of an assistant message. */
            tool_calls?: components["schemas"]["FunctionToolCall"][];
            /** @description The call that a result belongs to. */
            tool_call_id?: string;
            /**
             * @description `caller`: it came with a request. `run`: the agent wrote it, or one of its own tools.
             * @enum {string}
             */
            origin: "caller" | "run";
            /**
             * @description `active`: on the path that goes on. `superseded`: on another branch. `unanswered`: its run failed or was aborted, and no model
             *     reads it again.
             * @enum {string}
             */
            state: "active" | "superseded" | "unanswered";
        };
        /** @description A piece of a user's message. A file is kept as the text that was read from it. */
        SessionContentPart: components["schemas"]["SessionTextPart"] | components["schemas"]["SessionImagePart"];
        /** @description Text. */
        SessionTextPart: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "text";
            /** @description The text. */
            text: string;
        };
        /** @description An image. */
        SessionImagePart: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "image_url";
            /** @description The image. */
            image_url: {
                /** @description The image itself, as a `data:` URL in base64. */
                url: string;
                /**
                 * @description How closely it was to be looked at.
                 * @enum {string}
                 */
                detail?: "auto" | "low" | "high";
            };
        };
        /** @description One page of a transcript. */
        SessionMessageList: {
            /** @constant */
            object: "list";
            /** @description The messages, in the order that was asked for. */
            data: components["schemas"]["SessionMessage"][];
            /** @description The first one's id; null on an empty page. */
            first_id: string | null;
            /** @description The last one's id, to be sent as `after` for the next page; null on an empty page. */
            last_id: string | null;
            /** @description Whether there is a next page. */
            has_more: boolean;
        };
        /** @description One run, that is what the gateway does, or did, for one request. */
        Run: {
            /** @description Its own. */
            id: string;
            /** @constant */
            object: "run";
            /** @description That of its completion, which is the run's with `chatcmpl-` before it. */
            completion_id: string;
            /** @description The agent that runs. */
            agent: string;
            /**
             * @description The session it belongs to, as `x-openclaw-session-key` takes and gives it, but not percent-encoded. A stateless run's is a name that
             *     nothing is kept under.
             */
            session_key: string;
            /**
             * @description Who asked for it: the name of a token, or `main` for the gateway's own secret and the command line. Shown to the gateway's own
             *     secret only.
             */
            owner?: string;
            /** @description As the request had it. */
            model: string;
            /** @description The language model that was asked last, as `<provider>/<model>`; while it runs, the one that is asked first. */
            language_model: string;
            /**
             * @description `running`: it waits its turn or is at work. `completed`: it has its answer. `failed`: `error` says why. `aborted`: its caller left,
             *     or it was cancelled. `interrupted`: its gateway stopped or died while it was at work.
             * @enum {string}
             */
            status: "running" | "completed" | "failed" | "aborted" | "interrupted";
            /** @description Whether it goes on when its caller leaves. */
            background: boolean;
            /** @description When it began, in Unix seconds. */
            created: number;
            /** @description When it ended, or was found interrupted, in Unix seconds; null while it runs. */
            ended_at: number | null;
            /** @description How many turns came to their end. Left out while it runs, and of an interrupted run. */
            turns?: number;
            /**
             * @description Of a completed run, as its completion has it; else null.
             * @enum {string|null}
             */
            finish_reason: "stop" | "length" | "tool_calls" | "content_filter" | null;
            usage?: components["schemas"]["Usage"];
            /**
             * @description What its tokens cost at the prices in `models.providers.*.models[].cost`, in their currency. Left out unless the tokens and the
             *     price of every turn are known.
             */
            cost?: number;
            /** @description Of a failed run, what its caller was told; of an interrupted one, `run_interrupted`; else null. */
            error: components["schemas"]["ErrorDetails"] | null;
            /**
             * @description Of a completed run in the background, its completion, as long as its events are kept; else null: what others said, their callers
             *     were answered.
             */
            completion: components["schemas"]["ChatCompletion"] | null;
        };
        /** @description The process is alive. */
        Health: {
            /** @constant */
            status: "ok";
            /** @description The gateway's version. */
            version: string;
        };
        /** @description The gateway can take requests. */
        Readiness: {
            /** @constant */
            status: "ready";
            /** @description What was asked. */
            checks: {
                /** @constant */
                store: "ok";
            };
        };
        /** @description What every error looks like. */
        Error: {
            error: components["schemas"]["ErrorDetails"];
        };
        /** @description The error. All four keys are always there. */
        ErrorDetails: {
            /** @description What was wrong and how to mend it, for people. */
            message: string;
            /**
             * @description The family of the error.
             * @enum {string}
             */
            type: "invalid_request_error" | "authentication_error" | "permission_error" | "rate_limit_error" | "server_error";
            /** @description Where it was wrong, as a path into the body such as `messages[0].content` or the name of a header, or null. */
            param: string | null;
            /**
             * @description What was wrong, for programs.
             * @enum {string}
             */
            code: "invalid_json" | "invalid_type" | "invalid_value" | "missing_required_parameter" | "unsupported_parameter" | "empty_array" | "context_length_exceeded" | "upstream_rejected" | "invalid_api_key" | "agent_not_allowed" | "model_not_allowed" | "model_not_found" | "not_found" | "endpoint_disabled" | "method_not_allowed" | "request_timeout" | "idempotency_conflict" | "run_aborted" | "request_too_large" | "unsupported_media_type" | "headers_too_large" | "too_many_failed_logins" | "session_busy" | "too_many_runs" | "rate_limit_exceeded" | "insufficient_quota" | "upstream_rate_limited" | "internal_error" | "max_turns_exceeded" | "run_interrupted" | "upstream_error" | "tool_choice_unmet" | "response_format_mismatch" | "draining" | "store_unavailable" | "run_timeout" | "upstream_timeout";
        };
    };
    responses: {
        /** @description The request cannot be understood, asks for something that is not supported, or the language model refused it. */
        ChatBadRequest: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "x-openclaw-run-id": components["headers"]["FailedRunId"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                "idempotency-replayed": components["headers"]["IdempotencyReplayed"];
                "x-ratelimit-limit-requests": components["headers"]["RateLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The request cannot be understood, or its metadata does not fit. */
        BadMetadata: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The request line, the headers or the encoding of the path cannot be understood. */
        MalformedRequest: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description No secret, or not the right one. */
        Unauthorized: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "WWW-Authenticate": components["headers"]["Authenticate"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The token may not use this agent, or may not name this language model. */
        Forbidden: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The token may use some agents or language models only, and the numbers are those of all. */
        MetricsForbidden: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description There is no such agent or language model, the session is somebody else's, or the endpoint is switched off. */
        AgentNotFound: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "x-openclaw-run-id": components["headers"]["FailedRunId"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                "idempotency-replayed": components["headers"]["IdempotencyReplayed"];
                "x-ratelimit-limit-requests": components["headers"]["RateLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description There is no such agent, or the endpoint is switched off. */
        ModelNotFound: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The request line, the headers, the encoding of the path or the query cannot be understood. */
        BadQuery: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description There is no such stored completion of the caller's, or the endpoint is switched off. */
        CompletionNotFound: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description There is no such session of the caller's, or the endpoint is switched off. */
        SessionNotFound: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description There is no such run of the caller's, or it is no longer known, or the endpoint is switched off. */
        RunNotFound: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The request cannot be understood, or the run's events are not kept. */
        RunEventsBadRequest: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The address is locked out, or the session is busy. */
        SessionTooManyRequests: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "Retry-After": components["headers"]["RetryAfter"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The endpoint is switched off. */
        EndpointDisabled: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The path exists, but not with this method. */
        MethodNotAllowed: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                Allow: components["headers"]["Allow"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The request did not arrive completely in time. */
        RequestTimeout: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The `Idempotency-Key` belongs to another request, or the run was cancelled from elsewhere. */
        ChatConflict: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "x-openclaw-run-id": components["headers"]["FailedRunId"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                "idempotency-replayed": components["headers"]["IdempotencyReplayed"];
                "x-ratelimit-limit-requests": components["headers"]["RateLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The body is larger than the gateway takes. When `Content-Length` says so, it is not read at all. */
        RequestTooLarge: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The body is not declared as JSON, or is packed in a way the gateway does not know. */
        UnsupportedMediaType: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /**
         * @description The address is locked out, the caller's token has used up what it may, or the session, the gateway or the language model's provider
         *     is busy.
         */
        ChatTooManyRequests: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "Retry-After": components["headers"]["RetryAfter"];
                "x-openclaw-run-id": components["headers"]["FailedRunId"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                "idempotency-replayed": components["headers"]["IdempotencyReplayed"];
                "x-ratelimit-limit-requests": components["headers"]["RateLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description Too many wrong secrets came from this address. */
        LockedOut: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "Retry-After": components["headers"]["RetryAfter"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The request's headers are larger than 64 KiB. */
        HeadersTooLarge: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The gateway failed, or the agent did not come to an end. */
        InternalError: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "x-openclaw-run-id": components["headers"]["FailedRunId"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                "idempotency-replayed": components["headers"]["IdempotencyReplayed"];
                "x-ratelimit-limit-requests": components["headers"]["RateLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The language model's provider failed, or its reply cannot be used. */
        BadGateway: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "x-openclaw-run-id": components["headers"]["FailedRunId"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                "idempotency-replayed": components["headers"]["IdempotencyReplayed"];
                "x-ratelimit-limit-requests": components["headers"]["RateLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The store that keeps the sessions does not answer. */
        StoreUnavailable: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "Retry-After": components["headers"]["RetryAfter"];
                "x-openclaw-run-id": components["headers"]["FailedRunId"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The store that keeps the sessions does not answer, or the gateway is about to stop. */
        NotReady: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /**
         * @description The store that keeps the sessions does not answer, or the gateway stops: it begins no more runs, not even for an `Idempotency-Key` that
         *     it knows, and those that do not end in time are cut.
         */
        ChatUnavailable: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "Retry-After": components["headers"]["RetryAfter"];
                "x-openclaw-run-id": components["headers"]["FailedRunId"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                "idempotency-replayed": components["headers"]["IdempotencyReplayed"];
                "x-ratelimit-limit-requests": components["headers"]["RateLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The run, or the language model's provider, took too long. */
        GatewayTimeout: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-content-type-options": components["headers"]["ContentTypeOptions"];
                "x-openclaw-run-id": components["headers"]["FailedRunId"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                "idempotency-replayed": components["headers"]["IdempotencyReplayed"];
                "x-ratelimit-limit-requests": components["headers"]["RateLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
    };
    parameters: {
        /**
         * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
         *     by a new one, never refused.
         */
        RequestId: string;
        /**
         * @description Chooses the agent when `model` does not. An id is 1 to 64 letters, digits, `-` and `_` and begins with a letter or digit; case does
         *     not matter. An unknown agent answers `404 model_not_found`, one that the token may not use `403 agent_not_allowed`; another agent than
         *     `model` names answers `400 invalid_value`. Without either, the agent of the session key answers, else the default one or, for a token
         *     that may not use that, the first of its own.
         */
        AgentId: string;
        /**
         * @description The session to continue; it wins over `user`. Full keys have the form `agent:<agentId>:<rest>`; anything else is taken as the `<rest>`
         *     under the chosen agent. Percent-encoded UTF-8 where it is not plain ASCII, or contains `%`. Answers `400 invalid_value` for a key of
         *     another agent than the chosen one, with control characters, longer than 512 characters once decoded, or beginning with the reserved
         *     `subagent:`, `cron:` or `acp:`. A session belongs to the token that made it; one of another token's answers `404 not_found`.
         */
        SessionKey: string;
        /**
         * @description The language model for this run, as `<provider>/<model>`, instead of the agent's own. Only configured models can be named; another one
         *     answers `404 model_not_found`, and one that the token may not name `403 model_not_allowed`.
         */
        Model: string;
        /**
         * @description `true` shows what the run does besides talking: chunks with an empty `delta` and an `openclaw` object while it waits for its
         *     session, asks a model or works with a tool of its own, and an `openclaw` object in the last chunk, or in the reply that is not
         *     streamed, that sums the run up. Clients that do not know the key skip it.
         */
        Events: "true" | "false";
        /** @description The completion's id, as its reply had it. */
        CompletionId: string;
        /**
         * @description `true`: the run is its own master. It goes on when its caller leaves, and what it says is kept for 24 hours, also when it is
         *     stateless. Without `stream: true` the reply is a `202` with the run, at once; with it, the stream of
         *     `GET /v1/runs/{id}/events` from its beginning. Its events count among `x-openclaw-events` like any other's.
         */
        Background: "true" | "false";
        /**
         * @description A name for this request that makes it safe to send it again: 1 to 255 visible ASCII characters, a new one for each new request. The
         *     same request of the same token with the same key begins no second run for 24 hours: it gets the reply of the first, waiting for it if
         *     need be, with `idempotency-replayed: true`. What failed is repeated as it failed. Another request with that key, that is one with
         *     another body, other `x-openclaw-*` headers or another session, answers `409 idempotency_conflict`. What is refused before a run
         *     begins is not remembered, and a run that ended because its caller left frees its key.
         */
        IdempotencyKey: string;
        /** @description The number of the last event that is known already, as readers of server-sent events send it when they connect again. */
        LastEventId: string;
        /** @description The run's id, as `x-openclaw-run-id` gave it, or that of its completion, which begins with `chatcmpl-`. */
        Run: string;
        /**
         * @description The session's key, percent-encoded. One without `agent:<agentId>:` at its beginning is meant under the default agent. A `/` in it may
         *     stand as it is, unless the key ends in `/messages` or `/reset`.
         */
        Key: string;
    };
    requestBodies: never;
    headers: {
        /**
         * @description The caller's `x-request-id` if it sent a usable one, else a new one. The gateway's log knows the request by it.
         * @example 0f3b9f0c-5d0c-4e2b-9a35-7a3f1e1d9c11
         */
        RequestId: string;
        /**
         * @description Browsers take the content type at its word.
         * @example nosniff
         */
        ContentTypeOptions: "nosniff";
        /**
         * @description The session the run belongs to, percent-encoded as in the request, ready to be sent back to continue it. After a stateless request
         *     it names a session that is already gone.
         */
        SessionKey: string;
        /**
         * @description The run. The completion's id is this with `chatcmpl-` before it.
         * @example 5f0c7d1e9a344b6f8a52c1d0e7b3f946
         */
        RunId: string;
        /** @description The run that failed; its log lines carry the same id. Absent when none had begun. */
        FailedRunId: string;
        /** @description How many runs the caller's token may begin in a minute. Absent when that is not limited. */
        RateLimitRequests: string;
        /** @description How many of them are left. */
        RateLimitRemainingRequests: string;
        /** @description When all of them are there again, as `120ms`, `59s` or `1m0s`. */
        RateLimitResetRequests: string;
        /** @description How many tokens the caller's token may use in a minute. Absent when that is not limited. */
        RateLimitTokens: string;
        /** @description How many of them are left, with what this request sends taken off by an estimate. */
        RateLimitRemainingTokens: string;
        /** @description When all of them are there again, as `120ms`, `59s` or `1m0s`. */
        RateLimitResetTokens: string;
        /**
         * @description Where the run can be looked up.
         * @example /v1/runs/5f0c7d1e9a344b6f8a52c1d0e7b3f946
         */
        RunLocation: string;
        /**
         * @description `true` when this repeats the reply to an earlier request with the same `Idempotency-Key`, or waited for it. Left out otherwise.
         * @example true
         */
        IdempotencyReplayed: "true";
        /**
         * @description On streams. Proxies must neither keep nor repack them.
         * @example no-cache, no-transform
         */
        StreamCacheControl: "no-cache, no-transform";
        /**
         * @description On streams. Asks nginx not to hold chunks back.
         * @example no
         */
        StreamBuffering: "no";
        /**
         * @description Whole seconds after which another try can succeed. Left out when nobody knows.
         * @example 30
         */
        RetryAfter: number;
        /**
         * @description `false` when a retry would be wrong: a tool of the agent has already acted in this run, the same failure would be repeated for the same
         *     `Idempotency-Key`, or an address is locked out for longer than the minute that clients are willing to wait; and with every 409. Left
         *     out otherwise. Official clients obey it.
         * @example false
         */
        ShouldRetry: "false";
        /**
         * @description How to authenticate.
         * @example Bearer
         */
        Authenticate: string;
        /**
         * @description The methods that this path knows.
         * @example GET, HEAD
         */
        Allow: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listChatCompletions: {
        parameters: {
            query?: {
                /** @description Only completions whose request named this model, word for word. */
                model?: string;
                /**
                 * @description Only completions that have all of these pairs among their metadata: `metadata[ticket]=4711&metadata[team]=blue`. The brackets
                 *     may be percent-encoded.
                 */
                metadata?: {
                    [key: string]: string;
                };
                /** @description Completions on one page, at most. */
                limit?: number;
                /** @description The id of the last completion that is known already. One that is not there, or not any more, answers `400 invalid_value`. */
                after?: string;
                /** @description `asc`: the oldest comes first. */
                order?: "asc" | "desc";
            };
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of them. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatCompletionList"];
                };
            };
            400: components["responses"]["BadQuery"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["EndpointDisabled"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    createChatCompletion: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
                /**
                 * @description Chooses the agent when `model` does not. An id is 1 to 64 letters, digits, `-` and `_` and begins with a letter or digit; case does
                 *     not matter. An unknown agent answers `404 model_not_found`, one that the token may not use `403 agent_not_allowed`; another agent than
                 *     `model` names answers `400 invalid_value`. Without either, the agent of the session key answers, else the default one or, for a token
                 *     that may not use that, the first of its own.
                 */
                "x-openclaw-agent-id"?: components["parameters"]["AgentId"];
                /**
                 * @description The session to continue; it wins over `user`. Full keys have the form `agent:<agentId>:<rest>`; anything else is taken as the `<rest>`
                 *     under the chosen agent. Percent-encoded UTF-8 where it is not plain ASCII, or contains `%`. Answers `400 invalid_value` for a key of
                 *     another agent than the chosen one, with control characters, longer than 512 characters once decoded, or beginning with the reserved
                 *     `subagent:`, `cron:` or `acp:`. A session belongs to the token that made it; one of another token's answers `404 not_found`.
                 */
                "x-openclaw-session-key"?: components["parameters"]["SessionKey"];
                /**
                 * @description The language model for this run, as `<provider>/<model>`, instead of the agent's own. Only configured models can be named; another one
                 *     answers `404 model_not_found`, and one that the token may not name `403 model_not_allowed`.
                 */
                "x-openclaw-model"?: components["parameters"]["Model"];
                /**
                 * @description `true` shows what the run does besides talking: chunks with an empty `delta` and an `openclaw` object while it waits for its
                 *     session, asks a model or works with a tool of its own, and an `openclaw` object in the last chunk, or in the reply that is not
                 *     streamed, that sums the run up. Clients that do not know the key skip it.
                 */
                "x-openclaw-events"?: components["parameters"]["Events"];
                /**
                 * @description `true`: the run is its own master. It goes on when its caller leaves, and what it says is kept for 24 hours, also when it is
                 *     stateless. Without `stream: true` the reply is a `202` with the run, at once; with it, the stream of
                 *     `GET /v1/runs/{id}/events` from its beginning. Its events count among `x-openclaw-events` like any other's.
                 */
                "x-openclaw-background"?: components["parameters"]["Background"];
                /**
                 * @description A name for this request that makes it safe to send it again: 1 to 255 visible ASCII characters, a new one for each new request. The
                 *     same request of the same token with the same key begins no second run for 24 hours: it gets the reply of the first, waiting for it if
                 *     need be, with `idempotency-replayed: true`. What failed is repeated as it failed. Another request with that key, that is one with
                 *     another body, other `x-openclaw-*` headers or another session, answers `409 idempotency_conflict`. What is refused before a run
                 *     begins is not remembered, and a run that ended because its caller left frees its key.
                 */
                "idempotency-key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description Only `application/json`, in UTF-8; `gzip`, `deflate` and `br` are unpacked. 20 MiB at most, unless configured otherwise, and 250 000 items and fields. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChatCompletionRequest"];
            };
        };
        responses: {
            /** @description What the agent said, as one JSON object or, with `stream: true`, as a stream of chunks. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    "x-openclaw-session-key": components["headers"]["SessionKey"];
                    "x-openclaw-run-id": components["headers"]["RunId"];
                    "idempotency-replayed": components["headers"]["IdempotencyReplayed"];
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "cache-control": components["headers"]["StreamCacheControl"];
                    "x-accel-buffering": components["headers"]["StreamBuffering"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatCompletion"];
                    "text/event-stream": components["schemas"]["ChatCompletionChunk"];
                };
            };
            /**
             * @description With `x-openclaw-background: true`, unless it is streamed: the run, which has begun or waits its turn. Sent again with the same
             *     `Idempotency-Key` it is the same run, as it stands now.
             */
            202: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    "x-openclaw-session-key": components["headers"]["SessionKey"];
                    "x-openclaw-run-id": components["headers"]["RunId"];
                    location: components["headers"]["RunLocation"];
                    "idempotency-replayed": components["headers"]["IdempotencyReplayed"];
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            400: components["responses"]["ChatBadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["AgentNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["ChatConflict"];
            413: components["responses"]["RequestTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["ChatTooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            502: components["responses"]["BadGateway"];
            503: components["responses"]["ChatUnavailable"];
            504: components["responses"]["GatewayTimeout"];
        };
    };
    getChatCompletion: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The completion's id, as its reply had it. */
                completion_id: components["parameters"]["CompletionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The completion. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatCompletion"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["CompletionNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    updateChatCompletion: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The completion's id, as its reply had it. */
                completion_id: components["parameters"]["CompletionId"];
            };
            cookie?: never;
        };
        /** @description Only `application/json`, in UTF-8, as for a chat request. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChatCompletionUpdate"];
            };
        };
        responses: {
            /** @description The completion as it is now. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatCompletion"];
                };
            };
            400: components["responses"]["BadMetadata"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["CompletionNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["RequestTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    deleteChatCompletion: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The completion's id, as its reply had it. */
                completion_id: components["parameters"]["CompletionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatCompletionDeleted"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["CompletionNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    listChatCompletionMessages: {
        parameters: {
            query?: {
                /** @description Messages on one page, at most. */
                limit?: number;
                /** @description The id of the last message that is known already. One that is not in the list answers `400 invalid_value`. */
                after?: string;
                /** @description `asc`: the oldest comes first. */
                order?: "asc" | "desc";
            };
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The completion's id, as its reply had it. */
                completion_id: components["parameters"]["CompletionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of them. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatCompletionMessageList"];
                };
            };
            400: components["responses"]["BadQuery"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["CompletionNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    listModels: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them; there are no pages. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelList"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["EndpointDisabled"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
        };
    };
    getModel: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description A name that the list of agents contains. */
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The agent. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Model"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["ModelNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
        };
    };
    listSessions: {
        parameters: {
            query?: {
                /** @description Only sessions with this agent. Sessions outlive their agent's entry in the config, so an unknown one is no error. */
                agent?: string;
                /** @description Sessions on one page, at most. */
                limit?: number;
                /** @description The key of the last session that is known already. One that is gone answers `400 invalid_value`. */
                after?: string;
                /** @description `desc`: what was active last comes first. */
                order?: "asc" | "desc";
            };
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of them. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionList"];
                };
            };
            400: components["responses"]["BadQuery"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["EndpointDisabled"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    getSession: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /**
                 * @description The session's key, percent-encoded. One without `agent:<agentId>:` at its beginning is meant under the default agent. A `/` in it may
                 *     stand as it is, unless the key ends in `/messages` or `/reset`.
                 */
                key: components["parameters"]["Key"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["SessionNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    deleteSession: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /**
                 * @description The session's key, percent-encoded. One without `agent:<agentId>:` at its beginning is meant under the default agent. A `/` in it may
                 *     stand as it is, unless the key ends in `/messages` or `/reset`.
                 */
                key: components["parameters"]["Key"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionDeleted"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["SessionNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["SessionTooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    listSessionMessages: {
        parameters: {
            query?: {
                /** @description Also messages of superseded branches, and those that got no answer. */
                branches?: boolean;
                /** @description Messages on one page, at most. */
                limit?: number;
                /** @description The id of the last message that is known already. One that is not in the list answers `400 invalid_value`. */
                after?: string;
                /** @description `asc`: the oldest comes first. */
                order?: "asc" | "desc";
            };
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /**
                 * @description The session's key, percent-encoded. One without `agent:<agentId>:` at its beginning is meant under the default agent. A `/` in it may
                 *     stand as it is, unless the key ends in `/messages` or `/reset`.
                 */
                key: components["parameters"]["Key"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of it. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionMessageList"];
                };
            };
            400: components["responses"]["BadQuery"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["SessionNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    resetSession: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /**
                 * @description The session's key, percent-encoded. One without `agent:<agentId>:` at its beginning is meant under the default agent. A `/` in it may
                 *     stand as it is, unless the key ends in `/messages` or `/reset`.
                 */
                key: components["parameters"]["Key"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session as it is now. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["SessionNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["SessionTooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    getRun: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The run's id, as `x-openclaw-run-id` gave it, or that of its completion, which begins with `chatcmpl-`. */
                id: components["parameters"]["Run"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The run. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["RunNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    cancelRun: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The run's id, as `x-openclaw-run-id` gave it, or that of its completion, which begins with `chatcmpl-`. */
                id: components["parameters"]["Run"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The run as it ended: `aborted`, or as it had ended before. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["RunNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    streamRunEvents: {
        parameters: {
            query?: {
                /** @description The number of the last event that is known already; 0 for none. It wins over `Last-Event-ID`. */
                starting_after?: number;
            };
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description The number of the last event that is known already, as readers of server-sent events send it when they connect again. */
                "last-event-id"?: components["parameters"]["LastEventId"];
                /**
                 * @description `true` shows what the run does besides talking: chunks with an empty `delta` and an `openclaw` object while it waits for its
                 *     session, asks a model or works with a tool of its own, and an `openclaw` object in the last chunk, or in the reply that is not
                 *     streamed, that sums the run up. Clients that do not know the key skip it.
                 */
                "x-openclaw-events"?: components["parameters"]["Events"];
            };
            path: {
                /** @description The run's id, as `x-openclaw-run-id` gave it, or that of its completion, which begins with `chatcmpl-`. */
                id: components["parameters"]["Run"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Its events after that number. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    "x-openclaw-session-key": components["headers"]["SessionKey"];
                    "x-openclaw-run-id": components["headers"]["RunId"];
                    "cache-control": components["headers"]["StreamCacheControl"];
                    "x-accel-buffering": components["headers"]["StreamBuffering"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["ChatCompletionChunk"];
                };
            };
            400: components["responses"]["RunEventsBadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["RunNotFound"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            405: components["responses"]["MethodNotAllowed"];
            431: components["responses"]["HeadersTooLarge"];
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It can. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            405: components["responses"]["MethodNotAllowed"];
            431: components["responses"]["HeadersTooLarge"];
            503: components["responses"]["NotReady"];
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["MetricsForbidden"];
            405: components["responses"]["MethodNotAllowed"];
            429: components["responses"]["LockedOut"];
            431: components["responses"]["HeadersTooLarge"];
        };
    };
    getContract: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An OpenAPI 3.1 document. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            400: components["responses"]["MalformedRequest"];
            405: components["responses"]["MethodNotAllowed"];
            431: components["responses"]["HeadersTooLarge"];
        };
    };
    getDocs: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request in the reply and in the gateway's log. Up to 128 letters, digits, `_`, `.` and `-`; anything else is replaced
                 *     by a new one, never refused.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-content-type-options": components["headers"]["ContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            400: components["responses"]["MalformedRequest"];
            405: components["responses"]["MethodNotAllowed"];
            431: components["responses"]["HeadersTooLarge"];
        };
    };
}
