/** An event stream as its reader sees it: piece by piece while it runs, or put together when it is over. */

export interface Chunk {
  readonly id: string;
  readonly object: string;
  readonly created: number;
  readonly model: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read what they expect to be there
  readonly choices: { index: number; delta: any; finish_reason: string | null }[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the same
  readonly usage?: any;
  readonly error?: { message: string; type: string; param: string | null; code: string };
}

export interface Folded {
  readonly chunks: readonly Chunk[];
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string;
  readonly toolCalls: readonly { id: string; name: string; arguments: string }[];
  readonly finishReason: string | undefined;
  readonly usage: unknown;
  readonly error: Chunk["error"];
  readonly comments: number;
  /** `[DONE]` was there, once, at the end. */
  readonly isDone: boolean;
}

/** Reads a reply's body on demand, so that a test decides what comes before what. */
export class StreamReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  text = "";

  constructor(response: Response) {
    if (!response.body) throw new Error("The reply has no body.");
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader();
  }

  /** Reads until `text` is there, in all that has been read so far. */
  async until(text: string): Promise<void> {
    while (!this.text.includes(text)) {
      if (await this.#isOver()) throw new Error(`The stream ended without '${text}':\n${this.text}`);
    }
  }

  /** Everything, up to the end. */
  async rest(): Promise<string> {
    while (!(await this.#isOver()));
    return this.text;
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }

  async #isOver(): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    if (!done) this.text += this.#decoder.decode(value, { stream: true });
    return done;
  }
}

export async function foldStream(response: Response): Promise<Folded> {
  return fold(await new StreamReader(response).rest());
}

/** Throws on anything that is neither a comment nor an unnamed event, with or without a number. */
export function fold(stream: string): Folded {
  const events = stream.split("\n\n");
  if (events.pop() !== "") throw new Error(`The stream does not end with an empty line:\n${stream}`);
  const comments = events.filter((event) => event.startsWith(":"));
  const data = events.filter((event) => !event.startsWith(":")).map((event) => event.replace(/^(?:id: \d+\n)?data: /, ""));
  const isDone = data.indexOf("[DONE]") === data.length - 1 && data.length > 0;
  const chunks = data.filter((line) => line !== "[DONE]").map((line) => JSON.parse(line) as Chunk);
  const deltas = chunks.flatMap((chunk) => chunk.choices ?? []).map((choice) => choice.delta as WireDelta);
  const join = (field: "content" | "reasoning_content" | "refusal"): string => deltas.map((delta) => delta[field] ?? "").join("");
  const toolCalls: { id: string; name: string; arguments: string }[] = [];
  for (const { index, id, function: called } of deltas.flatMap((delta) => delta.tool_calls ?? [])) {
    const known = (toolCalls[index] ??= { id: id ?? "", name: called.name ?? "", arguments: "" });
    known.arguments += called.arguments;
  }
  return {
    chunks,
    text: join("content"),
    reasoning: join("reasoning_content"),
    refusal: join("refusal"),
    toolCalls,
    finishReason:
      chunks.flatMap((chunk) => chunk.choices ?? []).find((choice) => choice.finish_reason !== null)?.finish_reason ?? undefined,
    usage: chunks.find((chunk) => chunk.usage)?.usage as unknown,
    error: chunks.find((chunk) => chunk.error)?.error,
    comments: comments.length,
    isDone,
  };
}

interface WireDelta {
  readonly content?: string | null;
  readonly reasoning_content?: string;
  readonly refusal?: string | null;
  readonly tool_calls?: readonly { index: number; id?: string; function: { name?: string; arguments: string } }[];
}
