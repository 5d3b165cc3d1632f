/**
 * `session.maintenance`: OpenClaw's words for how long and how much is kept → milliseconds and bytes.
 *
 * Deliberately absent: limits that nobody set. Then everything is kept.
 */
import type { Findings } from "./config-error.ts";
import type { RetentionConfig } from "./config.ts";
import type { ConfigFile } from "./schema.ts";

const unitMs: { readonly [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const unitBytes: { readonly [unit: string]: number } = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

export function buildRetention(file: ConfigFile["session"]["maintenance"], findings: Findings): RetentionConfig {
  const { mode = "enforce", pruneAfter, maxEntries, maxDiskBytes = false } = file ?? {};
  const pruneAfterMs = pruneAfter === undefined ? undefined : parseDuration(String(pruneAfter));
  if (pruneAfter !== undefined && pruneAfterMs === undefined) {
    findings.error("session.maintenance.pruneAfter", 'must be a time above 0, such as "30d", "12h", "1h30m" or a number of days.');
  }
  const bytes = maxDiskBytes === false ? 0 : parseSize(String(maxDiskBytes));
  if (bytes === undefined) {
    findings.error("session.maintenance.maxDiskBytes", 'must be a size, such as "500mb", "2gb" or a number of bytes; false is no limit.');
  }
  return { isEnforced: mode === "enforce", pruneAfterMs, maxEntries, maxDiskBytes: bytes || undefined };
}

/** Undefined for what is no time above 0, or none that a date can be reckoned with. */
function parseDuration(text: string): number | undefined {
  const words = text.trim().toLowerCase();
  const bare = /^\d+(?:\.\d+)?$/.test(words);
  if (!bare && !/^(?:\d+(?:\.\d+)?\s*(?:ms|s|m|h|d|w)\s*)+$/.test(words)) return undefined;
  const parts = bare ? [[words, words, "d"]] : [...words.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)/g)];
  const ms = Math.round(parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ""] ?? 0), 0));
  return ms > 0 && ms < Date.now() ? ms : undefined;
}

function parseSize(text: string): number | undefined {
  const [, count, unit = "b"] = /^(\d+(?:\.\d+)?)\s*([bkmgt])?(?:i?b)?$/.exec(text.trim().toLowerCase()) ?? [];
  return count === undefined ? undefined : Math.round(Number(count) * (unitBytes[unit] ?? 1));
}
