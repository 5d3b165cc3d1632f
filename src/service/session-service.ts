/**
 * A run's view of its session: what the model is to read, and where what is written goes.
 *
 * Where a request finds its place in the transcript is `reconcile.ts`; this is what reads and writes around it.
 */
import { GatewayError } from "../domain/errors.ts";
import { isSystemMessage, type Message } from "../domain/message.ts";
import { mayKnow, type Principal } from "../domain/principal.ts";
import type { OpenedRun } from "../domain/run-record.ts";
import type { SessionMemory, SessionStore, TranscriptWriter } from "../domain/session.ts";
import type { DialogueMessage } from "../domain/transcript-tree.ts";
import { type Refusal, reconcile, refuseStrayResult } from "./reconcile.ts";
import { noSuchSession, type ResolvedSession } from "./session-key.ts";
import { isAssistant } from "./tool-answers.ts";

export interface Conversation {
  /** What the model reads after the agent's own instructions. */
  readonly messages: readonly Message[];
  /** Whether the request continues what is kept, brings its history along, or has no session. */
  readonly mode: "new" | "resent" | "stateless";
  /** How many of `messages`, after the caller's instructions, the caller did not send now. */
  readonly historyLength: number;
  readonly memory: SessionMemory;
  /** Keeps the caller's new messages, and opens the run's record with them. Undefined for a run without a session. */
  begin(): Promise<TranscriptWriter | undefined>;
}

interface RunOfSession {
  readonly opened: OpenedRun;
  readonly principal: Principal;
  /** Of its lease on the session. */
  readonly fence: number | undefined;
}

export class SessionService {
  readonly #store: SessionStore;

  constructor(store: SessionStore) {
    this.#store = store;
  }

  /** Rejects with `not_found` when the session is somebody else's, so that nobody waits in, or fills, a queue that is not theirs. */
  async refuseForeign(session: ResolvedSession, principal: Principal): Promise<void> {
    if (!session.isStored || principal.isMain) return;
    const owner = await this.#store.ownerOf(session.key);
    if (owner !== undefined && !mayKnow(principal, owner)) throw noSuchSession(session);
  }

  /**
   * Rejects with `store_unavailable`, `not_found` when the session is somebody else's, or `invalid_value` when nothing is
   * new or a tool result answers no pending call.
   */
  async open(session: ResolvedSession, run: RunOfSession, sent: readonly Message[]): Promise<Conversation> {
    const dialogue = sent.filter((message): message is DialogueMessage => !isSystemMessage(message));
    const refuse = (refusal: Refusal): GatewayError => toError(refusal, dialogue, sent);
    if (!session.isStored) {
      const stray = refuseStrayResult(dialogue);
      if (stray) throw refuse(stray);
      const begin = (): Promise<undefined> => Promise.resolve(undefined);
      return { messages: sent, mode: "stateless", historyLength: 0, memory: new VolatileMemory(), begin };
    }
    // Who brings no history can only go on where the session stands: its other branches need not be read.
    const tree = dialogue.some(isAssistant) ? await this.#store.readTree(session.key) : await this.#store.readPath(session.key);
    if (tree.owner !== undefined && !mayKnow(run.principal, tree.owner)) throw noSuchSession(session);
    const placed = reconcile(tree, dialogue);
    if (placed.mode === "refused") throw refuse(placed);
    const { leafId, owner = run.principal.name } = tree;
    const { opened, fence } = run;
    const ownership = { sessionKey: session.key, agentId: opened.agentId, owner, fence };
    const { mode, parentId, input, conversation } = placed;
    return {
      messages: [...sent.filter(isSystemMessage), ...conversation],
      mode,
      historyLength: mode === "new" ? conversation.length - input.length : 0,
      memory: this.#store.memoryOf(ownership),
      begin: () => this.#store.beginTurns({ ...ownership, leafId, parentId, input, run: opened }),
    };
  }
}

/** The refusal speaks of the dialogue; its caller counts the instructions too. */
function toError({ code, message, index, field }: Refusal, dialogue: readonly Message[], sent: readonly Message[]): GatewayError {
  const at = index === undefined ? sent.length - 1 : sent.indexOf(dialogue[index]!);
  return new GatewayError(code, message, { param: `messages[${at}]${field === undefined ? "" : ".tool_call_id"}` });
}

/** The memory of a stateless run: it ends with the run. */
class VolatileMemory implements SessionMemory {
  readonly #values = new Map<string, string>();

  save(name: string, value: string): Promise<void> {
    this.#values.set(name, value);
    return Promise.resolve();
  }

  recall(): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(this.#values);
  }
}
