// Generated from asyncapi.yaml by `npm run generate`. Do not edit.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The client's choice; the answer carries it. */
        RequestId: string;
        /** @description On one connection each event's is one more than that of the event before; absent on what comes before `hello-ok`. */
        Seq: number;
        RequestFrame: {
            /** @constant */
            type: "req";
            id: components["schemas"]["RequestId"];
            method: string;
            /** @description As the method's operation says. Left out, it is an empty object. */
            params?: unknown;
            /** @description Ignored. */
            traceparent?: string;
        };
        RefusedFrame: {
            /** @constant */
            type: "res";
            id: components["schemas"]["RequestId"];
            /** @constant */
            ok: false;
            /** @description Of a run that was accepted and did not complete. */
            payload?: {
                runId: string;
                /** @enum {unknown} */
                status: "error" | "aborted";
                summary: string;
                /** @enum {unknown} */
                stopReason?: "cancel" | "shutdown";
                /** @description `<provider>/<model>`: the one that was asked last. */
                model: string;
                turns: number;
                usage?: components["schemas"]["Usage"];
                /** @description In the currency of the configured prices. */
                cost?: number;
            };
            error: components["schemas"]["Error"];
        };
        Error: {
            /**
             * @description `INVALID_REQUEST`: sent again it would be refused again. `FORBIDDEN`: the token or the scopes do not allow it. `UNAVAILABLE`: the
             *     gateway, or something it needs, failed.
             * @enum {unknown}
             */
            code: "INVALID_REQUEST" | "FORBIDDEN" | "UNAVAILABLE";
            /** @description What was wrong and how to mend it. */
            message: string;
            details: {
                /** @description What exactly it was. In small letters, the codes of the HTTP face; in capitals, those of this one. */
                code: components["schemas"]["GatewayErrorCode"] | components["schemas"]["ConnectErrorCode"] | components["schemas"]["FrameErrorCode"];
                /** @description Where the parameters were wrong. */
                param?: string;
                /** @description With `PROTOCOL_MISMATCH`. */
                expectedProtocol?: number;
                /** @description With `MISSING_SCOPE`. */
                missingScope?: string;
                /** @description With `MISSING_SCOPE`. */
                requiredScopes?: string[];
            };
            /** @description The same request may work later on. */
            retryable?: boolean;
            retryAfterMs?: number;
        };
        /** @enum {unknown} */
        GatewayErrorCode: "invalid_json" | "invalid_type" | "invalid_value" | "missing_required_parameter" | "unsupported_parameter" | "empty_array" | "context_length_exceeded" | "upstream_rejected" | "invalid_api_key" | "agent_not_allowed" | "model_not_allowed" | "model_not_found" | "not_found" | "endpoint_disabled" | "method_not_allowed" | "request_timeout" | "idempotency_conflict" | "run_aborted" | "request_too_large" | "unsupported_media_type" | "headers_too_large" | "too_many_failed_logins" | "session_busy" | "too_many_runs" | "rate_limit_exceeded" | "insufficient_quota" | "upstream_rate_limited" | "internal_error" | "max_turns_exceeded" | "run_interrupted" | "upstream_error" | "tool_choice_unmet" | "response_format_mismatch" | "draining" | "store_unavailable" | "run_timeout" | "upstream_timeout";
        /**
         * @description Why `connect` was refused. Clients go by it when they decide whether to try again.
         * @enum {unknown}
         */
        ConnectErrorCode: "AUTH_TOKEN_MISSING" | "AUTH_TOKEN_MISMATCH" | "AUTH_PASSWORD_MISSING" | "AUTH_PASSWORD_MISMATCH" | "AUTH_DEVICE_TOKEN_MISMATCH" | "AUTH_BOOTSTRAP_TOKEN_INVALID" | "AUTH_RATE_LIMITED" | "CONTROL_UI_ORIGIN_NOT_ALLOWED" | "DEVICE_AUTH_DEVICE_ID_MISMATCH" | "DEVICE_AUTH_NONCE_MISMATCH" | "DEVICE_AUTH_PUBLIC_KEY_INVALID" | "DEVICE_AUTH_SIGNATURE_EXPIRED" | "DEVICE_AUTH_SIGNATURE_INVALID" | "PROTOCOL_MISMATCH" | "ROLE_NOT_SUPPORTED";
        /** @enum {unknown} */
        FrameErrorCode: "CONNECT_REQUIRED" | "ALREADY_CONNECTED" | "UNKNOWN_METHOD" | "MISSING_SCOPE" | "TOO_MANY_REQUESTS";
        ConnectChallenge: {
            /** @description Of this connection only. */
            nonce: string;
            /** @description The gateway's clock, in milliseconds since 1970. */
            ts: number;
        };
        ConnectParams: {
            minProtocol: number;
            /** @description The two must have version 4 between them. */
            maxProtocol: number;
            client: {
                id: string;
                displayName?: string;
                version: string;
                buildId?: string;
                platform: string;
                deviceFamily?: string;
                modelIdentifier?: string;
                timeZone?: string;
                mode: string;
                instanceId?: string;
            };
            /** @description `session-scoped-events`: only the events of runs and sessions that this connection has named in a request. Others are ignored. */
            caps?: string[];
            /** @description Only `operator`; left out, it is that. */
            role?: string;
            /**
             * @description What the connection limits itself to: `operator.read`, `operator.write` (includes read), `operator.admin` (includes both). Left
             *     out, it is `operator.admin`. Others beside one of these are ignored, and refused without; `hello-ok` says which are meant.
             *     They never allow more than the token does.
             */
            scopes?: string[];
            auth?: {
                /** @description The gateway's token or a named one. */
                token?: string;
                /** @description The gateway's password. */
                password?: string;
                /** @description The gateway makes none, so it has no effect. */
                deviceToken?: string;
                /** @description The gateway makes none, so it has no effect. */
                bootstrapToken?: string;
            };
            /** @description Has no rights of its own. If it is sent, its signature must be right. */
            device?: {
                /** @description SHA-256 of the public key's 32 bytes, in hexadecimal. */
                id: string;
                /** @description Ed25519, its 32 bytes in base64url. */
                publicKey: string;
                /** @description In base64url. */
                signature: string;
                /** @description At most two minutes from the gateway's clock. */
                signedAt: number;
                /** @description That of `connect.challenge`. */
                nonce: string;
            };
            /** @description Ignored. */
            commands?: string[];
            /** @description Ignored. */
            computerUse?: unknown;
            /** @description Ignored. */
            workerRuns?: unknown;
            /** @description Ignored. */
            permissions?: Record<string, never>;
            /** @description Ignored. */
            pathEnv?: string;
            /** @description Ignored. */
            locale?: string;
            /** @description Ignored. */
            userAgent?: string;
        };
        HelloOk: {
            /** @constant */
            type: "hello-ok";
            /** @constant */
            protocol: 4;
            server: {
                version: string;
                /** @description Names the connection in the gateway's log. */
                connId: string;
            };
            /** @description All that works, and nothing else. */
            features: {
                methods: string[];
                events: string[];
            };
            snapshot: {
                /** @description Always empty. The gateway tells nobody who else is connected. */
                presence: Record<string, never>[];
                /** @description What is known without asking; the method `health` asks. */
                health: {
                    ts: number;
                    /** @description Absent when the token may use no agent. */
                    defaultAgentId?: string;
                };
                stateVersion: {
                    /** @constant */
                    presence: 0;
                    /** @constant */
                    health: 0;
                };
                uptimeMs: number;
                /** @enum {unknown} */
                authMode: "none" | "token" | "password";
                /** @description Absent when the token may use no agent. */
                sessionDefaults?: {
                    defaultAgentId: string;
                    /** @constant */
                    mainKey: "main";
                    mainSessionKey: string;
                };
            };
            auth: {
                /** @constant */
                role: "operator";
                scopes: ("operator.read" | "operator.write" | "operator.admin")[];
            };
            policy: {
                /** @description Bytes of one frame of the client's; a longer one ends the connection with 1009. */
                maxPayload: number;
                /** @description What the gateway holds for a client that does not read; beyond it the connection ends with 1008. */
                maxBufferedBytes: number;
                tickIntervalMs: number;
            };
        };
        HealthParams: {
            /** @description Ignored. The store is always asked. */
            probe?: boolean;
            /** @description Ignored. */
            includeSensitive?: boolean;
        };
        HealthResult: {
            /**
             * @description What is not well is an error.
             * @constant
             */
            ok: true;
            ts: number;
            durationMs: number;
            /** @description Absent when the token may use no agent. */
            defaultAgentId?: string;
        };
        StatusParams: {
            /** @description Ignored. There are no channels. */
            includeChannelSummary?: boolean;
        };
        StatusResult: {
            version: string;
            /** @constant */
            protocol: 4;
            uptimeMs: number;
            /** @description Of this face. */
            connections: number;
            runs: {
                running: number;
                waiting: number;
                /** @description Sessions with a run, at work or waiting. */
                sessions: number;
            };
        };
        AgentsListParams: Record<string, never>;
        AgentsListResult: {
            /** @description The agent of whoever names none. */
            defaultId: string;
            /** @constant */
            mainKey: "main";
            /** @constant */
            scope: "per-sender";
            agents: {
                id: string;
                createdAt: number;
                model: {
                    primary: string;
                    fallbacks: string[];
                };
            }[];
        };
        ModelsListParams: {
            /** @description Ignored. All agents choose from one catalogue. */
            agentId?: string;
            /** @description Ignored. The catalogue is what the configuration says. */
            view?: string;
            /** @description Ignored. */
            refresh?: boolean;
            /** @description Ignored. */
            preparedOnly?: boolean;
            /** @description Ignored. */
            includeProviderCapabilities?: boolean;
            /** @description Also say of which providers any model may be named. OpenClaw has no such field. */
            includeUnlisted?: boolean;
        };
        ModelsListResult: {
            models: {
                /** @description As the provider knows it. */
                id: string;
                name: string;
                provider: string;
                contextWindow?: number;
                input: ("text" | "image")[];
            }[];
            /** @description With `includeUnlisted`. Providers whose models nobody listed; any model of theirs may be named. */
            anyOf?: string[];
        };
        Attachment: {
            /** @description `image`, or anything else for a file. */
            type?: string;
            mimeType?: string;
            fileName?: string;
            /** @description The bytes in base64, or a `data:` URL with them. */
            content: string;
            /** @description Ignored. The bytes tell. */
            sizeBytes?: number;
            /** @description Ignored. */
            durationMs?: number;
            /** @description Ignored. */
            width?: number;
            /** @description Ignored. */
            height?: number;
        };
        /**
         * @description How much the model is to reason, where it can be told. `off` is its `none`.
         * @enum {unknown}
         */
        Thinking: "off" | "minimal" | "low" | "medium" | "high" | "xhigh";
        AgentParams: {
            message: string;
            agentId?: string;
            /** @description Left out, the run is stateless. */
            sessionKey?: string;
            /** @description `<provider>/<model>`, or with `provider` the model's id alone. */
            model?: string;
            provider?: string;
            thinking?: components["schemas"]["Thinking"];
            /** @description For this run, after the agent's own instructions. */
            extraSystemPrompt?: string;
            attachments?: components["schemas"]["Attachment"][];
            /** @description `false`: the caller waits for the result, so that a model that fails in the middle of its reply can still give way to the next one. */
            stream?: boolean;
            /** @description Seconds after which the run is cancelled. 0 is none besides the agent's own. */
            timeout?: number;
            /** @description Sent again with it, the request gets the run of the first time. */
            idempotencyKey?: string;
            /**
             * @description There are no channels to deliver to.
             * @constant
             */
            deliver?: false;
            /** @description Ignored. */
            bestEffortDeliver?: boolean;
            /** @description Ignored. */
            channel?: string;
            /** @description Ignored. */
            label?: string;
            /** @description Ignored. */
            lane?: string;
        };
        AgentAccepted: {
            runId: string;
            /** @constant */
            status: "accepted";
            acceptedAt: number;
            sessionKey: string;
            agentId: string;
            /** @description `<provider>/<model>`: the one that is asked first. */
            model: string;
        };
        AgentResult: {
            runId: string;
            /** @constant */
            status: "ok";
            /** @constant */
            summary: "completed";
            result: {
                payloads: {
                    text: string;
                }[];
                text: string;
                refusal?: string;
                reasoning?: string;
                /** @description Always empty. A client here has no tools of its own. */
                toolCalls: Record<string, never>[];
                agentId: string;
                sessionKey: string;
                /** @description `<provider>/<model>`: the one that was asked last. */
                model: string;
                finishReason: components["schemas"]["FinishReason"];
                turns: number;
                usage?: components["schemas"]["Usage"];
                /** @description In the currency of the configured prices. */
                cost?: number;
                meta: {
                    durationMs: number;
                };
            };
        };
        /** @enum {unknown} */
        FinishReason: "stop" | "length" | "tool_calls" | "content_filter";
        /** @description Tokens, as the provider counted them; absent where it did not. */
        Usage: {
            input: number;
            output: number;
            /** @description The part of `input` that came from the provider's cache. */
            cacheRead?: number;
            cacheWrite?: number;
            /** @description The part of `output` that was spent on reasoning. */
            reasoning?: number;
            totalTokens: number;
        };
        AgentWaitParams: {
            runId: string;
            /** @description 30000 unless it says otherwise. */
            timeoutMs?: number;
        };
        AgentWaitResult: {
            runId: string;
            /**
             * @description `timeout`: the run goes on, and the wait is over.
             * @enum {unknown}
             */
            status: "ok" | "error" | "aborted" | "timeout";
            startedAt?: number;
            endedAt?: number;
            stopReason?: components["schemas"]["FinishReason"];
            error?: string;
        };
        ChatSendParams: {
            sessionKey: string;
            agentId?: string;
            /** @description Empty only with attachments. */
            message: string;
            thinking?: components["schemas"]["Thinking"];
            attachments?: components["schemas"]["Attachment"][];
            /** @description The run is cancelled after it. 0 is none besides the agent's own. */
            timeoutMs?: number;
            /** @description Sent again with it, the request gets the run of the first time. */
            idempotencyKey: string;
            /**
             * @description A message waits until the run before it has ended.
             * @constant
             */
            queueMode?: "followup";
            /**
             * @description There are no channels to deliver to.
             * @constant
             */
            deliver?: false;
            /** @description Ignored. There are no commands in messages. */
            suppressCommandInterpretation?: boolean;
            /** @description Ignored. */
            fastMode?: boolean | string;
            /** @description Ignored. */
            originatingChannel?: string;
            /** @description Ignored. */
            originatingTo?: string;
            /** @description Ignored. */
            originatingAccountId?: string;
            /** @description Ignored. */
            originatingThreadId?: string;
        };
        ChatSendResult: {
            /** @description Made by the gateway; it is not the idempotency key. */
            runId: string;
            /**
             * @description `started`, or how the run stands that the idempotency key has.
             * @enum {unknown}
             */
            status: "started" | "in_flight" | "ok" | "error";
            sessionKey: string;
        };
        ChatHistoryParams: {
            sessionKey: string;
            agentId?: string;
            /** @description 200 unless it says otherwise. */
            limit?: number;
            /** @description So many of the newest are left out. */
            offset?: number;
            /** @description Longer texts are cut there. */
            maxChars?: number;
        };
        ChatHistoryResult: {
            /** @description In full. */
            sessionKey: string;
            /** @description Empty also where there is no such session, or it is somebody else's. */
            messages: components["schemas"]["ChatMessage"][];
            /** @description There are older ones. */
            hasMore: boolean;
            /** @description With it they are reached. */
            nextOffset?: number;
        };
        ChatMessage: {
            /** @enum {unknown} */
            role: "user" | "assistant" | "toolResult";
            content: ({
                /** @constant */
                type: "text";
                text: string;
            } | {
                /** @constant */
                type: "image";
                data: string;
                mimeType: string;
            } | {
                /** @constant */
                type: "toolCall";
                id: string;
                name: string;
                /** @description The object the model gave, or its text where that is no JSON. */
                arguments: unknown;
            })[];
            /** @description Of a `toolResult`. */
            toolCallId?: string;
            timestamp: number;
            stopReason?: string;
            usage?: components["schemas"]["Usage"];
            __openclaw?: {
                /** @description Of a message that is kept. */
                id?: string;
                runId: string;
            };
        };
        ChatAbortParams: {
            sessionKey: string;
            agentId?: string;
            /** @description Only this one. */
            runId?: string;
            /** @description Ignored. */
            preserveSideRuns?: boolean;
        };
        ChatAbortResult: {
            /** @constant */
            ok: true;
            /** @description At least one was. */
            aborted: boolean;
            runIds: string[];
        };
        Session: {
            key: string;
            /** @constant */
            kind: "direct";
            agentId: string;
            /** @description The token that made it; shown to the gateway's own secret. */
            createdBy?: string;
            createdAt: number;
            updatedAt: number;
            lastActivityAt: number;
            messageCount: number;
            bytes: number;
        };
        SessionsListParams: {
            /** @description 100 unless it says otherwise. */
            limit?: number;
            offset?: number;
            /** @description The key of the last session that is known already; `offset` counts from there. */
            after?: string;
            agentId?: string;
            /** @description Only those that were active since. */
            activeMinutes?: number;
            /** @constant */
            sortBy?: "updatedAt";
            /**
             * @description There is no archive.
             * @constant
             */
            archived?: false;
            /** @description Ignored. */
            includeGlobal?: boolean;
            /** @description Ignored. */
            includeUnknown?: boolean;
            /** @description Ignored. There are no titles. */
            includeDerivedTitles?: boolean;
            /** @description Ignored. */
            includeLastMessage?: boolean;
            /** @description Ignored. */
            includePeople?: boolean;
        };
        SessionsListResult: {
            ts: number;
            /** @description Of those in this answer. */
            count: number;
            hasMore: boolean;
            nextOffset?: number;
            sessions: components["schemas"]["Session"][];
        };
        SessionsGetParams: {
            key: string;
            agentId?: string;
            /** @description 200 unless it says otherwise. */
            limit?: number;
        };
        SessionsGetResult: {
            key: string;
            session: components["schemas"]["Session"];
            messages: components["schemas"]["ChatMessage"][];
            hasMore: boolean;
        };
        SessionsExportParams: {
            key: string;
            agentId?: string;
            /** @description Also what no model reads any more: superseded branches, and what got no answer. */
            branches?: boolean;
            /** @description The id of the last message that is known already. */
            after?: string;
            /** @description 1000 unless it says otherwise. A page of long messages is shorter. */
            limit?: number;
        };
        SessionsExportResult: {
            key: string;
            session: components["schemas"]["Session"];
            /** @description What its agent remembers in it. On the first page, and shown to the gateway's own secret. */
            memory?: {
                [key: string]: string;
            };
            /** @description Oldest first. */
            messages: components["schemas"]["KeptMessage"][];
            hasMore: boolean;
        };
        /**
         * @description A message with its place among the others. Of what the agent's own tools were told and answered, the gateway's own secret sees all, and others
         *     that it is there.
         */
        KeptMessage: {
            id: string;
            /** @description `null` at the beginning of a conversation. */
            parentId: string | null;
            /** @description Of the run that wrote it. */
            runId: string;
            /**
             * @description `run`: what the model said, and what the agent's own tools answered.
             * @enum {unknown}
             */
            origin: "caller" | "run";
            /** @enum {unknown} */
            state: "active" | "superseded" | "unanswered";
            createdAt: number;
            message: {
                /** @constant */
                role: "user";
                content: (components["schemas"]["KeptText"] | components["schemas"]["KeptImage"])[];
                name?: string;
            } | {
                /** @constant */
                role: "assistant";
                content: string;
                refusal?: string;
                toolCalls: {
                    id: string;
                    name: string;
                    /** @description As the model wrote them, which need not be JSON. */
                    arguments: string;
                }[];
                name?: string;
                /** @description What the model wants to read again of its own reply, in its provider's words. */
                replay?: {
                    model: string;
                    content: unknown;
                };
            } | {
                /** @constant */
                role: "tool";
                toolCallId: string;
                content: components["schemas"]["KeptText"][];
            };
        };
        KeptText: {
            /** @constant */
            type: "text";
            text: string;
        };
        KeptImage: {
            /** @constant */
            type: "image";
            /** @enum {unknown} */
            mediaType: "image/png" | "image/jpeg" | "image/gif" | "image/webp";
            /** @description Base64. */
            data: string;
            /** @enum {unknown} */
            detail?: "auto" | "low" | "high";
        };
        SessionsResetParams: {
            key: string;
            agentId?: string;
            /**
             * @description Ignored.
             * @enum {unknown}
             */
            reason?: "new" | "reset";
        };
        SessionsResetResult: {
            /** @constant */
            ok: true;
            key: string;
            entry: components["schemas"]["Session"];
        };
        SessionsDeleteParams: {
            key: string;
            agentId?: string;
            /**
             * @description A session without its transcript is nothing.
             * @constant
             */
            deleteTranscript?: true;
            /** @description Ignored. */
            emitLifecycleHooks?: boolean;
        };
        SessionsDeleteResult: {
            /** @constant */
            ok: true;
            key: string;
            /** @description `false` where there is no such session of the caller's. */
            deleted: boolean;
            /** @description Always empty. What is deleted is gone. */
            archived: string[];
        };
        RunsGetParams: {
            /** @description Or that of its completion, `chatcmpl-<run id>`. */
            runId: string;
        };
        RunsGetResult: {
            runId: string;
            /** @enum {unknown} */
            status: "running" | "completed" | "failed" | "aborted" | "interrupted";
            agentId: string;
            sessionKey: string;
            /** @description The token that asked for it; shown to the gateway's own secret. */
            owner?: string;
            /** @description `<provider>/<model>`: the one that was asked last. */
            model: string;
            /** @description It goes on when its caller leaves. */
            background: boolean;
            createdAt: number;
            endedAt?: number;
            turns?: number;
            finishReason?: components["schemas"]["FinishReason"];
            usage?: components["schemas"]["Usage"];
            cost?: number;
            error?: components["schemas"]["Error"];
            /** @description Of a completed run in the background, as long as its events are kept. */
            text?: string;
        };
        AgentEvent: {
            runId: string;
            /**
             * @description The number of the run's event, the newest one where several were gathered: it grows, and leaves some out. It is the number that
             *     `GET /v1/runs/{id}/events` gives.
             */
            seq: number;
            /** @enum {unknown} */
            stream: "lifecycle" | "assistant" | "thinking" | "tool";
            ts: number;
            data: components["schemas"]["LifecycleData"] | components["schemas"]["SpeechData"] | components["schemas"]["ToolData"];
        };
        LifecycleData: {
            /** @enum {unknown} */
            phase: "queued" | "start" | "turn" | "fallback_step" | "end" | "error";
            /** @description Of `queued` and `start`. */
            sessionKey?: string;
            /** @description Of `queued` and `start`. */
            agentId?: string;
            /** @description Of `turn`: which model call of the run is about to be made, from 1. */
            turn?: number;
            /** @description Of `turn`: `<provider>/<model>`. */
            model?: string;
            startedAt?: number;
            endedAt?: number;
            stopReason?: components["schemas"]["FinishReason"];
            /** @constant */
            aborted?: true;
            error?: string;
            /** @constant */
            fallbackStepType?: "fallback_step";
            fallbackStepFromModel?: string;
            fallbackStepToModel?: string;
            fallbackStepFromFailureReason?: components["schemas"]["GatewayErrorCode"];
            fallbackStepFromFailureDetail?: string;
            /** @constant */
            fallbackStepFinalOutcome?: "next_fallback";
        };
        SpeechData: {
            /** @description What is new. The whole text so far is not repeated. */
            delta: string;
            /**
             * @description Of `assistant`: the model says why it will not do what it was asked.
             * @constant
             */
            refusal?: true;
            /**
             * @description `delta` is the whole text: what was said before is void.
             * @constant
             */
            replace?: true;
        };
        /** @description That one of the agent's own tools works. What it is told and answers stays inside the gateway. */
        ToolData: {
            /** @enum {unknown} */
            phase: "start" | "result";
            name: string;
            toolCallId: string;
            isError?: boolean;
        };
        /** @description `delta` brings `deltaText`. `final` and `aborted` bring the whole `message`, unless this connection came when the run was under way. */
        ChatEvent: {
            runId: string;
            sessionKey: string;
            agentId: string;
            /** @description As in the event `agent`. */
            seq: number;
            /** @enum {unknown} */
            state: "delta" | "final" | "error" | "aborted";
            /** @description Of a `delta`; what is new. */
            deltaText?: string;
            /**
             * @description `deltaText` is the whole text: what was said before is void.
             * @constant
             */
            replace?: true;
            message?: components["schemas"]["ChatMessage"];
            usage?: components["schemas"]["Usage"];
            /** @description Of `final`, why the reply ended; of `aborted`, who ended it: caller, cancel or shutdown. */
            stopReason?: string;
            errorMessage?: string;
            /** @enum {unknown} */
            errorKind?: "timeout" | "rate_limit" | "context_length" | "unknown";
        };
        TickEvent: {
            ts: number;
        };
        ShutdownEvent: {
            reason: string;
            restartExpectedMs?: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
export interface methods {
    "connect": {
        params: components["schemas"]["ConnectParams"];
        ack: never;
        result: components["schemas"]["HelloOk"];
    };
    "health": {
        params: components["schemas"]["HealthParams"];
        ack: never;
        result: components["schemas"]["HealthResult"];
    };
    "status": {
        params: components["schemas"]["StatusParams"];
        ack: never;
        result: components["schemas"]["StatusResult"];
    };
    "agents.list": {
        params: components["schemas"]["AgentsListParams"];
        ack: never;
        result: components["schemas"]["AgentsListResult"];
    };
    "models.list": {
        params: components["schemas"]["ModelsListParams"];
        ack: never;
        result: components["schemas"]["ModelsListResult"];
    };
    "agent": {
        params: components["schemas"]["AgentParams"];
        ack: components["schemas"]["AgentAccepted"];
        result: components["schemas"]["AgentResult"];
    };
    "agent.wait": {
        params: components["schemas"]["AgentWaitParams"];
        ack: never;
        result: components["schemas"]["AgentWaitResult"];
    };
    "chat.send": {
        params: components["schemas"]["ChatSendParams"];
        ack: never;
        result: components["schemas"]["ChatSendResult"];
    };
    "chat.history": {
        params: components["schemas"]["ChatHistoryParams"];
        ack: never;
        result: components["schemas"]["ChatHistoryResult"];
    };
    "chat.abort": {
        params: components["schemas"]["ChatAbortParams"];
        ack: never;
        result: components["schemas"]["ChatAbortResult"];
    };
    "sessions.list": {
        params: components["schemas"]["SessionsListParams"];
        ack: never;
        result: components["schemas"]["SessionsListResult"];
    };
    "sessions.get": {
        params: components["schemas"]["SessionsGetParams"];
        ack: never;
        result: components["schemas"]["SessionsGetResult"];
    };
    "sessions.export": {
        params: components["schemas"]["SessionsExportParams"];
        ack: never;
        result: components["schemas"]["SessionsExportResult"];
    };
    "sessions.reset": {
        params: components["schemas"]["SessionsResetParams"];
        ack: never;
        result: components["schemas"]["SessionsResetResult"];
    };
    "sessions.delete": {
        params: components["schemas"]["SessionsDeleteParams"];
        ack: never;
        result: components["schemas"]["SessionsDeleteResult"];
    };
    "runs.get": {
        params: components["schemas"]["RunsGetParams"];
        ack: never;
        result: components["schemas"]["RunsGetResult"];
    };
}
export interface events {
    "connect.challenge": components["schemas"]["ConnectChallenge"];
    "agent": components["schemas"]["AgentEvent"];
    "chat": components["schemas"]["ChatEvent"];
    "tick": components["schemas"]["TickEvent"];
    "shutdown": components["schemas"]["ShutdownEvent"];
}
