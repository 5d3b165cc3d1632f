/** The `gateway` section of the config file: the network side. */
import { z } from "zod";
import { bytes, isPointInTime, milliseconds, text } from "./schema-values.ts";

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

const atLeastOne = () => z.int().min(1).optional();

const tokenLimitsSchema = z
  .strictObject({
    requestsPerMinute: atLeastOne().describe("Runs it may begin in a minute. Default as many as it likes."),
    tokensPerMinute: atLeastOne().describe(
      "Tokens of models, those sent and those written, in a minute; what is at work may go beyond. Default as many as it likes.",
    ),
    maxConcurrentRuns: atLeastOne().describe("Runs at work and waiting at a time. Default as many as the gateway takes."),
    monthlyTokens: atLeastOne().describe("Tokens in a month of the calendar, in UTC. Default as many as it likes."),
    monthlyBudget: z
      .number()
      .positive()
      .optional()
      .describe(
        "What its runs may cost in such a month, in the unit of the models' `cost`; models without one cost nothing. Default no end.",
      ),
  })
  .describe("What it may use up, whatever door it comes by. Default as much as it likes.");

export const namedTokenSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, - and _")
    .describe("Who it is for: the owner of its sessions, and its name in the log."),
  token: text().optional().describe("The secret, sent as `Authorization: Bearer`. Either this or sha256."),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, "must be 64 hexadecimal digits")
    .optional()
    .describe("The secret's SHA-256 in hex, so that the file does not hold the secret itself. Either this or token."),
  agents: z
    .array(text())
    .min(1)
    .optional()
    .describe("Ids of the agents it may use; of these the first stands in for a default it may not use. Default all."),
  models: z
    .array(text())
    .optional()
    .describe("Models, <provider>/<model>, that x-openclaw-model may name; [] for none. The agents' own need no permission. Default all."),
  limits: tokenLimitsSchema.optional(),
  expiresAt: z
    .string()
    .refine(
      isPointInTime,
      "must be a date such as 2027-01-31 (its beginning in UTC), or a date, time and zone such as 2027-01-31T18:00:00Z",
    )
    .optional()
    .describe("From then on it is refused. A date, which means its beginning in UTC, or a date and time with its zone. Default never."),
});

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
    tokens: z
      .array(namedTokenSchema)
      .default([])
      .describe("More secrets, each with a name, rights and sessions of its own. With mode token or password. Default none."),
    rateLimit: rateLimitSchema.optional(),
  })
  .describe("Who may call. An unknown key here is an error: a misspelt one would leave the gateway less protected than it looks.");

/** OpenClaw's keys. */
const imagesSchema = z
  .strictObject({
    allowUrl: z
      .boolean()
      .default(false)
      .describe("Fetches images that callers name by an http(s) address, from the hosts of urlAllowlist only. Off by default."),
    urlAllowlist: z
      .array(text())
      .default([])
      .describe('Hosts images may come from: names, "*.example.org", or "*" for any public one. Default none.'),
    allowedMimes: z
      .array(text())
      .optional()
      .describe("Kinds of images that are taken, of image/png, image/jpeg, image/gif and image/webp. Default all of these."),
    maxBytes: bytes().default(10_485_760).describe("Largest image, in bytes, decoded. Default 10485760 (10 MiB)."),
    maxRedirects: z
      .int()
      .min(0)
      .default(3)
      .describe("Redirects followed on the way to an image, each checked like the first address. Default 3."),
    timeoutMs: milliseconds().default(10_000).describe("Milliseconds fetching one image may take, redirects included. Default 10000."),
  })
  .describe("Images in requests. Private addresses are never reached.");

const filesSchema = z
  .strictObject({
    maxParts: z.int().min(0).default(8).describe("Files in one request, at most. Default 8."),
    maxBytes: bytes().default(5_242_880).describe("Largest file, in bytes, decoded. Default 5242880 (5 MiB)."),
    maxChars: z.int().min(1).default(200_000).describe("Longest text of one file, in characters; a longer one is refused. Default 200000."),
  })
  .describe("Text and PDF files in requests.");

const chatCompletionsSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe("Serves POST /v1/chat/completions and GET /v1/models. Off by default: callers get all that the agents may do."),
    maxBodyBytes: bytes()
      .default(20_971_520)
      .describe("Largest request body in bytes; a larger one is refused unread. Default 20971520 (20 MiB)."),
    keepAliveMs: milliseconds()
      .default(15_000)
      .describe("Milliseconds of silence after which a stream sends a comment, so that proxies keep it open. Default 15000."),
    readerTimeoutMs: milliseconds()
      .default(60_000)
      .describe("Milliseconds a client may take nothing of its stream before it is cut and its run aborted. Default 60000."),
    maxImageParts: z.int().min(0).default(8).describe("Images in one request, at most. Default 8."),
    maxTotalImageBytes: bytes().default(14_680_064).describe("All images of one request, in bytes, decoded. Default 14680064 (14 MiB)."),
    images: imagesSchema.prefault({}),
    files: filesSchema.prefault({}),
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

export const gatewaySchema = z
  .strictObject({
    port: z.int().min(0).max(65_535).default(18_789).describe("TCP port for HTTP. 0 lets the system choose one. Default 18789."),
    bind: z
      .enum(["loopback", "lan", "auto", "custom"])
      .default("loopback")
      .describe("Where to listen: loopback and auto 127.0.0.1, lan 0.0.0.0 (needs a secret), custom customBindHost. Default loopback."),
    customBindHost: text().optional().describe("The address to listen on when bind is custom."),
    auth: authSchema.prefault({}),
    shutdownGraceMs: z
      .int()
      .min(0)
      .max(3_600_000)
      .default(30_000)
      .describe("Milliseconds that runs may go on when the gateway is stopped, before they are ended. Default 30000."),
    http: z
      .strictObject({
        requestTimeoutMs: milliseconds()
          .default(300_000)
          .describe("Milliseconds from the first byte of a request to the last of its body. Default 300000."),
        maxConnections: z
          .int()
          .min(1)
          .default(10_000)
          .describe("Connections at a time, WebSockets included; what is more is closed at once. Default 10000."),
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
