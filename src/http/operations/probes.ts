/** `getHealth`: the process answers. `getReadiness`: so does what it needs for a run. Neither needs a token. */
import type { Operations } from "../contract.ts";

export interface ProbeParts {
  readonly version: string;
  /** Rejects with `store_unavailable` while sessions cannot be kept. */
  readonly checkReadiness: () => Promise<void>;
}

export function getHealth({ version }: ProbeParts): Operations["getHealth"] {
  return () => Promise.resolve({ status: 200, type: "application/json", body: { status: "ok", version } });
}

export function getReadiness({ checkReadiness }: ProbeParts): Operations["getReadiness"] {
  return async () => {
    await checkReadiness();
    return { status: 200, type: "application/json", body: { status: "ready", checks: { store: "ok" } } };
  };
}
