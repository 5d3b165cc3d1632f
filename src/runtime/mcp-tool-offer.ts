/**
 * The tools of an MCP server's list that are offered to models: so many, and none with a schema that providers' adapters
 * would break on. What is left out is remembered by its name, for who wonders where it is.
 */
import { exceededBound } from "../domain/json-bounds.ts";
import type { ListedTool } from "./mcp-sdk.ts";

const maxTools = 512;
const maxSchemaDepth = 64;
const maxSchemaBytes = 256 * 1024;
/** Of all schemas: they are sent with every request to the model. */
const maxAllBytes = 4 * 1024 * 1024;

export class ToolOffer {
  readonly tools: ListedTool[] = [];
  /** Those whose schema is too large or too deep. */
  readonly unfit: string[] = [];
  /** There are more. */
  isFull = false;
  #bytes = 0;

  add(listed: readonly ListedTool[]): void {
    for (const tool of listed) {
      const bytes = sizeOf(tool.inputSchema);
      if (bytes === undefined) {
        this.unfit.push(tool.name);
        continue;
      }
      this.#bytes += bytes;
      this.isFull ||= this.tools.length === maxTools || this.#bytes > maxAllBytes;
      if (this.isFull) return;
      this.tools.push(tool);
    }
  }

  /** What is wrong with the list, a sentence's part each. */
  problems(namesOf: (tools: readonly string[]) => string): string[] {
    const unfit = `the schema of ${namesOf(this.unfit)} is deeper than ${maxSchemaDepth} levels or longer than ${maxSchemaBytes} bytes`;
    const rest = `its list is longer than ${maxTools} tools or ${maxAllBytes} bytes of schemas, or does not end`;
    return [...(this.unfit.length > 0 ? [unfit] : []), ...(this.isFull ? [rest] : [])];
  }
}

/** Undefined when it is too large or too deep. */
function sizeOf(schema: object): number | undefined {
  // The outermost object is a level too; each object and list takes a byte at least.
  if (exceededBound(schema, { maxDepth: maxSchemaDepth - 1, maxNodes: maxSchemaBytes })) return undefined;
  const bytes = Buffer.byteLength(JSON.stringify(schema));
  return bytes > maxSchemaBytes ? undefined : bytes;
}
