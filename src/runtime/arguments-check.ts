/**
 * Whether the arguments a model made up fit the schema of the tool it calls.
 *
 * A schema whose check costs no more than reading it is compiled in place, by the first call. One with patterns or
 * references, which can take for ever, goes to a process that can be stopped. A schema that cannot be compiled, or takes
 * too long, checks nothing: the tool's server knows what it takes. No schema is fetched from anywhere.
 */
import type { ValidateFunction } from "ajv";
import type { JsonObject } from "../domain/model.ts";
import type { Tool } from "../domain/tool.ts";
import type { SchemaChecker } from "./schema-checker.ts";
import { WorkerStopped } from "./worker-process.ts";

/** Keywords whose cost is not bounded by the size of schema and arguments, or that change what the others mean. */
const costly = new Set(["pattern", "patternProperties", "$ref", "$dynamicRef", "$recursiveRef", "uniqueItems", "$async"]);
const maxPlainNodes = 2000;

export class ArgumentsCheck {
  readonly #schemas: SchemaChecker;
  /** Kept as long as the tool itself: a list of tools that has changed has new ones. */
  readonly #validators = new WeakMap<Tool, Promise<ValidateFunction | undefined>>();

  constructor(schemas: SchemaChecker) {
    this.#schemas = schemas;
  }

  /** What is wrong with `args`, as a clause; undefined when they fit. Rejects with the signal's reason. */
  async problemOf(args: JsonObject, tool: Tool, signal: AbortSignal): Promise<string | undefined> {
    const schema = tool.definition.parameters ?? {};
    return isPlain(schema) ? this.#problemHere(args, tool, schema) : this.#problemElsewhere(args, schema, signal);
  }

  async #problemHere(args: JsonObject, tool: Tool, schema: JsonObject): Promise<string | undefined> {
    const known = this.#validators.get(tool) ?? compile(schema);
    this.#validators.set(tool, known);
    const validate = await known;
    if (!validate || validate(args)) return undefined;
    const [error] = validate.errors ?? [];
    return `${error?.instancePath.slice(1) || "they"} ${error?.message ?? "do not fit the schema"}`;
  }

  async #problemElsewhere(args: JsonObject, schema: JsonObject, signal: AbortSignal): Promise<string | undefined> {
    try {
      const verdict = await this.#schemas.check({ schema, text: JSON.stringify(args) }, signal);
      return verdict.fault === "text" ? verdict.why : undefined;
    } catch (thrown) {
      if (thrown instanceof WorkerStopped) return undefined;
      throw thrown;
    }
  }
}

function isPlain(schema: JsonObject): boolean {
  const waiting: object[] = [schema];
  for (let count = 0; waiting.length > 0; count++) {
    if (count > maxPlainNodes) return false;
    for (const [key, value] of Object.entries(waiting.pop()!)) {
      if (costly.has(key)) return false;
      if (typeof value === "object" && value !== null) waiting.push(value as object);
    }
  }
  return true;
}

async function compile({ $schema: dialect = "", ...rules }: JsonObject): Promise<ValidateFunction | undefined> {
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
