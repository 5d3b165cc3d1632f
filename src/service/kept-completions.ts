/**
 * The completions that were asked to be kept, for whoever looks at them, labels them or does away with them, by whichever
 * face. Everybody sees their own; the main principal sees all. What is somebody else's is answered like what is not there.
 *
 * Deliberately absent: how a completion comes to be kept (`run-service.ts`), and how it is told on a wire.
 */
import { GatewayError } from "../domain/errors.ts";
import type { CompletionQuery, ListedCompletion } from "../domain/kept-completion.ts";
import type { Message } from "../domain/message.ts";
import { mayKnow, type Principal, whose } from "../domain/principal.ts";
import type { SessionStore } from "../domain/session.ts";
import type { Page, PageRequest } from "../domain/session-catalog.ts";
import type { Metadata } from "../domain/run.ts";

export interface KeptCompletionsParts {
  readonly store: Pick<SessionStore, "completions">;
}

export type CompletionListRequest = Omit<CompletionQuery, "owner">;

/** A message of the request that a completion answered. */
export interface InputMessage {
  /** The completion's, and the message's place in the request. */
  readonly id: string;
  readonly message: Message;
}

/** A completion is named `chatcmpl-<run id>`. */
export class KeptCompletions {
  readonly #store: Pick<SessionStore, "completions">;

  constructor({ store }: KeptCompletionsParts) {
    this.#store = store;
  }

  /** Rejects with `invalid_value` when `after` is no completion of the principal's. */
  list(principal: Principal, { after, ...query }: CompletionListRequest): Promise<Page<ListedCompletion>> {
    return this.#store.completions.list({
      ...query,
      after: after === undefined ? undefined : (runIdOf(after) ?? after),
      owner: principal.isMain ? undefined : principal.name,
    });
  }

  /** Rejects with `not_found`, like all that follow. */
  async get(principal: Principal, id: string): Promise<ListedCompletion> {
    const runId = runIdOf(id);
    const completion = runId === undefined ? undefined : await this.#store.completions.find(runId);
    if (!completion || !mayKnow(principal, completion.owner)) throw noCompletion(principal, id);
    return completion;
  }

  /** Of what went in, not of what came out. Rejects with `invalid_value` when `after` is none of its messages. */
  async readMessages(principal: Principal, id: string, page: PageRequest): Promise<Page<InputMessage>> {
    const { runId } = await this.get(principal, id);
    const input = await this.#store.completions.readInput(runId);
    if (!input) throw noCompletion(principal, id);
    return pageOf(
      input.map((message, index) => ({ id: `${id}-${index}`, message })),
      page,
    );
  }

  /** In place of what it had. */
  async setMetadata(principal: Principal, id: string, metadata: Metadata): Promise<ListedCompletion> {
    const { runId, owner } = await this.get(principal, id);
    const completion = await this.#store.completions.setMetadata(runId, owner, metadata);
    if (!completion) throw noCompletion(principal, id);
    return completion;
  }

  async delete(principal: Principal, id: string): Promise<void> {
    const { runId, owner } = await this.get(principal, id);
    if (!(await this.#store.completions.remove(runId, owner))) throw noCompletion(principal, id);
  }
}

function runIdOf(id: string): string | undefined {
  return /^chatcmpl-([0-9a-f]+)$/.exec(id)?.[1];
}

function pageOf(messages: readonly InputMessage[], { limit, after, order }: PageRequest): Page<InputMessage> {
  const inOrder = order === "asc" ? messages : messages.toReversed();
  const start = after === undefined ? 0 : inOrder.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && start === 0) {
    throw new GatewayError("invalid_value", "The completion has no message by the id that 'after' names. Begin again without it.", {
      param: "after",
    });
  }
  return { items: inOrder.slice(start, start + limit), hasMore: start + limit < inOrder.length };
}

const maxShownId = 64;

function noCompletion(principal: Principal, id: string): GatewayError {
  return new GatewayError(
    "not_found",
    `There is no stored completion '${id.slice(0, maxShownId)}'${whose(principal)}. Completions are stored for 30 days when their request says 'store': true.`,
    { param: "completion_id" },
  );
}
