/**
 * Log lines for somebody who sits before the terminal they are written to: the time, how urgent, what, and the rest as
 * `name=value`. Whoever collects them gets the JSON that they are drawn from.
 *
 * What a caller sent is text here too: nothing in it speaks to the terminal or begins a line.
 */
import { styleText } from "node:util";
import { escapeUnseen } from "./log-line.ts";

type Line = { readonly [name: string]: unknown };
type Colour = "dim" | "green" | "yellow" | "red";

const levels: { readonly [level: number]: readonly [name: string, colour: Colour] } = {
  10: ["trace", "dim"],
  20: ["debug", "dim"],
  30: ["info", "green"],
  40: ["warn", "yellow"],
  50: ["error", "red"],
  60: ["fatal", "red"],
};

/** `json`: a whole line of the log. */
export function drawLine(json: string, terminal: NodeJS.WritableStream): string {
  const line = parse(json);
  if (line === undefined) return json;
  const { level, time, msg, err, ...others } = line;
  const [name, colour] = levels[Number(level)] ?? ["?", "dim"];
  const paint = (as: Colour, text: string): string => styleText(as, text, { stream: terminal });
  const values = Object.entries(others).map(([key, value]) => paint("dim", `${key}=`) + shown(value));
  const head = [paint("dim", clock(String(time))), paint(colour, name.padEnd(5)), harmless(textOf(msg)), ...values].join(" ");
  return `${head}\n${stackOf(err)
    .map((row) => `    ${paint("dim", row)}\n`)
    .join("")}`;
}

function parse(json: string): Line | undefined {
  try {
    return JSON.parse(json) as Line;
  } catch {
    return undefined;
  }
}

/** In the time of this machine. */
function clock(time: string): string {
  const at = new Date(time);
  const two = (part: number): string => String(part).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

function shown(value: unknown): string {
  return typeof value === "string" && /^[\w.:/@%+-]+$/.test(value) ? value : escapeUnseen(JSON.stringify(value));
}

function stackOf(err: unknown): readonly string[] {
  if (typeof err !== "object" || err === null) return [];
  const { stack, message } = err as { readonly stack?: unknown; readonly message?: unknown };
  return textOf(stack ?? message)
    .split("\n")
    .map(harmless);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** As JSON would have it within a string. */
function harmless(text: string): string {
  return escapeUnseen(JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("\\\\", "\\"));
}
