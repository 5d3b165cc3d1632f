/** One frame of an event stream, read and not yet understood. What it means is the business of its protocol. */

export type Frame = { readonly [key: string]: unknown };

/** One frame → those that go on in its place. One reply's; the same object back means that nothing was changed. */
export type MendFrame = (frame: Frame, event: string | undefined) => readonly Frame[];

export function isObject(value: unknown): value is Frame {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
