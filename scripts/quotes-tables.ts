/**
 * The tables that documents have of the code and of the contract: each is made here and written by quotes.ts.
 *
 * Deliberately absent: where they stand. A document says `<!-- generated: NAME -->`.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { errorCodes, GatewayError } from "../src/domain/errors.ts";
import { errorReply } from "../src/http/errors.ts";
import { dependencyTable } from "./dependencies/licences.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

type JsonSchema = {
  readonly type?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
};

const readJson = (path: string): unknown => JSON.parse(readFileSync(join(root, path), "utf8"));

/** Read, so that existing files work, and without effect yet. */
const idle = /not used yet|^For editors/;
/** Said elsewhere: the older form of `entries`, and what an agent has in common with `agents.defaults`. */
const elsewhere = /^agents\.(list$|entries\.<id>\.(?!default$))/;

/** Every key of the config file that has an effect, with its default. */
function configTable(): string {
  const rows: string[] = [];
  const describe = (path: string, { default: value, description = "" }: JsonSchema): void => {
    // The default has a column of its own.
    const meaning = value === undefined ? description : description.replace(/ Default [^.:]*(\.\d+)*\.(?= |$)/, "");
    rows.push(`| \`${path}\` | ${value === undefined ? "–" : `\`${JSON.stringify(value)}\``} | ${meaning.replaceAll(/[|<]/g, "\\$&")} |`);
  };
  const walk = (path: string, schema: JsonSchema): void => {
    if (idle.test(schema.description ?? "") || elsewhere.test(path)) return;
    const values = typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
    const children = values?.properties ? { "<id>": values } : schema.properties;
    const isSwitch = schema.description !== undefined && schema.default === undefined && !path.endsWith(".<id>");
    if (!children || isSwitch) describe(path, schema);
    for (const [key, child] of Object.entries(children ?? {})) walk(path === "" ? key : `${path}.${key}`, child);
  };
  walk("", readJson("generated/config.schema.json") as JsonSchema);
  return ["| key | default | meaning |", "|---|---|---|", ...rows].join("\n");
}

/** A path that the contract does not have is not an operation of it, so no operation shows its error. */
const outsideContract: ReadonlyMap<string, readonly string[]> = new Map([["not_found", ["A path that is not in the contract"]]]);

interface Contract {
  readonly components: {
    readonly responses: Readonly<
      Record<string, { description: string; content: { "application/json": { examples: Record<string, Example> } } }>
    >;
    readonly examples: Readonly<Record<string, Example>>;
  };
}
type Example = { summary: string; value: { error: { code: string } }; $ref?: string };

/** Every code with its status and type as they are sent, and when the contract's responses say that it comes. */
function errorTable(): string {
  const { responses, examples } = (readJson("generated/openapi.json") as Contract).components;
  const cases = new Map<string, Set<string>>();
  const alone = new Map<string, string>();
  for (const { description, content } of Object.values(responses)) {
    const shown = Object.values(content["application/json"].examples).map((one) => examples[one.$ref?.split("/").at(-1) ?? ""] ?? one);
    for (const { summary, value } of shown) cases.set(value.error.code, (cases.get(value.error.code) ?? new Set()).add(summary));
    const codes = [...new Set(shown.map(({ value }) => value.error.code))];
    if (codes.length === 1) alone.set(codes[0]!, description.replace(/\.$/, ""));
  }
  const rows = errorCodes.map((code) => {
    const { status, body } = errorReply(new GatewayError(code, "-"));
    const shown = [...(outsideContract.get(code) ?? []), ...(cases.get(code) ?? [])];
    // A response that is about this code only says it in a whole sentence.
    const meaning = shown.length === 1 ? (alone.get(code) ?? shown[0]) : shown.join("; ");
    if (!meaning) throw new Error(`The contract has no example of the error ${code}.`);
    return { status, row: `| ${status} | \`${body.error.type}\` | \`${code}\` | ${meaning} |` };
  });
  rows.sort((a, b) => a.status - b.status);
  return ["| status | `type` | `code` | when |", "|---|---|---|---|", ...rows.map(({ row }) => row)].join("\n");
}

/** What happens to a field of OpenAI's request; the contract's prose says it in bold. */
const kinds = ["honoured", "passed on", "refused", "no effect"] as const;
type Kind = (typeof kinds)[number];

interface RequestSchema {
  readonly description?: string;
  readonly const?: string;
  readonly properties?: Readonly<Record<string, RequestSchema>>;
  readonly discriminator?: { readonly mapping: Readonly<Record<string, string>> };
  readonly anyOf?: readonly RequestSchema[];
  readonly $ref?: string;
}
interface RequestParameter {
  readonly name: string;
  readonly description: string;
  readonly $ref?: string;
}
export type ChatContract = {
  readonly components: {
    readonly schemas: Readonly<Record<string, RequestSchema>>;
    readonly parameters: Readonly<Record<string, RequestParameter>>;
    readonly headers: Readonly<Record<string, { readonly description: string }>>;
  };
  readonly paths: Readonly<
    Record<
      string,
      {
        readonly parameters: readonly RequestParameter[];
        readonly post: {
          readonly parameters: readonly RequestParameter[];
          readonly responses: { readonly "200": { readonly headers: Readonly<Record<string, { readonly $ref: string }>> } };
        };
      }
    >
  >;
};

export const chatContract = (): ChatContract => readJson("generated/openapi.json") as ChatContract;
const lastStep = (reference = ""): string => reference.split("/").at(-1) ?? "";

export interface Row {
  readonly field: string;
  readonly kinds: readonly Kind[];
  readonly note: string;
}

