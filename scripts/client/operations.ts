/**
 * What the client has to know of the contract: its operations that answer with JSON, the headers that requests may carry,
 * the schemas by name. Reads the bundled contract; the text made of it is `source.ts` and `readme.ts`.
 *
 * Deliberately absent: operations that answer with anything else, such as the documentation page.
 */

interface Reference {
  readonly $ref: string;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: { readonly type?: string; readonly enum?: readonly string[] };
  /** The reply is of another kind with it: the client, whose functions have one kind each, offers no option for it. */
  readonly "x-openclaw-changes-reply"?: boolean;
}

interface Header {
  readonly description?: string;
}

interface Media {
  readonly schema?: Partial<Reference>;
}

interface Response {
  readonly headers?: { readonly [name: string]: Header | Reference };
  readonly content?: { readonly [type: string]: Media };
}

interface ContractOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly (Parameter | Reference)[];
  readonly requestBody?: { readonly content: { readonly [type: string]: Media } };
  readonly responses: { readonly [status: string]: Response | Reference };
}

/** The bundled contract, as far as it is looked at. */
export interface Contract {
  readonly info: { readonly title: string; readonly version: string; readonly summary: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly paths: { readonly [path: string]: { readonly [method: string]: ContractOperation | readonly (Parameter | Reference)[] } };
  readonly components: {
    readonly schemas: { readonly [name: string]: object };
    readonly [section: string]: { readonly [name: string]: object };
  };
}

export interface Operation {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly pathParameters: readonly Parameter[];
  readonly headerOptions: readonly HeaderOption[];
  readonly queryOptions: readonly QueryOption[];
  /** The schema of the JSON body; undefined without one. */
  readonly body?: string;
  /** TypeScript of the whole reply, and of one chunk where it can be streamed. */
  readonly reply: string;
  readonly chunk?: string;
  /** Of the good reply. */
  readonly replyHeaders: readonly { readonly name: string; readonly description: string }[];
}

/** A header of the request, as an option of the client. */
export interface HeaderOption {
  readonly option: string;
  readonly header: string;
  readonly description: string;
  /** TypeScript: `boolean` where the contract takes the words `true` and `false`. */
  readonly type: "string" | "boolean";
  /** The contract says so in its description. */
  readonly isEncoded: boolean;
}

/** A parameter of the query, as an option of the client by the same name. */
export interface QueryOption {
  readonly option: string;
  readonly description: string;
  /** TypeScript. */
  readonly type: string;
}

const methods = ["get", "put", "post", "delete", "patch"];

export function readOperations(contract: Contract): Operation[] {
  return Object.entries(contract.paths).flatMap(([path, item]) => {
    const shared = (item["parameters"] ?? []) as readonly (Parameter | Reference)[];
    return methods.flatMap((method) => {
      const operation = item[method] as ContractOperation | undefined;
      return operation ? readOperation(contract, path, method, operation, shared) : [];
    });
  });
}

function readOperation(
  contract: Contract,
  path: string,
  method: string,
  operation: ContractOperation,
  shared: readonly (Parameter | Reference)[],
): Operation[] {
  const name = operation.operationId;
  const success = Object.entries(operation.responses).find(([status]) => status.startsWith("2"));
  if (!success) throw new Error(`${name} has no good reply.`);
  const [status, reply] = [success[0], resolve<Response>(contract, success[1])];
  const json = reply.content?.["application/json"];
  if (!json) return [];
  const stream = reply.content?.["text/event-stream"];
  const typeOf = (type: string, { schema }: Media): string =>
    schemaName(schema) ?? `operations["${name}"]["responses"]["${status}"]["content"]["${type}"]`;
  const body = operation.requestBody?.content["application/json"];
  const bodyName = body && schemaName(body.schema);
  if (operation.requestBody && !bodyName) throw new Error(`The body of ${name} is not JSON of a schema with a name.`);
  const parameters = [...shared, ...(operation.parameters ?? [])];
  return [
    {
      name,
      method: method.toUpperCase(),
      path,
      summary: operation.summary,
      description: operation.description?.trim() ?? "",
      pathParameters: parameters.map((each) => resolve<Parameter>(contract, each)).filter((each) => each.in === "path"),
      headerOptions: parameters.flatMap((each) => readHeaderOption(contract, each)),
      queryOptions: parameters.flatMap((each) => readQueryOption(resolve<Parameter>(contract, each))),
      ...(bodyName ? { body: bodyName } : {}),
      reply: typeOf("application/json", json),
      ...(stream ? { chunk: typeOf("text/event-stream", stream) } : {}),
      replyHeaders: Object.entries(reply.headers ?? {}).map(([header, each]) => ({
        name: header,
        description: resolve<Header>(contract, each).description?.trim() ?? "",
      })),
    },
  ];
}

/** The option has the parameter's name among the contract's components: `SessionKey` → `sessionKey`. */
function readHeaderOption(contract: Contract, parameter: Parameter | Reference): HeaderOption[] {
  const resolved = resolve<Parameter>(contract, parameter);
  const { in: place, name: header, description = "", schema } = resolved;
  if (place !== "header" || resolved["x-openclaw-changes-reply"]) return [];
  if (!("$ref" in parameter)) throw new Error(`The header ${header} is not among the contract's components, so it has no name of its own.`);
  const component = lastStep(parameter.$ref);
  const option = component[0]!.toLowerCase() + component.slice(1);
  const type = JSON.stringify(schema?.enum) === '["true","false"]' ? "boolean" : "string";
  return [{ option, header, type, description: description.trim(), isEncoded: /percent-encoded/i.test(description) }];
}

function readQueryOption({ in: place, name, description = "", schema = {} }: Parameter): QueryOption[] {
  if (place !== "query") return [];
  const type = schema.enum?.map((word) => JSON.stringify(word)).join(" | ") ?? typeScriptOf(schema.type ?? "string");
  return [{ option: name, description: description.trim(), type }];
}

/** Parameters of several keys are taken with text as their values. */
function typeScriptOf(type: string): string {
  return { integer: "number", object: "{ [key: string]: string }" }[type] ?? type;
}

function resolve<T extends object>(contract: Contract, value: T | Reference): T {
  if (!("$ref" in value)) return value;
  const [, , section = "", name = ""] = value.$ref.split("/");
  const found = contract.components[section]?.[name];
  if (!found) throw new Error(`The contract has no ${value.$ref}.`);
  return found as T;
}

/** The client's name of the schema: `Error` would hide JavaScript's own. */
export function typeName(schema: string): string {
  return schema === "Error" ? "ErrorReply" : schema;
}

function schemaName(schema: Partial<Reference> | undefined): string | undefined {
  return schema?.$ref === undefined ? undefined : typeName(lastStep(schema.$ref));
}

function lastStep(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1);
}
