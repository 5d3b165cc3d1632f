/** The `models` section of the config file: who serves language models. */
import { z } from "zod";
import { milliseconds, text } from "./schema-values.ts";

export const defaultProviderTimeoutMs = 120_000;

const providerModelSchema = z.strictObject({
  id: text().describe("The id as the provider knows it."),
  name: z.string().optional().describe("A name for people."),
  reasoning: z.boolean().optional().describe("The model reasons before it answers."),
  input: z
    .array(z.enum(["text", "image", "audio", "video", "file"]))
    .optional()
    .describe('What the model takes: "text", "image". Left out, it takes text alone.'),
  contextWindow: z
    .number()
    .min(1)
    .optional()
    .describe("Tokens that it takes, its reply included: older turns of a session are left out to fit. Left out, everything is sent."),
  maxTokens: z.number().min(1).optional().describe("Tokens of one reply, at most, where a request names no limit."),
  cost: z
    .strictObject({
      input: z.number().min(0).optional(),
      output: z.number().min(0).optional(),
      cacheRead: z.number().min(0).optional(),
      cacheWrite: z.number().min(0).optional(),
    })
    .optional()
    .describe("Price per million tokens; cached input costs what other input does, unless it has a price of its own."),
});

const providerSchema = z
  .strictObject({
    baseUrl: text()
      .optional()
      .describe(
        "Where its API starts: http://127.0.0.1:11434/v1. Needed for openai-completions; left out, it is Anthropic's or Google's own, or what the package knows.",
      ),
    apiKey: text()
      .optional()
      .describe("Sent as the protocol has it. Left out, none is sent to an address from this file, whatever the environment holds."),
    api: text()
      .default("openai-completions")
      .describe(
        "The protocol it speaks: openai-completions, anthropic-messages, google-generative-ai, or ai-sdk for what package speaks. Others are read and left out.",
      ),
    package: z
      .string()
      .regex(/^(?:@[a-z\d~-][\w.~-]*\/)?[a-z\d~-][\w.~-]*$/, "must be the name of an npm package, such as @ai-sdk/mistral")
      .optional()
      .describe("With api ai-sdk: the npm package of an AI SDK provider, installed with the gateway or beside this file."),
    options: z
      .record(z.string(), z.unknown())
      .optional()
      .describe("With api ai-sdk: what else the package's create function is given, such as a region."),
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
  .superRefine(({ api, baseUrl, package: name }, context) => {
    const missing =
      api === "openai-completions" && baseUrl === undefined ? "baseUrl" : api === "ai-sdk" && name === undefined ? "package" : undefined;
    if (missing !== undefined) context.addIssue({ code: "invalid_type", expected: "string", input: undefined, path: [missing] });
  })
  .describe("A model provider.");

export const modelsSchema = z.strictObject({
  providers: z.record(z.string(), providerSchema).default({}).describe("Providers by id, the part of a model's name before the slash."),
});
