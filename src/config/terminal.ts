/**
 * What the environment says about the terminal, and about how the command was called.
 *
 * Deliberately absent: colours. Node's `styleText` looks at the stream and at NO_COLOR itself.
 */
import { given } from "./source.ts";

/** How a user calls the command again: `npx clawgate` when npm started this process for them. */
export function commandName(env: NodeJS.ProcessEnv = process.env): string {
  return env["npm_command"] === "exec" ? "npx clawgate" : "clawgate";
}

/** Whether lines may be drawn and wiped again on `stream`: it is a terminal that somebody watches. */
export function canAnimate(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && env["TERM"] !== "dumb" && given(env["CI"]) === undefined;
}
