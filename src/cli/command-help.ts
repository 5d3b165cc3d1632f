/** What the definitions of commands have in common: how they end, the flag that all have, examples under their help. */
import { type Command, InvalidArgumentError } from "commander";

/** Told the exit code by the command that ran. */
export type End = (exitCode: number) => void;

export const configFlag = "--config <file>";
export const configHelp = "config file (JSON5); default: OPENCLAW_CONFIG_PATH, then ~/.openclaw/openclaw.json";

export const jsonLines = "print one JSON object instead of lines";

export function toCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError("It is a whole number above 0.");
  return count;
}

/** Examples under the help text: a command line each, and what it is for where that is not plain. */
export function teach(command: Command, examples: readonly (readonly [line: string, purpose: string])[]): void {
  const width = Math.max(...examples.filter(([, purpose]) => purpose !== "").map(([line]) => line.length), 0);
  const lines = examples.map(([line, purpose]) => `  ${purpose === "" ? line : `${line.padEnd(width)}  # ${purpose}`}`);
  command.addHelpText("after", `\n${lines.length === 1 ? "Example" : "Examples"}:\n${lines.join("\n")}`);
}
