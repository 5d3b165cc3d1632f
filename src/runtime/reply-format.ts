/**
 * Whether a finished reply has the form its caller asked for with `response_format`.
 *
 * Deliberately absent: mending. A reply in a code fence, or with a word before its JSON, does not fit. Nor is a compiled
 * schema kept: schemas are their callers', and there is no end of them.
 */
import { GatewayError } from "../domain/errors.ts";
import type { JsonObject, ResponseFormat } from "../domain/model.ts";
import type { SchemaTask } from "./schema-check-worker.ts";
import { SchemaChecker } from "./schema-checker.ts";
import { WorkerStopped } from "./worker-process.ts";

export class ReplyFormatChecker {
  readonly #schemas: SchemaChecker;

  constructor(schemas = new SchemaChecker()) {
    this.#schemas = schemas;
  }

  /** Rejects with `invalid_value` (`param` `response_format.json_schema.schema`) when the schema cannot be used. */
  async prepare(format: ResponseFormat | undefined, signal: AbortSignal): Promise<void> {
    const schema = schemaOf(format);
    if (schema === undefined) return;
    const why = await this.#findFault({ schema }, signal);
    if (why === undefined) return;
    const param = "response_format.json_schema.schema";
    throw new GatewayError("invalid_value", `'${param}' cannot be used: ${why}.`, { param });
  }

  /** Rejects with `response_format_mismatch` (`param` `response_format`) when `text` does not fit. */
  async check(text: string, format: ResponseFormat | undefined, signal: AbortSignal): Promise<void> {
    if (format === undefined || format.type === "text") return;
    const schema = schemaOf(format);
    const why = schema === undefined ? findFaultOfJson(text, format.type) : await this.#findFault({ schema, text }, signal);
    if (why === undefined) return;
    throw new GatewayError("response_format_mismatch", `The model's reply does not fit response_format: ${why}.`, {
      param: "response_format",
    });
  }

  close(): Promise<void> {
    return this.#schemas.close();
  }

  async #findFault(task: SchemaTask, signal: AbortSignal): Promise<string | undefined> {
    try {
      const verdict = await this.#schemas.check(task, signal);
      return verdict.fault && verdict.why;
    } catch (thrown) {
      if (!(thrown instanceof WorkerStopped)) throw thrown;
      return `the schema takes too long, or too much memory, to ${task.text === undefined ? "compile" : "check"}`;
    }
  }
}

function schemaOf(format: ResponseFormat | undefined): JsonObject | undefined {
  return format?.type === "json_schema" ? format.schema : undefined;
}

function findFaultOfJson(text: string, type: "json_object" | "json_schema"): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "it is not JSON";
  }
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return type === "json_object" && !isObject ? "it must be object" : undefined;
}
