/**
 * The lines of an exported store: a header, a line for each row, and a last line with how many there are and a hash of all that
 * came before it.
 *
 * Deliberately absent: databases.
 */
import { GatewayError } from "../domain/errors.ts";
import { type Counts, type KeptTable, keptTables, noCounts, problemOf, type Row } from "./kept-tables.ts";
import { schemaName } from "./migrations.ts";
import { isRecord, type JsonRecord } from "./stored-json.ts";

const format = "clawgate-store";
/** Of the lines. What is in the rows is the schema's. */
const version = 1;

/** No row comes near it: a file with a longer line is something else. */
const maxLineBytes = 256 * 1024 * 1024;

export interface Trailer {
  readonly counts: Counts;
  readonly sha256: string;
}

export function headerLine(exportedAt: string): string {
  return line({ format, version, schema: schemaName, exportedAt });
}

export function rowLine(table: KeptTable, row: Row): string {
  return line({ table, row });
}

export function trailerLine(trailer: Trailer): string {
  return line(trailer);
}

function line(record: object): string {
  return `${JSON.stringify(record)}\n`;
}

export type Line = { readonly row: Row; readonly table: KeptTable } | { readonly trailer: Trailer };

export function checkHeader(text: Buffer): void {
  const { format: given, version: givenVersion, schema } = parse(text, 1);
  if (given !== format) throw refused("This is no export of a store: 'clawgate store export' writes one.");
  if (givenVersion !== version) throw refused("The export is of another version of Clawgate, with lines that this one does not know.");
  if (schema === schemaName) return;
  const isNewer = typeof schema === "string" && schema > schemaName;
  throw refused(
    `The export has the tables of ${isNewer ? "a newer" : "an older"} version (${JSON.stringify(schema)?.slice(0, 60)}, here ${schemaName}): ` +
      (isNewer ? "import it with that version." : "export again with this version, which brings the database up to date."),
  );
}

export function readLine(text: Buffer, number: number): Line {
  const { table, row, counts, sha256 } = parse(text, number);
  if (isRecord(counts) && typeof sha256 === "string" && table === undefined)
    return { trailer: { counts: { ...noCounts(), ...counts }, sha256 } };
  const known = keptTables.find((name) => name === table);
  if (known === undefined) throw refused(`Line ${number} is of no table that this version has.`);
  const problem = isRecord(row) ? problemOf(known, row) : "has no row";
  if (problem !== undefined) throw refused(`Line ${number} ${problem}.`);
  return { table: known, row: row as Row };
}

function parse(text: Buffer, number: number): JsonRecord {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch {
    // What is in it is nobody's business.
  }
  if (isRecord(value)) return value;
  throw refused(
    number === 1 ? "This is no export of a store: its first line is no JSON object." : `Line ${number} is damaged, or cut off.`,
  );
}

/** Without their ends. One that the input breaks off in is a line too. */
export async function* linesOf(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield Buffer.concat([...begun, chunk.subarray(start, end)]);
      begun = [];
      bytes = 0;
      start = end + 1;
    }
    begun.push(chunk.subarray(start));
    bytes += chunk.length - start;
    if (bytes > maxLineBytes) throw refused("This is no export of a store: it has a line without an end.");
  }
  if (bytes > 0) yield Buffer.concat(begun);
}

/** Nothing was imported, and nothing of the input is repeated. */
export function refused(message: string): GatewayError {
  return new GatewayError("invalid_value", message);
}
