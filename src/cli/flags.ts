/** What the command line says, command by command. */

export interface ConfigFlags {
  readonly config?: string;
}

/** Which gateway a command works through, if any. */
export interface AccessFlags extends ConfigFlags {
  readonly url?: string;
  readonly token?: string;
  readonly local?: boolean;
}

export interface ListFlags extends AccessFlags {
  readonly json?: boolean;
}

export type InitFlags = ConfigFlags;

export interface DoctorFlags extends ConfigFlags {
  readonly json?: boolean;
}

export interface GatewayFlags extends ConfigFlags {
  readonly port?: number;
  readonly bind?: string;
  readonly token?: string;
  readonly workers?: number;
}

export interface AgentFlags extends AccessFlags {
  readonly message?: string;
  readonly messageFile?: string;
  readonly agent?: string;
  readonly sessionKey?: string;
  readonly model?: string;
  readonly as?: string;
  readonly json?: boolean;
  readonly timeout?: number;
}

export interface SessionsListFlags extends ListFlags {
  readonly agent?: string;
  readonly limit: number;
}

export interface SessionsShowFlags extends ListFlags {
  readonly branches?: boolean;
}

/** Of `delete` and `reset`. */
export interface SessionsRemovalFlags extends AccessFlags {
  readonly yes?: boolean;
}

export interface SessionsExportFlags extends AccessFlags {
  readonly agent?: string;
}

/** Of `export` and `import`. */
export interface StoreFlags extends ConfigFlags {
  readonly database?: string;
}

export interface TokensFlags extends ConfigFlags {
  readonly json?: boolean;
}

export interface TokensAddFlags extends TokensFlags {
  readonly agents?: readonly string[];
  readonly models?: readonly string[];
  readonly expires?: string;
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly maxConcurrentRuns?: number;
  readonly monthlyTokens?: number;
  readonly monthlyBudget?: number;
}
