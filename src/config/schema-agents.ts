/** The `agents` section of the config file: who callers can talk to. */
import { z } from "zod";
import { milliseconds, text } from "./schema-values.ts";

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

export const agentsSchema = z
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
