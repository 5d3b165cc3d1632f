/** Lines of a check-up: `ok`, `warn` or `FAIL`, what was found, and what to do about it. */
import { styleText } from "node:util";

export type FindingStatus = "ok" | "warn" | "fail";

export interface Finding {
  readonly status: FindingStatus;
  /** What was looked at, such as `port` or `provider openai`. */
  readonly name: string;
  readonly message: string;
  /** What to do about it, as an order. */
  readonly fix?: string;
}

const labels = { ok: "ok  ", warn: "warn", fail: "FAIL" } as const;
const colours = { ok: "green", warn: "yellow", fail: "red" } as const;

/** Coloured on a terminal only; `styleText` sees to that, and to NO_COLOR. */
export function printFinding({ status, name, message, fix }: Finding): void {
  const label = styleText(colours[status], labels[status], { stream: process.stdout });
  console.log(`${label}  ${name}: ${message}${fix === undefined ? "" : ` → ${fix}`}`);
}
