/** What the command line says, command by command. */

export interface ConfigFlags {
  readonly config?: string;
}

export type InitFlags = ConfigFlags;

export interface DoctorFlags extends ConfigFlags {
  readonly json?: boolean;
}

export interface GatewayFlags extends ConfigFlags {
  readonly port?: number;
  readonly bind?: string;
  readonly token?: string;
}

export interface AgentFlags extends ConfigFlags {
  readonly message: string;
  readonly agent?: string;
  readonly sessionKey?: string;
  readonly model?: string;
  readonly as?: string;
  readonly json?: boolean;
  readonly timeout?: number;
}

export interface SessionsListFlags extends ConfigFlags {
  readonly agent?: string;
  readonly limit: number;
  readonly json?: boolean;
}

export interface SessionsShowFlags extends ConfigFlags {
  readonly branches?: boolean;
  readonly json?: boolean;
}

export interface SessionsDeleteFlags extends ConfigFlags {
  readonly yes?: boolean;
}

export interface SessionsExportFlags extends ConfigFlags {
  readonly agent?: string;
}
