/** An MCP server's tools and their results as models see them: names every provider takes, and text. */
import { createHash } from "node:crypto";
import type { ToolDefinition } from "../domain/model.ts";
import type { CallToolResult, ListedTool } from "./mcp-sdk.ts";
import type { Hide } from "./mcp-secrets.ts";

/** Providers take names of this length, made of letters, digits, - and _. */
const maxNameLength = 64;
const hashLength = 8;
const maxDescriptionLength = 8 * 1024;

export interface DescribedTool {
  /** As the server calls it. */
  readonly tool: string;
  readonly definition: ToolDefinition;
}

/** The tools that can be called like functions: one that must run as a background task cannot. */
export function describeTools(server: string, listed: readonly ListedTool[], hide: Hide = (text) => text): DescribedTool[] {
  const callable = listed.filter((tool) => tool.execution?.taskSupport !== "required");
  const taken = new Set<string>();
  return [...new Map(callable.map((tool) => [tool.name, tool])).values()].map((tool) => {
    const name = uniqueName(`${server}__${tool.name.replace(/[^a-zA-Z0-9_-]/g, "_")}`, tool.name, taken);
    taken.add(name);
    const description = tool.description ?? tool.title ?? tool.annotations?.title;
    const definition = {
      name,
      ...(description === undefined ? {} : { description: short(hide(description)) }),
      parameters: tool.inputSchema,
    };
    return { tool: tool.name, definition };
  });
}

function short(text: string): string {
  // A character of two halves is not cut in the middle.
  return text.length <= maxDescriptionLength ? text : `${text.slice(0, maxDescriptionLength - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

const maxNamed = 20;

/** Names for a line of text, not too many of them. */
export function someOf(names: readonly string[]): string {
  const rest = names.length - maxNamed;
  return names.length === 0 ? "none" : `${names.slice(0, maxNamed).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

/** A name that is too long or taken ends in a hash of the original one, so that it is the same in every run. */
function uniqueName(name: string, original: string, taken: ReadonlySet<string>): string {
  if (name.length <= maxNameLength && !taken.has(name)) return name;
  const hash = createHash("sha256").update(original).digest("hex").slice(0, hashLength);
  return `${name.slice(0, maxNameLength - hashLength - 1)}_${hash}`;
}

/** Throws an Error with the text when the tool says that it failed. */
export function textOfResult({ content, structuredContent, isError }: CallToolResult, hide: Hide): string {
  const hasText = content.some((block) => block.type === "text");
  const structured = !hasText && structuredContent !== undefined ? [JSON.stringify(structuredContent)] : [];
  const text = hide([...content.map(textOfBlock), ...structured].join("\n"));
  if (isError === true) throw new Error(text === "" ? "The tool failed and did not say why." : text);
  return text === "" ? "[no content]" : text;
}

function textOfBlock(block: CallToolResult["content"][number]): string {
  switch (block.type) {
    case "text":
      return block.text;
    case "image":
    case "audio":
      return `[${block.type} ${block.mimeType}, ${Buffer.byteLength(block.data, "base64")} bytes, not shown]`;
    case "resource_link":
      return `[resource ${block.uri}, ${block.name}, not shown]`;
    case "resource": {
      const { resource } = block;
      if ("text" in resource) return `[resource ${resource.uri}]\n${resource.text}`;
      return `[resource ${resource.uri}, ${Buffer.byteLength(resource.blob, "base64")} bytes, not shown]`;
    }
  }
}
