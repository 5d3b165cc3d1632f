/** The `agents` section of the config file: who callers can talk to. */
import { z } from "zod";
import { milliseconds, text } from "./schema-values.ts";

const modelSchema = z
  .union([
    text(),
    z.strictObject({
      primary: text().describe("<provider>/<model>, split at the first slash."),
      fallbacks: z.array(text()).optional().describe("Models to try, in this order, when it fails before anything was sent to the caller."),
    }),
  ])
  .describe("<provider>/<model>, or {primary, fallbacks}. Left out, one is chosen from the environment at start.");

const httpFetchSchema = z
  .strictObject({
    allowHosts: z
      .array(text())
      .optional()
      .describe('Hosts it may reach: names, "*.example.org", or "*" for any public one. Default ["*"].'),
    maxBytes: z.int().min(1).optional().describe("Largest body it reads, in bytes. Default 1048576 (1 MiB)."),
    maxRedirects: z.int().min(0).optional().describe("Redirects it follows, each checked like the first address. Default 3."),
    timeoutMs: milliseconds().optional().describe("Milliseconds a fetch may take, redirects included. Default 15000."),
  })
  .describe("Limits of the tool http_fetch, which an agent has only when it is named. Private addresses are never reached.");

const toolsSchema = z
  .union([
    z.array(text()),
    z.strictObject({
      allow: z
        .array(text())
        .optional()
        .describe("Names of tools; <server>__<tool> is one of an MCP server's, <server>__* all of them. Default none."),
      timeoutMs: milliseconds().optional().describe("Milliseconds one call may take. Default 60000."),
      maxOutputBytes: z.int().min(256).optional().describe("Bytes of one result that the model sees; the rest is cut. Default 65536."),
      httpFetch: httpFetchSchema.optional(),
    }),
  ])
  .describe("The tools of its own that the agent may use, as a list of names or as {allow: […]} with limits.");

const agentFields = {
  model: modelSchema.optional(),
  systemPrompt: text().optional().describe("Instructions sent to the model before anything the caller sends."),
  workspace: text().optional().describe("A folder whose AGENTS.md and SOUL.md are instructions too, read again when they change."),
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
        maxConcurrent: z.int().min(1).default(256).describe("Runs at work at a time, of all agents and sessions together. Default 256."),
        maxQueued: z
          .int()
          .min(0)
          .default(1_024)
          .describe("Runs that may wait besides, for their session or for their turn; more are refused. Default 1024."),
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
