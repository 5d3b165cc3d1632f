/** What every part of the measurement stands on: the database server, the provider, and how much of everything is done. Types alone. */
import type { ScenarioResult, Target } from "../bench/report.ts";
import type { ServerProcess } from "../server-process.ts";
import type { PostgresServer } from "./databases.ts";

export interface Stage {
  readonly server: PostgresServer;
  readonly stub: ServerProcess;
  readonly effort: ScalingEffort;
}

export interface ScalingEffort {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Claims of a lease on each database. */
  readonly claims: number;
  /** Runs whose round trips are counted. */
  readonly countedRuns: number;
}

export type Scenario = (stage: Stage) => Promise<ScenarioResult>;

/** `kept`: turns in the database. */
export function wholeTarget(what: string, answered: number, { kept, isWhole }: { kept: number; isWhole: boolean }): Target {
  const name = `${what}: each run answered, and its turn in the database once`;
  return { name, isMet: isWhole, measured: `${answered} answered, ${kept} kept` };
}
