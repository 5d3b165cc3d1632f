/** The tool calls of one turn, put together from their deltas and told apart by whose tool they call. */
import { GatewayError } from "../domain/errors.ts";
import type { ToolCall } from "../domain/message.ts";
import type { ToolDefinition } from "../domain/model.ts";
import type { RunEvent, ToolOwner } from "../domain/run.ts";

interface OpenCall {
  readonly owner: ToolOwner;
  /** Among the calls of the same owner. */
  readonly index: number;
  readonly id: string;
  readonly name: string;
  arguments: string;
}

export class CallLog {
  readonly #callerNames: ReadonlySet<string>;
  readonly #calls = new Map<number, OpenCall>();
  readonly #counts: { [Owner in ToolOwner]: number } = { caller: 0, agent: 0 };

  constructor(callerTools: readonly ToolDefinition[]) {
    this.#callerNames = new Set(callerTools.map((tool) => tool.name));
  }

  start(modelIndex: number, id: string, name: string): RunEvent {
    const owner = this.#callerNames.has(name) ? "caller" : "agent";
    const call: OpenCall = { owner, index: this.#counts[owner]++, id, name, arguments: "" };
    this.#calls.set(modelIndex, call);
    return { type: "tool_call_start", owner, index: call.index, id, name };
  }

  append(modelIndex: number, piece: string): RunEvent {
    const call = this.#calls.get(modelIndex);
    if (!call) throw new GatewayError("upstream_error", "The model sent arguments for a tool call it had not begun.");
    call.arguments += piece;
    return { type: "tool_call_delta", owner: call.owner, index: call.index, arguments: piece };
  }

  ends(): RunEvent[] {
    return [...this.#calls.values()].map((call) => ({
      type: "tool_call_end",
      owner: call.owner,
      index: call.index,
      call: toToolCall(call),
    }));
  }

  all(): readonly ToolCall[] {
    return [...this.#calls.values()].map(toToolCall);
  }

  get ofCaller(): readonly ToolCall[] {
    return this.#of("caller");
  }

  get ofAgent(): readonly ToolCall[] {
    return this.#of("agent");
  }

  #of(owner: ToolOwner): readonly ToolCall[] {
    return [...this.#calls.values()].filter((call) => call.owner === owner).map(toToolCall);
  }
}

function toToolCall({ id, name, arguments: text }: OpenCall): ToolCall {
  return { id, name, arguments: text };
}
