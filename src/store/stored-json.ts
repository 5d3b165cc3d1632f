/**
 * JSON text of a column, and back: what was damaged is an error of its own row and not a crash somewhere else.
 *
 * Deliberately absent: what the values must look like; whoever reads them says so.
 */
import { GatewayError } from "../domain/errors.ts";

export type JsonRecord = { readonly [field: string]: unknown };

/** `what` is read by callers: "The record of this run". `where` only by the log. */
export function parseStored<T>(text: string, isWanted: (value: unknown) => value is T, what: string, where: string): T {
  let cause: unknown;
  try {
    const value: unknown = JSON.parse(text);
    if (isWanted(value)) return value;
    cause = new Error(`The text of ${where} is JSON, but not what it should be.`);
  } catch (error) {
    cause = new Error(`The text of ${where} is not JSON.`, { cause: error });
  }
  throw new GatewayError("store_unavailable", `${what} is damaged in the store, so it cannot be read. Others are not affected.`, { cause });
}

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function hasStrings(value: JsonRecord, ...fields: readonly string[]): boolean {
  return fields.every((field) => typeof value[field] === "string");
}
