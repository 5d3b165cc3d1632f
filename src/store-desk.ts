/**
 * The store as a whole, for commands that move it. Each half is loaded when it is asked for.
 *
 * Deliberately absent: everything that runs, and what the rows mean.
 */
import type { MoveOptions } from "./store/export-store.ts";
import type { Counts } from "./store/kept-tables.ts";

export type { MoveOptions } from "./store/export-store.ts";
export type { Counts } from "./store/kept-tables.ts";

/** `database` as the config has it. */
export async function exportStore(database: string, write: (text: string) => Promise<void>, options: MoveOptions): Promise<Counts> {
  return (await import("./store/export-store.ts")).exportStore(database, write, options);
}

export async function importStore(database: string, input: AsyncIterable<Buffer>, options: MoveOptions): Promise<Counts> {
  return (await import("./store/import-store.ts")).importStore(database, input, options);
}
