/** The parts of the client's source that follow the contract: one function per operation, one type per schema. */
import { typeName, type Contract, type HeaderOption, type Operation, type QueryOption } from "./operations.ts";

/** Fields that only mean something in a streamed request. */
const onlyStreamed = ["stream_options"];

export function schemasSource({ components }: Contract): string {
  const types = Object.keys(components.schemas).map((schema) => `export type ${typeName(schema)} = components["schemas"]["${schema}"];`);
  return `/** The contract's schemas by name. */\nimport type { components } from "./openapi.js";\n\n${types.join("\n")}\n`;
}

export function indexSource(): string {
  return `/** Everything that users of the client can name. */
export { createClawgateClient } from "./client.js";
export type * from "./client.js";
export type { ChunkStream } from "./chunk-stream.js";
export type { ClawgateClientOptions, RequestOptions } from "./connection.js";
export { ClawgateError } from "./errors.js";
export type { ClawgateErrorCode, ClawgateErrorType } from "./errors.js";
export type { components, operations, paths } from "./openapi.js";
export type { Reply, ReplyHeaders } from "./reply.js";
export type * from "./schemas.js";
`;
}

export function clientSource(contract: Contract, operations: readonly Operation[]): string {
  const headers = headerOptionsOf(operations);
  const source = `/** One function per operation of the contract that answers with JSON; where the reply can be streamed, one for that too. */
import { openStream, type ChunkStream } from "./chunk-stream.js";
import { connect, given, type ClawgateClientOptions, type HeaderOptions, type RequestOptions } from "./connection.js";
import type { operations, paths } from "./openapi.js";
import { readReply, type Reply } from "./reply.js";
import type { ${schemasUsed(contract, operations).join(", ")} } from "./schemas.js";

${optionsOf("OperationOptions", "RequestOptions", sharedOptions(operations))}

${operations.flatMap((operation) => typesOf(operation, operations)).join("\n\n")}

export interface ClawgateClient {
  ${operations.flatMap((operation) => signaturesOf(operation, operations)).join("\n\n")}
}

const headerOptions: HeaderOptions = {
  ${headers.map(({ option, header, isEncoded }) => `${option}: { header: "${header}", isEncoded: ${isEncoded} },`).join("\n")}
};

export function createClawgateClient(options: ClawgateClientOptions = {}): ClawgateClient {
  const { baseUrl = "${contract.servers[0]!.url}" } = options;
  const { api, init } = connect<paths>({ ...options, baseUrl }, headerOptions);
  return {
    ${operations.flatMap(functionsOf).join("\n")}
  };
}
`;
  return /\boperations\[/.test(source) ? source : source.replace("import type { operations, paths }", "import type { paths }");
}

/** What users pass: the operation's own options, if any, and its body, if any, for the whole and for the streamed form. */
function typesOf(operation: Operation, operations: readonly Operation[]): string[] {
  const { name, body, chunk } = operation;
  const own = ownOptions(operation, operations);
  const types = hasOwnOptions(operation, operations)
    ? [optionsOf(`${upper(name)}Options`, "OperationOptions", own, operation.queryOptions)]
    : [];
  if (body && chunk) {
    const left = onlyStreamed.map((field) => ` | "${field}"`).join("");
    types.push(`export type ${upper(name)}Body = Omit<${body}, "stream"${left}> & { stream?: false | null };`);
    types.push(`export type ${upper(streamName(name))}Body = Omit<${body}, "stream"> & { stream?: true | null };`);
  } else if (body) {
    types.push(`export type ${upper(name)}Body = ${body};`);
  }
  return types;
}

function optionsOf(name: string, base: string, options: readonly HeaderOption[], queryOptions: readonly QueryOption[] = []): string {
  const fields = options.map(({ option, header, type, description, isEncoded }) => {
    const note = isEncoded ? " Give it as plain text: the client encodes it." : "";
    return `${comment(`Sent as \`${header}\`.${note}\n\n${description}`)}\nreadonly ${option}?: ${type} | undefined;`;
  });
  const queryFields = queryOptions.map(
    ({ option, type, description }) => `${comment(description)}\nreadonly ${option}?: ${type} | undefined;`,
  );
  return `export interface ${name} extends ${base} {\n${[...fields, ...queryFields].join("\n\n")}\n}`;
}

/** Those of every operation. */
export function sharedOptions(operations: readonly Operation[]): HeaderOption[] {
  const [first, ...others] = operations;
  const isShared = ({ option }: HeaderOption): boolean =>
    others.every(({ headerOptions }) => headerOptions.some((each) => each.option === option));
  return first?.headerOptions.filter(isShared) ?? [];
}

function ownOptions({ headerOptions }: Operation, operations: readonly Operation[]): HeaderOption[] {
  const shared = new Set(sharedOptions(operations).map(({ option }) => option));
  return headerOptions.filter(({ option }) => !shared.has(option));
}

function hasOwnOptions(operation: Operation, operations: readonly Operation[]): boolean {
  return operation.queryOptions.length > 0 || ownOptions(operation, operations).length > 0;
}

function signaturesOf(operation: Operation, operations: readonly Operation[]): string[] {
  const { name, pathParameters, body, reply, chunk, summary, description } = operation;
  const before = pathParameters.map((parameter) => `${parameter.name}: string, `).join("");
  const options = `options?: ${hasOwnOptions(operation, operations) ? upper(name) : "Operation"}Options`;
  const bodyOf = (of: string): string => (body ? `body: ${upper(of)}Body, ` : "");
  // What follows a heading is about the bytes of the reply, which the client reads.
  const text = comment(`${summary}${summary.endsWith("?") ? "" : "."}\n\n${description.split("\n### ")[0]}`);
  const whole = `${text}\n${name}(${before}${bodyOf(name)}${options}): Reply<${reply}>;`;
  if (!chunk) return [whole];
  const note = comment(
    `The same as \`${name}\`, streamed. Resolves with the first piece of the reply; what is refused before that, rejects.`,
  );
  return [whole, `${note}\n${streamName(name)}(${before}${bodyOf(streamName(name))}${options}): Promise<ChunkStream<${chunk}>>;`];
}

