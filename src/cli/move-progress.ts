/** How far a move of the store is: one line that is drawn again on a terminal, else a line now and then. */
import type { Counts } from "../store-desk.ts";
import type { Terminal } from "./progress.ts";

const redrawMs = 100;
const lineMs = 5_000;
const wipeLine = "\r\x1b[K";

export class MoveProgress {
  readonly #terminal: Terminal;
  readonly #verb: string;
  readonly #begunAt = performance.now();
  #shownAt = this.#begunAt;

  constructor(terminal: Terminal, verb: string) {
    this.#terminal = terminal;
    this.#verb = verb;
  }

  show(counts: Counts): void {
    const now = performance.now();
    if (now - this.#shownAt < (this.#terminal.isTTY ? redrawMs : lineMs)) return;
    this.#shownAt = now;
    const text = `${inWords(counts)} so far`;
    this.#terminal.write(this.#terminal.isTTY ? `${wipeLine}${text}` : `${text}\n`);
  }

  end(counts: Counts): void {
    this.wipe();
    this.#terminal.write(`${this.#verb} ${inWords(counts)} in ${((performance.now() - this.#begunAt) / 1_000).toFixed(1)} s.\n`);
  }

  wipe(): void {
    if (this.#terminal.isTTY) this.#terminal.write(wipeLine);
  }
}

const names: { readonly [Table in keyof Counts]: readonly [one: string, several: string] } = {
  sessions: ["session", "sessions"],
  messages: ["message", "messages"],
  memories: ["memory", "memories"],
  runs: ["run", "runs"],
  run_events: ["batch of events", "batches of events"],
  completions: ["completion", "completions"],
  tokens: ["token", "tokens"],
  token_usage: ["month of a token's use", "months of tokens' use"],
};

/** Sessions and messages always, the rest as far as there is some. */
function inWords(counts: Counts): string {
  const tables = Object.keys(names) as (keyof Counts)[];
  return tables
    .filter((table) => counts[table] > 0 || table === "sessions" || table === "messages")
    .map((table) => `${counts[table]} ${names[table][counts[table] === 1 ? 0 : 1]}`)
    .join(", ");
}
