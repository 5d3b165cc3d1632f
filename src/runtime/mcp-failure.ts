/**
 * What can go wrong with an MCP server, in words that are fit for the log and for a model.
 *
 * They never quote what an HTTP server answered, nor a command or an environment: those may hold secrets.
 */
import type { McpSdk } from "./mcp-sdk.ts";

export class McpFailure extends Error {
  override readonly name = "McpFailure";
  /**
   * `answered`: the server refused this one request. `forgotten`: it does not know our session any more, so it has done
   * nothing. `broken`: the connection is of no use any more.
   */
  readonly kind: "answered" | "forgotten" | "broken";

  constructor(kind: McpFailure["kind"], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** Statuses with which servers answer a session that they have not opened, or no longer have. */
const forgottenStatuses: readonly (number | undefined)[] = [400, 404];

const maxCauses = 4;

/** `thrown` by the SDK; `server` is how a sentence begins that is about the server. */
export function toFailure(thrown: unknown, server: string, sdk: McpSdk): McpFailure {
  if (thrown instanceof McpFailure) return thrown;
  if (thrown instanceof sdk.StreamableHTTPError) {
    const kind = forgottenStatuses.includes(thrown.code) ? "forgotten" : "broken";
    return new McpFailure(kind, `${server} answered with HTTP status ${thrown.code}.`, thrown);
  }
  if (thrown instanceof sdk.McpError) {
    if (thrown.code === (sdk.ErrorCode.ConnectionClosed as number))
      return new McpFailure("broken", `${server} closed the connection.`, thrown);
    return new McpFailure("answered", `${server} refused: ${thrown.message}`, thrown);
  }
  if (/(Zod|Syntax)Error$/.test((thrown as Error | undefined)?.name ?? "")) {
    return new McpFailure("answered", `${server} gave an answer that does not follow the protocol.`, thrown);
  }
  const code = codeOf(thrown);
  return new McpFailure("broken", `${server} cannot be reached${code === undefined ? "" : ` (${code})`}.`, thrown);
}

/** `ECONNREFUSED` and the like, of the error or of what it was made from. */
function codeOf(thrown: unknown, depth = 0): string | undefined {
  if (typeof thrown !== "object" || thrown === null || depth > maxCauses) return undefined;
  const { code, cause } = thrown as { code?: unknown; cause?: unknown };
  return typeof code === "string" ? code : codeOf(cause, depth + 1);
}
