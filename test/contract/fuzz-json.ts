/** JSON as a tree, for tests that take bodies apart and put them together again. */

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** A value inside a body: `parent[key]`, and where that is (`messages/0/content`). */
export interface Place {
  readonly parent: JsonObject | Json[];
  readonly key: string;
  readonly path: string;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function object(value: Json | undefined): JsonObject {
  if (!isObject(value)) throw new Error(`Not an object: ${JSON.stringify(value)}`);
  return value;
}

/** Only what the object itself has: a key may be called `constructor`. */
export function member(node: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(node, key) ? node[key] : undefined;
}

/** What the object has under the key, if it is text. */
export function textAt(node: JsonObject, key: string): string | undefined {
  const value = member(node, key);
  return typeof value === "string" ? value : undefined;
}

/** Of every value below the root, parents first. Does not recurse, since a body may be nested very deep. */
export function placesIn(root: Json): Place[] {
  const places: Place[] = [];
  const open: { node: Json; path: string }[] = [{ node: root, path: "" }];
  for (let at = 0; at < open.length; at++) {
    const { node, path } = open[at]!;
    if (typeof node !== "object" || node === null) continue;
    for (const [key, value] of Object.entries(node)) {
      const place = { parent: node, key, path: path === "" ? key : `${path}/${key}` };
      places.push(place);
      open.push({ node: value, path: place.path });
    }
  }
  return places;
}

export function valueAt({ parent, key }: Place): Json {
  return (parent as JsonObject)[key]!;
}

/** Defines the key even if it is `__proto__`. */
export function put({ parent, key }: Pick<Place, "parent" | "key">, value: Json): void {
  Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}

export function remove({ parent, key }: Place): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
}
