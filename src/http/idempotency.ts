/**
 * What makes two requests the same: all of a request that decides about its reply, as one digest. Pure.
 *
 * Deliberately absent: what becomes of a request that comes again (`service/repeated-runs.ts`).
 */
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Principal } from "../domain/principal.ts";
import type { IdempotencyKey } from "../domain/run.ts";

export interface KeyedRequest {
  readonly key: string;
  readonly principal: Principal;
  /** As it was parsed: how it was spaced or packed does not matter. */
  readonly body: unknown;
  readonly headers: IncomingHttpHeaders;
  /** The client's own header that names a session, where one is configured. */
  readonly sessionHeader: string | undefined;
}

export function idempotencyOf({ key, principal, body, headers, sessionHeader }: KeyedRequest): IdempotencyKey {
  const names = Object.keys(headers).filter((name) => name.startsWith("x-openclaw-") || name === sessionHeader);
  const deciding = names.sort().map((name) => [name, headers[name]]);
  const text = JSON.stringify([principal.name, deciding]);
  return { key, fingerprint: createHash("sha256").update(text).update(textOf(body)).digest("hex") };
}

/**
 * Another text for each other value: what a list or an object has in it comes after it, the last one first. No function that calls itself,
 * because what nobody reads of a body may be nested as deep as it likes.
 */
function textOf(body: unknown): string {
  const pieces: string[] = [];
  const rest = [body];
  while (rest.length > 0) {
    const value = rest.pop();
    if (typeof value !== "object" || value === null) {
      pieces.push(JSON.stringify(value));
    } else {
      pieces.push(Array.isArray(value) ? `[${value.length}]` : `{${JSON.stringify(Object.keys(value))}}`);
      for (const child of Object.values(value)) rest.push(child);
    }
  }
  return pieces.join();
}
