/** Who is calling, as the auth service found out, and what is theirs. */

export interface Principal {
  /** `main` for the gateway's own secret, the command line and a gateway that asks for none; else the token's name. */
  readonly name: string;
  /** Sees every agent, session and run. */
  readonly isMain: boolean;
  /** Ids of the agents it may use; undefined: all. */
  readonly agents?: readonly string[];
  /** `<provider>/<model>`s it may name instead of an agent's own; undefined: all. */
  readonly models?: readonly string[];
  /** What it may use up; undefined: as much as it likes. */
  readonly limits?: TokenLimits;
}

/** Of all that one named token asks for, wherever it comes from. What is not there is not limited. */
export interface TokenLimits {
  /** Runs begun within 60 s. */
  readonly requestsPerMinute?: number;
  /** Tokens of models, those sent and those written, within 60 s. */
  readonly tokensPerMinute?: number;
  /** Runs at work at the same time. */
  readonly maxConcurrentRuns?: number;
  /** Tokens of models, those sent and those written, in one month of the calendar in UTC. */
  readonly monthlyTokens?: number;
  /** The same in money, in the unit of the models' prices. */
  readonly monthlyBudget?: number;
}

export const mainPrincipal: Principal = Object.freeze({ name: "main", isMain: true });

export function mayUseAgent({ agents }: Principal, id: string): boolean {
  return agents === undefined || agents.includes(id);
}

/** An agent's own model needs no permission. */
export function mayNameModel({ models }: Principal, ref: string): boolean {
  return models === undefined || models.includes(ref);
}

/** Whether what belongs to `owner` may be known to `principal` at all. To others it does not exist. */
export function mayKnow(principal: Principal, owner: string): boolean {
  return principal.isMain || principal.name === owner;
}

/** For a sentence that says that something is not there. From the main principal nothing is hidden. */
export function whose({ isMain }: Principal): string {
  return isMain ? "" : " of yours";
}
