/** Whether a cost of one build over another's is within what noise makes of the same build. Pure. */
import { median, quantile } from "../bench/report.ts";

/** More than that is worse; less than its inverse is better. */
export const most = 1.25;

export type Judgement = "as before" | "better" | "worse" | "unknown";

export interface Compared {
  readonly cost: string;
  readonly judgement: Judgement;
  /** The rounds' ratios: the middle of them, and where the middle half lies. */
  readonly ratio: number;
  readonly quartiles: readonly [number, number];
}

/** `pairs`: of each round, the cost of the build in question and of the one it is held against. */
export function compare(cost: string, pairs: readonly (readonly [number, number])[]): Compared {
  const ratios = pairs.map(([ours, theirs]) => ours / theirs).sort((a, b) => a - b);
  const ratio = median(ratios);
  // Some of it cannot be measured where there is no /proc.
  const judgement = Number.isNaN(ratio) ? "unknown" : ratio > most ? "worse" : ratio < 1 / most ? "better" : "as before";
  return { cost, judgement, ratio, quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)] };
}
