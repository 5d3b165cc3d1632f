/** What became of a number in the course of a run. Pure. */
import { median, quantile } from "../bench/report.ts";

export interface Point {
  /** Since the beginning, in hours. */
  readonly hours: number;
  readonly value: number;
}

/** By least squares, per hour; NaN for fewer than two points. */
export function slopeOf(points: readonly Point[]): number {
  const mean = (pick: (point: Point) => number): number => points.reduce((sum, point) => sum + pick(point), 0) / points.length;
  const [middle, level] = [mean(({ hours }) => hours), mean(({ value }) => value)];
  const sumOf = (pick: (point: Point) => number): number => points.reduce((sum, point) => sum + pick(point), 0);
  return sumOf(({ hours, value }) => (hours - middle) * (value - level)) / sumOf(({ hours }) => (hours - middle) ** 2);
}

/** What a share of the run has of it, as by `partOf(points, 0.5, 1)` its second half. */
export function partOf<P extends Point>(points: readonly P[], from: number, to: number): readonly P[] {
  const [first, last] = [points[0]?.hours ?? NaN, points.at(-1)?.hours ?? NaN];
  const at = (share: number): number => first + (last - first) * share;
  return points.filter(({ hours }) => hours >= at(from) && hours <= at(to));
}

export function medianOf(points: readonly Point[]): number {
  return median(points.map(({ value }) => value));
}

export function quantileOf(points: readonly Point[], share: number): number {
  return quantile(
    points.map(({ value }) => value).sort((a, b) => a - b),
    share,
  );
}
