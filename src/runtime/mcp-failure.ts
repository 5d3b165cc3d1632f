/**
 * What can go wrong with an MCP server, in words that are fit for a model.
 *
 * They never quote what an HTTP server answered, nor a command or an environment: those may hold secrets. What a server
 * says in the protocol's own errors is quoted without them.
 */
import type { Explanation } from "./mcp-explanation.ts";
import type { McpSdk } from "./mcp-sdk.ts";
import type { Hide } from "./mcp-secrets.ts";

export class McpFailure extends Error {
  override readonly name = "McpFailure";
  /**
   * `answered`: the server refused this one request. `forgotten`: it does not know our session any more, so it has done
   * nothing. `broken`: the connection is of no use any more.
   */
  readonly kind: "answered" | "forgotten" | "broken";
  /** For whoever runs the gateway. */
  explanation: Explanation | undefined;

  constructor(kind: McpFailure["kind"], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** Statuses with which servers answer a session that they have not opened, or no longer have. */
const forgottenStatuses: readonly (number | undefined)[] = [400, 404];

const maxCauses = 4;
/** Of what a server says in an error. */
const maxQuoted = 2_000;

export interface Connected {
  readonly sdk: McpSdk;
  readonly hide: Hide;
  /** Whether the connection is over. */
  readonly isOver: boolean;
  /** Why we gave it up, as the end of a sentence about the server. */
  readonly fault: string | undefined;
}

/** `thrown` by the SDK; `server` is how a sentence begins that is about the server. */
export function toFailure(thrown: unknown, server: string, { sdk, hide, isOver, fault }: Connected): McpFailure {
  if (thrown instanceof McpFailure) return thrown;
  if (thrown instanceof sdk.StreamableHTTPError) {
    if (statusOf(thrown, sdk) === undefined) {
      const type = /content type: ([\w.+-]{1,60}\/[\w.+-]{1,60})/.exec(thrown.message)?.[1] ?? "something without a type";
      return new McpFailure("broken", `${server} answered with ${type} instead of JSON.`, thrown);
    }
    const kind = forgottenStatuses.includes(thrown.code) ? "forgotten" : "broken";
    return new McpFailure(kind, `${server} answered with HTTP status ${thrown.code}.`, thrown);
  }
  if (thrown instanceof sdk.McpError) {
    // Servers use the number of a closed connection for errors of their own, too.
    if (isOver && thrown.code === (sdk.ErrorCode.ConnectionClosed as number)) {
      const what = fault === undefined ? "closed the connection" : `${fault}, so it was given up`;
      return new McpFailure("broken", `${server} ${what}.`, thrown);
    }
    return new McpFailure("answered", `${server} refused: ${hide(thrown.message).slice(0, maxQuoted)}`, thrown);
  }
  if (/(Zod|Syntax)Error$/.test((thrown as Error | undefined)?.name ?? "")) {
    return new McpFailure("answered", `${server} gave an answer that does not follow the protocol.`, thrown);
  }
  return unreachable(thrown, server);
}

export function unreachable(thrown: unknown, server: string): McpFailure {
  const code = codeOf(thrown);
  return new McpFailure("broken", `${server} cannot be reached${code === undefined ? "" : ` (${code})`}.`, thrown);
}

/** The status of the reply that `thrown` is about. */
export function statusOf(thrown: unknown, sdk: McpSdk): number | undefined {
  // The SDK has errors of its own among them, with -1 for a status.
  return thrown instanceof sdk.StreamableHTTPError && (thrown.code ?? -1) > 0 ? thrown.code : undefined;
}

/** `ECONNREFUSED` and the like, of the error or of what it was made from. */
export function codeOf(thrown: unknown, depth = 0): string | undefined {
  if (typeof thrown !== "object" || thrown === null || depth > maxCauses) return undefined;
  const { code, cause } = thrown as { code?: unknown; cause?: unknown };
  return typeof code === "string" ? code : codeOf(cause, depth + 1);
}
