/**
 * Whether the arguments that have come so far are one object from its first brace to its last.
 *
 * It looks at braces, brackets and strings only, each character once as it comes; whether what is between them is
 * JSON is for the tool to say.
 */
const quote = 0x22;
const backslash = 0x5c;

export class ArgumentsScan {
  /** `spoilt`: something that is no object, or more than one, has come; nothing makes that one object again. */
  #state: "before" | "inside" | "whole" | "spoilt" = "before";
  #depth = 0;
  #isInString = false;
  #isEscaped = false;

  get isWhole(): boolean {
    return this.#state === "whole";
  }

  add(text: string): void {
    for (let at = 0; at < text.length && this.#state !== "spoilt"; at++) {
      const code = text.charCodeAt(at);
      if (this.#state === "inside") this.#step(code);
      else if (code > 0x20) this.#begin(code);
    }
  }

  #begin(code: number): void {
    const isObject = this.#state === "before" && code === 0x7b;
    this.#state = isObject ? "inside" : "spoilt";
    this.#depth = 1;
  }

  #step(code: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (this.#isInString) {
      if (code === backslash) this.#isEscaped = true;
      else if (code === quote) this.#isInString = false;
    } else if (code === quote) this.#isInString = true;
    else if (code === 0x7b || code === 0x5b) this.#depth++;
    else if ((code === 0x7d || code === 0x5d) && --this.#depth === 0) this.#state = "whole";
  }
}