/** The kinds in the order in which the prose names them; a field whose prose names none is not described. */
function rowOf(field: string, { description = "" }: RequestSchema): Row {
  const text = inOneLine(description);
  const marks = [...text.matchAll(/\*\*([\w ]+?)\.?\*\*/g)].map(([, mark = ""]) => mark.toLowerCase());
  const named = [...new Set(marks.filter((mark): mark is Kind => (kinds as readonly string[]).includes(mark)))];
  if (named.length === 0) throw new Error(`The contract does not say of '${field}' whether it is ${kinds.join(", ")}.`);
  return { field, kinds: named, note: named.length > 1 ? text : withoutMark(text) };
}

/** The column beside the note says it already. */
function withoutMark(text: string): string {
  const note = text.replace(/^\*\*[\w ]+\.?\*\*[:,]? ?/, "").replace(/ \*\*[\w ]+\.\*\*$/, "");
  return note.charAt(0).toUpperCase() + note.slice(1);
}

const inOneLine = (text: string): string => text.trim().replaceAll(/\s*\n\s*/g, " ");
const inCell = (text: string): string => text.replaceAll("|", "\\|");

function kindTable(first: string, rows: readonly Row[]): string {
  const lines = rows.map((row) => `| \`${row.field}\` | ${row.kinds.join(", ")} | ${inCell(row.note)} |`);
  return [`| ${first} | here | note |`, "|---|---|---|", ...lines].join("\n");
}

function resolved(schema: RequestSchema, { components }: ChatContract): RequestSchema {
  return schema.$ref === undefined ? schema : (components.schemas[lastStep(schema.$ref)] ?? {});
}

/** The request's fields, and those of `stream_options`, which are fields of their own to a caller. */
export function requestRows(contract: ChatContract): Row[] {
  const { ChatCompletionRequest: request, StreamOptions: streamOptions } = contract.components.schemas;
  return Object.entries(request?.properties ?? {}).flatMap(([field, schema]) => [
    rowOf(field, schema),
    ...(field === "stream_options" ? Object.entries(streamOptions?.properties ?? {}) : []).map(([inner, option]) =>
      rowOf(`stream_options.${inner}`, option),
    ),
  ]);
}

function messageRows(contract: ChatContract): Row[] {
  const roles = Object.entries(contract.components.schemas["RequestMessage"]?.discriminator?.mapping ?? {});
  return roles.flatMap(([role, reference]) => {
    const message = contract.components.schemas[lastStep(reference)] ?? {};
    if (/\*\*Refused/.test(message.description ?? "")) return [rowOf(`${role}`, message)];
    const fields = Object.entries(message.properties ?? {}).filter(([name]) => name !== "role");
    return fields.map(([name, schema]) => rowOf(`${role}: ${name}`, resolved(schema, contract)));
  });
}

/** The unions that a caller chooses from, as the field where they stand. */
const unions: Readonly<Record<string, string>> = {
  UserContentPart: "content part",
  AssistantContentPart: "content part (assistant)",
  Tool: "tools[]",
  ToolChoice: "tool_choice",
  RequestToolCall: "tool_calls[]",
  ResponseFormat: "response_format",
};

function partRows(contract: ChatContract): Row[] {
  return Object.entries(unions).flatMap(([union, where]) =>
    Object.entries(contract.components.schemas[union]?.discriminator?.mapping ?? {}).map(([type, reference]) =>
      rowOf(`${where}: ${type}`, contract.components.schemas[lastStep(reference)] ?? {}),
    ),
  );
}

function chatHeaderTables(): string {
  const { components, paths } = chatContract();
  const chat = paths["/v1/chat/completions"];
  const sent = [...(chat?.post.parameters ?? []), ...(chat?.parameters ?? [])].map(({ $ref }) => components.parameters[lastStep($ref)]);
  const replied = Object.entries(chat?.post.responses["200"].headers ?? {});
  const row = (name: string, description = ""): string => `| \`${name}\` | ${inCell(inOneLine(description))} |`;
  return [
    "| sent with a request | meaning |",
    "|---|---|",
    ...sent.map((parameter) => row(parameter?.name ?? "", parameter?.description)),
    "",
    "| comes with a reply | meaning |",
    "|---|---|",
    ...replied.map(([name, { $ref }]) => row(name, components.headers[lastStep($ref)]?.description)),
  ].join("\n");
}

function compatibilitySummary(): string {
  const rows = requestRows(chatContract());
  const meaning: { readonly [K in Kind]: string } = {
    honoured: "does here what it does at OpenAI",
    "passed on": "goes to the language model as it is",
    refused: "answers `400 unsupported_parameter`",
    "no effect": "is accepted; nothing in the reply could depend on it",
  };
  // A field that is refused only in part stands where its other part does, and is marked.
  const isPartly = ({ kinds: all, note }: Row): boolean => all.length > 1 || note.startsWith("`true` is");
  const lines = kinds.map((kind) => {
    const fields = rows.filter((row) => row.kinds[0] === kind).map((row) => `\`${row.field}\`${isPartly(row) ? "\\*" : ""}`);
    return `| **${kind}**: ${meaning[kind]} | ${fields.join(", ")} |`;
  });
  return ["| what happens | fields |", "|---|---|", ...lines].join("\n");
}

/** By the name in `<!-- generated: NAME -->`. */
export const tables: Readonly<Record<string, () => string>> = {
  config: configTable,
  errors: errorTable,
  compatibility: () => kindTable("field", requestRows(chatContract())),
  "compatibility-messages": () => kindTable("role and field", messageRows(chatContract())),
  "compatibility-parts": () => kindTable("where and type", partRows(chatContract())),
  "compatibility-headers": chatHeaderTables,
  "compatibility-summary": compatibilitySummary,
  dependencies: () => dependencyTable(root),
};
