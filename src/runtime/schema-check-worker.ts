/**
 * Checks JSON against a caller's JSON Schema, where it can be stopped (`worker-process.ts`): patterns, references and
 * mere size let a schema take for ever, to compile as well as to apply.
 *
 * Deliberately absent: anything that outlives a task. Each schema gets an Ajv of its own, so that none fills a cache or
 * meets the `$id` of another; and references lead inside the schema only.
 */
import { parentPort } from "node:worker_threads";
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

export interface SchemaTask {
  readonly schema: { readonly [keyword: string]: unknown };
  /** The JSON to check. Absent: only whether the schema can be used. */
  readonly text?: string;
}

/** What is wrong, as the end of a sentence, and with which of the two. Nothing of the text's own words is in it. */
export type SchemaVerdict = { readonly fault?: undefined } | { readonly fault: "schema" | "text"; readonly why: string };

const maxWhyCharacters = 300;

const olderDraft = /^https?:\/\/json-schema\.org\/draft-0[67]\/schema#?$/;

// What schemas may look like never changes, so these two are kept.
const grammar = compileGrammar(new Ajv2020({ strict: false, logger: false }), "https://json-schema.org/draft/2020-12/schema");
const olderGrammar = compileGrammar(new Ajv({ strict: false, logger: false }), "http://json-schema.org/draft-07/schema");

const options: Options = {
  strict: false,
  logger: false,
  meta: false,
  validateSchema: false,
  // Else everything has the property "constructor".
  ownProperties: true,
  // Optimising pays for what is used many times.
  code: { optimize: false, regExp: Object.assign(readPattern, { code: "new RegExp" }) },
};

parentPort?.on("message", (task: SchemaTask) => parentPort?.postMessage(checkSchema(task)));

function checkSchema({ schema, text }: SchemaTask): SchemaVerdict {
  let validate: ValidateFunction;
  try {
    validate = compile(schema);
  } catch (thrown) {
    return { fault: "schema", why: shorten(thrown instanceof RangeError ? "it is too large" : (thrown as Error).message) };
  }
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: "text", why: "it is not JSON" };
  }
  try {
    if (validate(value)) return {};
  } catch (thrown) {
    if (thrown instanceof RangeError) return { fault: "text", why: "to check it by its schema leads too deep" };
    throw thrown;
  }
  return { fault: "text", why: describe(validate.errors ?? [], value, schema) };
}

function compile(schema: SchemaTask["schema"]): ValidateFunction {
  const isOlder = typeof schema["$schema"] === "string" && olderDraft.test(schema["$schema"]);
  const known = isOlder ? olderGrammar : grammar;
  if (!known(schema)) {
    const error = mostTelling(known.errors ?? []);
    throw new Error(`${error.instancePath === "" ? "it" : `'${error.instancePath}'`} ${wordsOf(error)}`);
  }
  const ajv = isOlder ? new Ajv(options) : new Ajv2020(options);
  addFormats.default(ajv);
  const validate = ajv.compile(schema);
  if ("$async" in validate) throw new Error("'/$async' is not JSON Schema");
  return validate;
}

function compileGrammar(ajv: Ajv | Ajv2020, id: string): ValidateFunction {
  const known = ajv.getSchema(id);
  if (!known) throw new Error(`Ajv no longer has ${id}.`);
  return known;
}

/** JSON Schema's patterns are Unicode ones; those that are wrong as such (`\-`) are widespread and mean the same without. */
function readPattern(pattern: string, flags: string): RegExp {
  try {
    return new RegExp(pattern, flags);
  } catch {
    return new RegExp(pattern);
  }
}

/** The deepest error is the one to mend; of several there, the last one sums the others up. */
function mostTelling(errors: readonly ErrorObject[]): ErrorObject {
  const depthOf = ({ instancePath }: ErrorObject): number => instancePath.split("/").length;
  const deepest = errors.reduce((chosen, error) => (depthOf(error) >= depthOf(chosen) ? error : chosen));
  // What a value may be is said by one of the branches that the last error sums up.
  return errors.find(({ keyword, instancePath }) => keyword === "enum" && instancePath === deepest.instancePath) ?? deepest;
}

function describe(errors: readonly ErrorObject[], value: unknown, schema: SchemaTask["schema"]): string {
  const error = mostTelling(errors);
  const place = placeOf(error.instancePath, value, schema);
  return shorten(`${place === "" ? "it" : `'${place}'`} ${wordsOf(error)}`);
}

function wordsOf({ keyword, message = "does not fit", params }: ErrorObject): string {
  if (keyword !== "enum") return message;
  return `must be one of: ${(params as { allowedValues: unknown[] }).allowedValues.map((value) => JSON.stringify(value)).join(", ")}`;
}

/** The path, with `*` for property names that the schema does not have: those are the reply's own words. */
function placeOf(path: string, value: unknown, schema: SchemaTask["schema"]): string {
  const names = new Set<string>();
  JSON.stringify(schema, (name, part: unknown) => {
    names.add(name);
    return part;
  });
  let at = value;
  const steps = path
    .split("/")
    .slice(1)
    .map((step) => {
      const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
      const isShown = Array.isArray(at) || names.has(name);
      at = (at as { [name: string]: unknown })[name];
      return isShown ? step : "*";
    });
  return steps.map((step) => `/${step}`).join("");
}

function shorten(text: string): string {
  const characters = Array.from(text.slice(0, 2 * maxWhyCharacters));
  return characters.length > maxWhyCharacters ? `${characters.slice(0, maxWhyCharacters).join("")}…` : text;
}
