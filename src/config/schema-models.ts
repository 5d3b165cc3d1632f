/** The `models` section of the config file: who serves language models. */
import { z } from "zod";
import { milliseconds, text } from "./schema-values.ts";

export const defaultProviderTimeoutMs = 120_000;

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

export const modelsSchema = z.strictObject({
  providers: z.record(z.string(), providerSchema).default({}).describe("Providers by id, the part of a model's name before the slash."),
});
