/** What a command's exit code says: the shell's conventions, and sysexits.h where they are silent. */
export const exitCodes = {
  ok: 0,
  /** The run, or the gateway, failed. */
  failed: 1,
  timedOut: 2,
  /** EX_USAGE: the command line is wrong. */
  usage: 64,
  /** EX_CONFIG: the configuration is wrong; starting again without a change is pointless. */
  config: 78,
  /** 128 + SIGHUP. */
  hungUp: 129,
  /** 128 + SIGINT. */
  interrupted: 130,
  /** 128 + SIGTERM. */
  terminated: 143,
} as const;
