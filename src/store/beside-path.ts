/**
 * Which messages of a transcript's tree can go without a gap in what stays. A pure function; who deletes is `session-removal.ts`.
 */

export interface TreeNode {
  readonly id: string;
  readonly parent_id: string | null;
  readonly created_at: string;
}

export interface BesidePath<Node> {
  /** Those that can go, children before their parents. */
  readonly removable: readonly Node[];
  /** Messages beside the active path that stay. */
  readonly staying: number;
}

/**
 * `nodes` in the order of writing. What the active leaf stands on always stays; with `before`, so does all that was
 * written since, and what that stands on.
 */
export function besidePath<Node extends TreeNode>(nodes: readonly Node[], leafId: string | null, before?: string): BesidePath<Node> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const kept = new Set<string>();
  const keepPathTo = (id: string | null): void => {
    for (
      let at = id === null ? undefined : byId.get(id);
      at && !kept.has(at.id);
      at = at.parent_id === null ? undefined : byId.get(at.parent_id)
    ) {
      kept.add(at.id);
    }
  };
  keepPathTo(leafId);
  const onPath = kept.size;
  if (before !== undefined) for (const { id, created_at } of nodes) if (created_at >= before) keepPathTo(id);
  return { removable: nodes.filter(({ id }) => !kept.has(id)).reverse(), staying: kept.size - onPath };
}