function functionsOf({ name, method, path, pathParameters, queryOptions, body, reply, chunk }: Operation): string[] {
  const before = pathParameters.map((parameter) => `${parameter.name}, `).join("") + (body ? "body, " : "");
  const places = [
    ...(pathParameters.length > 0 ? [`path: { ${pathParameters.map((parameter) => parameter.name).join(", ")} }`] : []),
    ...(queryOptions.length > 0 ? [`query: given(options, ${queryOptions.map(({ option }) => JSON.stringify(option)).join(", ")})`] : []),
  ];
  const params = places.length > 0 ? `, params: { ${places.join(", ")} }` : "";
  const call = (bodyText: string): string => `api.${method}("${path}", { ...init(options)${params}${bodyText} })`;
  const whole = `${name}: (${before}options = {}) => readReply<${reply}>(options, () => ${call(body ? ", body" : "")}),`;
  if (!chunk) return [whole];
  const streamed = call(body ? ", body: { ...body, stream: true }" : "");
  return [whole, `${streamName(name)}: (${before}options = {}) => openStream<${chunk}>(options, () => ${streamed}),`];
}

/** All of them; a name means the same header everywhere. */
function headerOptionsOf(operations: readonly Operation[]): HeaderOption[] {
  const byOption = new Map<string, HeaderOption>();
  for (const each of operations.flatMap(({ headerOptions }) => headerOptions)) {
    const known = byOption.get(each.option);
    if (known && known.header !== each.header) throw new Error(`'${each.option}' would be ${known.header} and ${each.header}.`);
    byOption.set(each.option, each);
  }
  return [...byOption.values()];
}

function schemasUsed({ components }: Contract, operations: readonly Operation[]): string[] {
  const used = new Set(operations.flatMap(({ body, reply, chunk }) => [body, reply, chunk]));
  return Object.keys(components.schemas)
    .map(typeName)
    .filter((name) => used.has(name))
    .sort();
}

/** `createChatCompletion` → `streamChatCompletion`. */
export function streamName(name: string): string {
  return name.replace(/^[a-z]+/, "stream");
}

function upper(name: string): string {
  return name[0]!.toUpperCase() + name.slice(1);
}

function comment(text: string): string {
  const lines = text.trim().replaceAll("*/", "* /").split("\n");
  return lines.length === 1 ? `/** ${lines[0]} */` : `/**\n${lines.map((line) => ` * ${line}`.trimEnd()).join("\n")}\n */`;
}
