/**
 * Whether the arguments a model made up fit the schema of the tool it calls.
 *
 * A schema that cannot be compiled checks nothing: the tool's server knows what it takes. Formats are not checked,
 * and no schema is fetched from anywhere.
 */
import type { ValidateFunction } from "ajv";
import type { JsonObject } from "../domain/model.ts";
import type { Tool } from "../domain/tool.ts";

type Schema = { readonly $schema?: unknown };

export class ArgumentsCheck {
  /** Kept as long as the tool itself: a list of tools that has changed has new ones. */
  readonly #validators = new WeakMap<Tool, Promise<ValidateFunction | undefined>>();

  /** What is wrong with `args`, as a clause; undefined when they fit. */
  async problemOf(args: JsonObject, tool: Tool): Promise<string | undefined> {
    const validate = await this.#validatorOf(tool);
    if (!validate || validate(args)) return undefined;
    const [error] = validate.errors ?? [];
    return `${error?.instancePath.slice(1) || "they"} ${error?.message ?? "do not fit the schema"}`;
  }

  /** Compiled by the first call: a run without tool calls does not wait for the validator. */
  #validatorOf(tool: Tool): Promise<ValidateFunction | undefined> {
    const known = this.#validators.get(tool) ?? compile(tool.definition.parameters ?? {});
    this.#validators.set(tool, known);
    return known;
  }
}

async function compile(schema: Schema): Promise<ValidateFunction | undefined> {
  const { $schema: dialect = "", ...rules } = schema;
  const options = { strict: false, validateFormats: false, logger: false } as const;
  // A compiler for each, because it remembers every `$id` and schema it has seen.
  const ajv = /draft-0[4-7]/.test(String(dialect))
    ? new (await import("ajv")).Ajv(options)
    : new (await import("ajv/dist/2020.js")).Ajv2020(options);
  try {
    return ajv.compile(rules);
  } catch {
    return undefined;
  }
}
