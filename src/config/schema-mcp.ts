/** The `mcp` section of the config file: servers of the Model Context Protocol whose tools agents may have. */
import { z } from "zod";
import { milliseconds, text } from "./schema-values.ts";

/** OpenClaw's files have numbers and switches here too. What refuses a character says so without quoting the value. */
const values = (pattern: RegExp, message: string) => z.union([z.string().regex(pattern, message), z.number(), z.boolean()]);

// eslint-disable-next-line no-control-regex -- control characters are what is refused
const environmentValue = values(/^[^\x00]*$/, "must not contain a NUL character");

const headerValue = values(
  /^[\t\x20-\x7e\x80-\xff]*$/,
  "has a character that no HTTP header can carry, such as a line break or a typographic quotation mark; take the value over again",
);

const serverSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe("false: the server is left out. Default true."),
    command: text().optional().describe("The program to start; it speaks over its standard input and output."),
    args: z.array(z.string()).default([]).describe("Its arguments."),
    env: z
      .record(z.string().regex(/^[^=\0]+$/), environmentValue)
      .default({})
      .describe("Its environment variables, besides PATH, HOME and the like. It sees no other variable of the gateway's."),
    cwd: text().optional().describe("The folder it is started in, relative to this file. Default: the gateway's."),
    url: text().optional().describe("The address of a server that is reached over HTTP instead: http://127.0.0.1:8000/mcp."),
    headers: z
      .record(z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/), headerValue)
      .default({})
      .describe("Headers sent with every request to url."),
    transport: text()
      .optional()
      .describe("streamable-http for url (the default there), stdio for command. The older sse is read and the server left out."),
    connectTimeoutMs: milliseconds()
      .default(10_000)
      .describe("Milliseconds it may take to start or reach the server and to list its tools. Default 10000."),
  })
  .describe("A tool server: command starts one, url reaches one.");

export const mcpSchema = z
  .strictObject({
    servers: z
      .record(z.string(), serverSchema)
      .default({})
      .describe("Servers by name, the part of their tools' names before the double underscore: files gives files__read."),
  })
  .describe("Servers of the Model Context Protocol. An agent has their tools only when its tools name them.");
