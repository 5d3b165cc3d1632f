/** The contract says something about every field, header and parameter that a reader of its page meets. */
import { expect, test } from "@jest/globals";
import { contract } from "../support/contract-check.ts";

interface Schema {
  readonly description?: string;
  readonly const?: unknown;
  readonly $ref?: string;
  readonly properties?: { readonly [name: string]: Schema };
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}
type Described = { readonly [name: string]: { readonly description?: string } };
const { schemas, parameters, headers, responses } = contract["components"] as unknown as {
  schemas: { [name: string]: Schema };
  parameters: Described;
  headers: Described;
  responses: Described;
};

/** Fields without a word about them. A constant speaks for itself, and the inside of what is refused matters to nobody. */
function silentFields(schema: Schema, path: string): string[] {
  const isRefused = /^[^*]*\*\*Refused/.test(schema.description ?? "");
  if (isRefused) return [];
  const fields = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const isSilent = !field.description && field.$ref === undefined && field.const === undefined;
    return [...(isSilent ? [`${path}.${name}`] : []), ...silentFields(field, `${path}.${name}`)];
  });
  const inside = [...(schema.items ? [schema.items] : []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return [...fields, ...inside.flatMap((part) => silentFields(part, path))];
}

test("every field is described", () => {
  expect(Object.entries(schemas).flatMap(([name, schema]) => silentFields(schema, name))).toEqual([]);
});

test("every parameter, header and reply is described", () => {
  const silent = [parameters, headers, responses].flatMap((group) =>
    Object.entries(group).flatMap(([name, { description }]) => (description ? [] : [name])),
  );
  expect(silent).toEqual([]);
});
