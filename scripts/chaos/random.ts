/** Numbers that look random and come again with the same seed (Marsaglia's xorshift with 32 bits). Not for secrets. */

export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds begin far from each other, and none at zero, where the generator would stay.
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0 || 1;
    for (let n = 0; n < 8; n++) this.#next();
  }

  /** An integer, both bounds included. */
  between(least: number, most: number): number {
    return least + Math.floor((this.#next() / 2 ** 32) * (most - least + 1));
  }

  isOnceIn(count: number): boolean {
    return this.between(1, count) === 1;
  }

  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (this.#state = x >>> 0);
  }
}
