/**
 * Freezes a value through and through, maps included: a reload makes a new configuration, nothing changes the old one.
 *
 * It freezes in place and copies nothing; plain objects, lists and maps are all that a configuration is made of.
 */

export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Map) {
    for (const item of value.values()) deepFreeze(item);
    // Object.freeze does not reach a map's entries.
    Object.assign(value, { set: refuse, delete: refuse, clear: refuse });
  }
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}

/** One for all, so that equal maps stay equal. */
function refuse(): never {
  throw new TypeError("The configuration is frozen.");
}
