/**
 * What is wrong with a configuration: the error that stops the start, and the collector that gathers all of it first.
 *
 * A line names its place (file and key, flag or variable) and how to mend it. It never quotes a value that may be a secret.
 */

export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** One line per problem. */
  readonly issues: readonly string[];
  /** What else was noticed; not part of the message. */
  readonly warnings: readonly string[];

  constructor(issues: readonly string[], warnings: readonly string[] = []) {
    super(issues.join("\n"));
    this.issues = issues;
    this.warnings = warnings;
  }
}

export type ConfigPath = readonly PropertyKey[];

/** Collects the problems and warnings of one configuration; the same line is kept once. */
export interface Findings {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** A problem of the file. A `path` given as text stands as it is. */
  error(path: string | ConfigPath, message: string): void;
  /** A problem of a flag or an environment variable. */
  inputError(name: string, message: string): void;
  warn(path: string | ConfigPath, message: string): void;
}

export function createFindings(fileLabel: string): Findings {
  const errors = new Set<string>();
  const warnings = new Set<string>();
  return {
    get errors() {
      return [...errors];
    },
    get warnings() {
      return [...warnings];
    },
    error: (path, message) => void errors.add(`${fileLabel}: ${formatPath(path)}: ${message}`),
    inputError: (name, message) => void errors.add(`${name}: ${message}`),
    warn: (path, message) => void warnings.add(`${formatPath(path)}: ${message}`),
  };
}

/** `agents.list[0].id`, `agents.entries["my agent"]`. */
export function formatPath(path: string | ConfigPath): string {
  if (typeof path === "string") return path;
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    const name = String(key);
    if (!/^[\w$-]+$/.test(name)) return `${text}[${JSON.stringify(name)}]`;
    return text === "" ? name : `${text}.${name}`;
  }, "");
}
