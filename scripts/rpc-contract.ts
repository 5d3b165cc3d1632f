/**
 * asyncapi.yaml → what the WebSocket face needs of it: its schemas with a table of methods and events, and types of both.
 *
 * The types come from openapi-typescript, which knows schemas and not AsyncAPI: it is given them as those of an OpenAPI
 * document that has nothing else.
 */
import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";

interface Reference {
  readonly $ref: string;
}

interface Operation {
  readonly action: "receive" | "send";
  readonly "x-openclaw-scope"?: string;
  readonly messages: readonly [Reference];
  readonly reply?: { readonly messages: readonly Reference[] };
}

interface Message {
  readonly name: string;
  readonly payload: Reference & { readonly properties: { readonly [name: string]: Reference } };
}

interface AsyncApi {
  readonly operations: { readonly [id: string]: Operation };
  readonly channels: { readonly gateway: { readonly messages: { readonly [name: string]: Reference } } };
  readonly components: { readonly messages: { readonly [name: string]: Message }; readonly schemas: { readonly [name: string]: object } };
}

interface Method {
  readonly params: string;
  /** Sent before the result. */
  readonly ack?: string;
  readonly result: string;
  readonly scope?: string;
}

/** Names of schemas, by methods and events. */
interface Tables {
  readonly methods: { readonly [method: string]: Method };
  readonly events: { readonly [event: string]: string };
}

export interface RpcContract {
  /** For validation: the tables, and the schemas without their prose. */
  readonly json: object;
  readonly types: string;
}

export async function rpcContract(document: object): Promise<RpcContract> {
  const { schemas } = (document as AsyncApi).components;
  const tables = readTables(document as AsyncApi);
  const openapi = { openapi: "3.1.0", info: { title: "", version: "" }, paths: {}, components: { schemas } } as OpenAPI3;
  const nodes = await openapiTS(openapi, { defaultNonNullable: false });
  const head = "// Generated from asyncapi.yaml by `npm run generate`. Do not edit.\n\n";
  const json = { ...tables, schemas: JSON.parse(JSON.stringify(schemas, withoutProse)) as object };
  return { json, types: `${head}${astToString(nodes).trimEnd()}\n${tableTypes(tables)}` };
}

function readTables({ operations, channels, components }: AsyncApi): Tables {
  const messageAt = ({ $ref }: Reference): Message => components.messages[lastOf(channels.gateway.messages[lastOf($ref)]!.$ref)]!;
  const methods: { [method: string]: Method } = {};
  const events: { [event: string]: string } = {};
  for (const { action, messages, reply, "x-openclaw-scope": scope } of Object.values(operations)) {
    const { name, payload } = messageAt(messages[0]);
    if (action === "send" && payload.properties?.["event"]) events[name] = lastOf(payload.properties["payload"]!.$ref);
    if (action === "send" || !reply) continue;
    const replies = reply.messages.map((one) => lastOf(messageAt(one).payload.properties["payload"]!.$ref));
    const [ack] = replies.slice(0, -1);
    methods[name] = {
      params: lastOf(payload.properties["params"]!.$ref),
      ...(ack === undefined ? {} : { ack }),
      result: replies.at(-1)!,
      ...(scope === undefined ? {} : { scope }),
    };
  }
  return { methods, events };
}

function tableTypes({ methods, events }: Tables): string {
  const schema = (name: string | undefined): string => (name === undefined ? "never" : `components["schemas"]["${name}"]`);
  const methodLines = Object.entries(methods).map(
    ([name, { params, ack, result }]) =>
      `    "${name}": {\n        params: ${schema(params)};\n        ack: ${schema(ack)};\n        result: ${schema(result)};\n    };`,
  );
  const eventLines = Object.entries(events).map(([name, payload]) => `    "${name}": ${schema(payload)};`);
  return `export interface methods {\n${methodLines.join("\n")}\n}\nexport interface events {\n${eventLines.join("\n")}\n}\n`;
}

function lastOf(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

function withoutProse(key: string, value: unknown): unknown {
  return key === "description" && typeof value === "string" ? undefined : value;
}
