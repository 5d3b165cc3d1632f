/**
 * How much of the beginning of a sequence a growing path ends with, kept up one step at a time: the search of Knuth, Morris
 * and Pratt. A step looks at few shorter beginnings, at most about log(length), however often the sequence repeats itself;
 * so a tree of paths is searched without going through any of them twice.
 */
export class Overlap {
  readonly #sequence: readonly number[];
  /** Where the beginning of this length goes on when the next number is not the one it wants; -1: nowhere. */
  readonly #shorter: readonly number[];

  constructor(sequence: readonly number[]) {
    this.#sequence = sequence;
    const shorter: number[] = [];
    let border = -1;
    for (let length = 0; length < sequence.length; length++) {
      // A shorter beginning that wants the same number would fail on the same one: pass over it.
      shorter.push(border >= 0 && sequence[border] === sequence[length] ? shorter[border]! : border);
      while (border >= 0 && sequence[border] !== sequence[length]) border = shorter[border]!;
      border++;
    }
    shorter.push(border);
    this.#shorter = shorter;
  }

  /** `length` was the longest beginning at the end of the path; the one after `next` was added. */
  step(length: number, next: number): number {
    let longest = length;
    while (longest >= 0 && this.#sequence[longest] !== next) longest = this.#shorter[longest]!;
    return longest + 1;
  }
}
