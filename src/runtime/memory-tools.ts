/** What an agent remembers under a session key: saved by name, recalled as a whole. */
import type { Tool } from "../domain/tool.ts";

export const memorySave: Tool = {
  definition: {
    name: "memory_save",
    description: "Remembers a value under a name for later messages of this session. The same name replaces the value.",
    parameters: {
      type: "object",
      properties: { name: { type: "string", minLength: 1, maxLength: 128 }, value: { type: "string", maxLength: 16_384 } },
      required: ["name", "value"],
      additionalProperties: false,
    },
  },
  execute: async ({ name, value }, { memory }) => {
    await memory.save(name as string, value as string);
    return `Saved '${String(name)}'.`;
  },
};

export const memoryRecall: Tool = {
  definition: {
    name: "memory_recall",
    description: "Everything that was remembered in this session, as a JSON object of names and values.",
    parameters: { type: "object", properties: {}, additionalProperties: false },
  },
  execute: async (_args, { memory }) => JSON.stringify(Object.fromEntries(await memory.recall())),
};
