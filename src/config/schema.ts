/**
 * The config file as a user writes it: every key with its type, unit, default and reason.
 *
 * Deliberately absent: rules that span several keys (`load.ts` and the files it calls), `${VAR}` (`substitute.ts`)
 * and what happens to unknown keys (`unknown-keys.ts`). The JSON Schema for editors is made from this.
 */
import { z } from "zod";

export const defaultProviderTimeoutMs = 120_000;

/** Node's timers fire at once above this. */
const longestTimerMs = 2_147_483_647;

const milliseconds = () => z.int().min(1).max(longestTimerMs);
const text = () => z.string().regex(/\S/, "must not be empty: give it a value or leave the key out");

const rateLimitSchema = z
  .strictObject({
    maxAttempts: z
      .int()
      .min(1)
      .default(10)
      .describe("Wrong secrets a client may send within windowMs before it is locked out. Default 10."),
    windowMs: milliseconds().default(60_000).describe("Milliseconds over which wrong secrets are counted. Default 60000."),
    lockoutMs: milliseconds()
      .default(300_000)
      .describe("Milliseconds a client stays locked out; the right secret is refused too meanwhile. Default 300000."),
    exemptLoopback: z.boolean().default(true).describe("Clients on this machine are neither counted nor delayed. Default true."),
  })
  .describe("Limits failed logins per client address. Active only when this key is set; {} takes all defaults.");

const authSchema = z
  .strictObject({
    mode: z
      .enum(["token", "password", "none"])
      .optional()
      .describe("How callers prove themselves. Left out, it follows from the one secret that is there. `none` is for loopback only."),
    token: text()
      .optional()
      .describe(
        "The secret of mode `token`, sent as `Authorization: Bearer`. Else OPENCLAW_GATEWAY_TOKEN; on loopback else one is made at start.",
      ),
    password: text().optional().describe("The secret of mode `password`, sent the same way. Else OPENCLAW_GATEWAY_PASSWORD."),
    rateLimit: rateLimitSchema.optional(),
  })
  .describe("Who may call. An unknown key here is an error: a misspelt one would leave the gateway less protected than it looks.");

const chatCompletionsSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe("Serves POST /v1/chat/completions and GET /v1/models. Off by default: callers get all that the agents may do."),
    maxBodyBytes: z
      .int()
      .min(1)
      .default(20_971_520)
      .describe("Largest request body in bytes; a larger one is refused unread. Default 20971520 (20 MiB)."),
    keepAliveMs: milliseconds()
      .default(15_000)
      .describe("Milliseconds of silence after which a stream sends a comment, so that proxies keep it open. Default 15000."),
    readerTimeoutMs: milliseconds()
      .default(60_000)
      .describe("Milliseconds a client may take nothing of its stream before it is cut and its run aborted. Default 60000."),
    modelAliases: z
      .record(z.string(), text())
      .default({})
      .describe('Model names that a client has hard-wired → agent ids, such as {"gpt-4o": "main"}.'),
    sessionHeader: z
      .string()
      .regex(/^[A-Za-z0-9-]+$/, "must be the name of an HTTP header: letters, digits and `-`")
      .refine((name) => !/^(proxy-)?authorization$|^cookie$/i.test(name), "must not be a header that carries secrets; name another one")
      .optional()
      .describe(
        "A header of the client's, such as x-session-id, that names the session when x-openclaw-session-key does not. Off by default.",
      ),
  })
  .describe("The OpenAI-compatible endpoint.");

const gatewaySchema = z
  .strictObject({
    port: z.int().min(0).max(65_535).default(18_789).describe("TCP port for HTTP. 0 lets the system choose one. Default 18789."),
    bind: z
      .enum(["loopback", "lan", "auto", "custom"])
      .default("loopback")
      .describe("Where to listen: loopback and auto 127.0.0.1, lan 0.0.0.0 (needs a secret), custom customBindHost. Default loopback."),
    customBindHost: text().optional().describe("The address to listen on when bind is custom."),
    auth: authSchema.prefault({}),
    http: z
      .strictObject({
        requestTimeoutMs: milliseconds()
          .default(300_000)
          .describe("Milliseconds from the first byte of a request to the last of its body. Default 300000."),
        cors: z
          .strictObject({
            origins: z
              .array(text())
              .default([])
              .describe("Origins of web pages that may read the replies, such as https://chat.example.org. Default none."),
          })
          .prefault({}),
        endpoints: z.strictObject({ chatCompletions: chatCompletionsSchema.prefault({}) }).prefault({}),
      })
      .prefault({}),
    trustedProxies: z
      .array(text())
      .default([])
      .describe("Addresses or CIDR ranges of reverse proxies whose X-Forwarded-For is believed. Default none."),
  })
  .describe("The network side of the gateway.");

const modelSchema = z
  .union([
    text(),
    z.strictObject({
      primary: text().describe("<provider>/<model>, split at the first slash."),
      fallbacks: z.array(text()).optional().describe("Read, not used yet."),
    }),
  ])
  .describe("<provider>/<model>, or {primary, fallbacks}. Left out, one is chosen from the environment at start.");

