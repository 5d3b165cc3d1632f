/**
 * The text of a run as its caller sees it: the texts of its turns joined by a blank line, nothing trimmed.
 *
 * Text is held back until its turn ends when only the end tells whether it belongs to the answer: with a JSON
 * response format (text before a tool call would spoil the JSON) and when a tool call is demanded.
 */
export class Speech {
  readonly #isHeld: boolean;
  #hasSpoken = false;
  #hadSpoken = false;
  /** What the model said in this turn, as it goes into the history. */
  turnText = "";

  constructor(isHeld: boolean) {
    this.#isHeld = isHeld;
  }

  startTurn(): void {
    this.turnText = "";
    this.#hadSpoken = this.#hasSpoken;
  }

  /** The turn is begun again: what was said in it does not count. */
  takeBack(): void {
    this.#hasSpoken = this.#hadSpoken;
  }

  /** Takes a piece of the model's text and returns what of it may go out now. */
  say(text: string): string {
    const isFirst = this.turnText === "";
    this.turnText += text;
    return this.#isHeld ? "" : this.#joined(text, isFirst);
  }

  /** Returns the text that was held back; a turn that `goesOn` with the agent's own tools drops it. */
  endTurn(goesOn: boolean): string {
    return this.#isHeld && !goesOn ? this.#joined(this.turnText, true) : "";
  }

  #joined(text: string, isFirst: boolean): string {
    if (text === "") return "";
    const separator = isFirst && this.#hasSpoken ? "\n\n" : "";
    this.#hasSpoken = true;
    return separator + text;
  }
}
