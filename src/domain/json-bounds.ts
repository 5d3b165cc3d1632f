/** How far free-form JSON goes, looked at level by level: a function that called itself would not get to the bottom of JSON made to break it. */

export interface JsonBounds {
  /** Of objects and lists within one another; the outermost is at 0. */
  readonly maxDepth: number;
  /** Objects and lists in all. */
  readonly maxNodes: number;
}

/** The bound that `value` goes beyond, if any. */
export function exceededBound(value: object, { maxDepth, maxNodes }: JsonBounds): "nodes" | "depth" | undefined {
  let level: object[] = [value];
  let nodes = 0;
  for (let depth = 0; level.length > 0; depth++) {
    nodes += level.length;
    if (nodes > maxNodes) return "nodes";
    if (depth > maxDepth) return "depth";
    level = level.flatMap((node) => Object.values(node).filter((child): child is object => typeof child === "object" && child !== null));
  }
  return undefined;
}