const toolsSchema = z
  .union([z.array(text()), z.strictObject({ allow: z.array(text()).optional() })])
  .describe("Names of the gateway's own tools the agent may use, as a list or {allow: […]}. Default none.");

const agentFields = {
  model: modelSchema.optional(),
  systemPrompt: text().optional().describe("Instructions sent to the model before anything the caller sends."),
  tools: toolsSchema.optional(),
};

const agentSchema = z.strictObject({
  ...agentFields,
  default: z.boolean().optional().describe("The agent of requests that name none. At most one agent has it."),
  maxTurns: z.int().min(1).optional().describe("Model calls in one run, at most. Default: agents.defaults.maxTurns."),
  runTimeoutMs: milliseconds()
    .optional()
    .describe("Milliseconds a run may take, waiting not counted. Default: agents.defaults.runTimeoutMs."),
});

const agentsSchema = z
  .strictObject({
    defaults: z
      .strictObject({
        ...agentFields,
        maxTurns: z
          .int()
          .min(1)
          .default(16)
          .describe("Model calls in one run, at most: stops an agent that calls tools for ever. Default 16."),
        runTimeoutMs: milliseconds().default(600_000).describe("Milliseconds a run may take, waiting not counted. Default 600000."),
      })
      .prefault({})
      .describe("What every agent has unless it says otherwise."),
    entries: z.record(z.string(), agentSchema).default({}).describe("Agents by id: [a-z0-9][a-z0-9_-]{0,63}, case does not matter."),
    list: z
      .array(z.strictObject({ id: text().describe("The agent's id."), ...agentSchema.shape }))
      .default([])
      .describe("The older form of entries: a list whose members carry their id."),
  })
  .describe("Who callers can talk to. With none configured there is one agent, main.");

const providerModelSchema = z.strictObject({
  id: text().describe("The id as the provider knows it."),
  name: z.string().optional().describe("A name for people."),
  reasoning: z.boolean().optional().describe("The model reasons before it answers."),
  input: z.array(z.string()).optional().describe('What the model takes: "text", "image".'),
  contextWindow: z.number().min(1).optional().describe("Tokens that fit into one request."),
  maxTokens: z.number().min(1).optional().describe("Tokens of one reply, at most."),
  cost: z
    .strictObject({
      input: z.number().optional(),
      output: z.number().optional(),
      cacheRead: z.number().optional(),
      cacheWrite: z.number().optional(),
    })
    .optional()
    .describe("Price per million tokens."),
});

const providerSchema = z
  .strictObject({
    baseUrl: text().describe("Where its API starts, /v1 included: http://127.0.0.1:11434/v1."),
    apiKey: text().optional().describe("Sent as Authorization: Bearer. Left out, none is sent, whatever the environment holds."),
    api: text()
      .default("openai-completions")
      .describe("The protocol it speaks: openai-completions. Others (anthropic-messages, google-generative-ai) are read and left out."),
    headers: z
      .record(
        z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/),
        // eslint-disable-next-line no-control-regex -- control characters are what is refused
        z.string().regex(/^[^\x00-\x08\x0a-\x1f\x7f]*$/, "must not contain control characters"),
      )
      .default({})
      .describe("Headers sent with every request to it."),
    timeoutMs: milliseconds()
      .default(defaultProviderTimeoutMs)
      .describe("Milliseconds until its response headers, and between two pieces of the body. Default 120000."),
    models: z.array(providerModelSchema).default([]).describe("The models it serves. Empty: any id is passed on."),
  })
  .describe("A model provider.");

const sessionSchema = z
  .strictObject({
    database: text().optional().describe("SQLite file, relative to this file, or :memory:. Default clawgate.db in the state folder."),
    maxQueued: z.int().min(0).default(32).describe("Runs that may wait for one session. Default 32."),
    maxWaitMs: milliseconds().default(120_000).describe("Milliseconds one of them waits at most. Default 120000."),
    maintenance: z
      .strictObject({
        pruneAfter: z.union([z.string(), z.number()]).optional().describe("Age after which a session goes, such as 30d."),
        maxEntries: z.int().min(1).optional().describe("Sessions kept, at most."),
        maxDiskBytes: z.union([z.string(), z.number()]).optional().describe("Size of all sessions, at most: bytes, or such as 500mb."),
      })
      .optional()
      .describe("Retention. Read, not used yet."),
  })
  .describe("Durable conversations.");

const logSchema = z
  .strictObject({
    level: z
      .enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"])
      .default("info")
      .describe("The least urgent line that is written. Default info."),
  })
  .describe("The gateway's log.");

export const configFileSchema = z.strictObject({
  $schema: z.string().optional().describe("For editors; not read."),
  gateway: gatewaySchema.prefault({}),
  agents: agentsSchema.prefault({}),
  models: z
    .strictObject({
      providers: z.record(z.string(), providerSchema).default({}).describe("Providers by id, the part of a model's name before the slash."),
    })
    .prefault({}),
  session: sessionSchema.prefault({}),
  log: logSchema.prefault({}),
});

/** The file after its check: every key that has a default is there. */
export type ConfigFile = z.output<typeof configFileSchema>;
