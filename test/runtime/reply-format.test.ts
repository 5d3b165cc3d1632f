/** Which replies fit the form that was asked for, which schemas can be used, and what a hostile schema costs the others. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterAll, describe, expect, test } from "@jest/globals";
import { GatewayError } from "../../src/domain/errors.ts";
import type { JsonObject, ResponseFormat } from "../../src/domain/model.ts";
import { ReplyFormatChecker } from "../../src/runtime/reply-format.ts";

const checker = new ReplyFormatChecker();
afterAll(() => checker.close());

const signalOfACaller = (): AbortSignal => new AbortController().signal;
const ofSchema = (schema?: JsonObject): ResponseFormat => ({ type: "json_schema", name: "answer", ...(schema ? { schema } : {}) });
const jsonObject: ResponseFormat = { type: "json_object" };

async function failureOf(work: Promise<void>): Promise<GatewayError> {
  const thrown = await work.then(
    () => new Error("It fits."),
    (error: unknown) => error,
  );
  if (thrown instanceof GatewayError) return thrown;
  throw thrown;
}

const check = (text: string, format: ResponseFormat | undefined) => checker.check(text, format, signalOfACaller());
const fits = (text: string, format: ResponseFormat | undefined) => expect(check(text, format)).resolves.toBeUndefined();

async function mismatch(text: string, format: ResponseFormat): Promise<string> {
  const { code, param, message } = await failureOf(check(text, format));
  expect({ code, param }).toEqual({ code: "response_format_mismatch", param: "response_format" });
  const start = "The model's reply does not fit response_format: ";
  expect(message.startsWith(start)).toBe(true);
  return message.slice(start.length);
}

async function refusal(schema: JsonObject): Promise<string> {
  const { code, param, message } = await failureOf(checker.prepare(ofSchema(schema), signalOfACaller()));
  expect({ code, param }).toEqual({ code: "invalid_value", param: "response_format.json_schema.schema" });
  const start = "'response_format.json_schema.schema' cannot be used: ";
  expect(message.startsWith(start)).toBe(true);
  return message.slice(start.length);
}

/** Processes that are started while `work` is under way. */
async function processesStartedBy(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const onProcess = (): void => void count++;
  subscribe("child_process", onProcess);
  try {
    await work();
  } finally {
    unsubscribe("child_process", onProcess);
  }
  return count;
}

describe("without a form, or with the form text", () => {
  test.each([undefined, { type: "text" } as const])("any reply fits %j, and no process is started", async (format) => {
    const processes = await processesStartedBy(async () => {
      await checker.prepare(format, signalOfACaller());
      await fits("not JSON", format);
      await fits("", format);
    });
    expect(processes).toBe(0);
  });
});

describe("json_object", () => {
  test.each(["{}", ' \n{"a": [1]}\t', '{"__proto__": 1}'])("is %j", (text) => fits(text, jsonObject));

  test.each([
    ["", "it is not JSON."],
    ["Sure: {}", "it is not JSON."],
    ["```json\n{}\n```", "it is not JSON."],
    ['{"a": 1} {"b": 2}', "it is not JSON."],
    ["{'a': 1}", "it is not JSON."],
    ["\u{feff}{}", "it is not JSON."],
    ["[]", "it must be object."],
    ["null", "it must be object."],
    ['"{}"', "it must be object."],
  ])("is not %j", async (text, why) => {
    expect(await mismatch(text, jsonObject)).toBe(why);
  });

  test("needs no process", async () => {
    expect(await processesStartedBy(() => fits("{}", jsonObject))).toBe(0);
  });
});

describe("json_schema", () => {
  const person = ofSchema({
    type: "object",
    properties: { name: { type: "string" }, age: { type: "integer" } },
    required: ["name"],
    additionalProperties: false,
  });

  test("without a schema is any JSON", async () => {
    await fits("[1]", ofSchema());
    await fits(" null ", ofSchema({}));
    expect(await mismatch("[1", ofSchema())).toBe("it is not JSON.");
    expect(await mismatch("", ofSchema({}))).toBe("it is not JSON.");
  });

  test("takes what fits", async () => {
    await fits('{"name":"Ada"}', person);
    await fits('\n {"age":36, "name":"Ada"} \n', person);
  });

  test.each([
    ['{"name":7}', "'/name' must be string."],
    ['{"age":1}', "it must have required property 'name'."],
    ["[]", "it must be object."],
    ['{"name":"Ada","age":1.5}', "'/age' must be integer."],
    ['{"name":"Ada","secret of the reply":1}', "it must NOT have additional properties."],
    ['{"name":"Ada"', "it is not JSON."],
    ['```json\n{"name":"Ada"}\n```', "it is not JSON."],
  ])("says what is wrong with %s", async (text, why) => {
    expect(await mismatch(text, person)).toBe(why);
  });

  test("says the deepest thing that is wrong, and sums up several of the same depth", async () => {
    const nullable = ofSchema({
      properties: { a: { anyOf: [{ type: "object", properties: { b: { type: "string" } } }, { type: "null" }] } },
    });
    expect(await mismatch('{"a":{"b":1}}', nullable)).toBe("'/a/b' must be string.");
    const either = ofSchema({ properties: { a: { anyOf: [{ type: "string" }, { type: "null" }] } } });
    expect(await mismatch('{"a":1}', either)).toBe("'/a' must match a schema in anyOf.");
  });

  test("never says words of the reply, and never much", async () => {
    const map = ofSchema({ properties: { "a/b": { type: "array", items: { additionalProperties: { type: "string" } } } } });
    expect(await mismatch('{"a/b":[{"x":"1"},{"a secret":2}]}', map)).toBe("'/a~1b/1/*' must be string.");
    const long = await mismatch('"x"', ofSchema({ pattern: `^${"🌍".repeat(1000)}$` }));
    expect(Array.from(long)).toHaveLength(302);
    expect(long.isWellFormed()).toBe(true);
  });

  test("is not fooled by what every object inherits", async () => {
    const inherited = {
      required: ["constructor", "__proto__"],
      additionalProperties: false,
      properties: { constructor: {}, toString: false },
    };
    expect(await mismatch("{}", ofSchema(inherited))).toBe("it must have required property 'constructor'.");
    expect(await mismatch('{"__proto__":{"admin":true}}', ofSchema({ type: "object", additionalProperties: false }))).toBe(
      "it must NOT have additional properties.",
    );
    await fits('{"__proto__":{"admin":true}}', ofSchema({ type: "object" }));
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test("knows formats, and lets unknown ones and unknown keywords pass", async () => {
    const known = ofSchema({ type: "string", format: "date" });
    await fits('"2026-02-28"', known);
    expect(await mismatch('"2026-02-30"', known)).toBe('it must match format "date".');
    await fits('"x"', ofSchema({ type: "string", format: "colour", "x-note": { deep: true } }));
  });

  test("is read as draft 2020-12, or as draft 07 when it says so", async () => {
    const tuple = { items: [{ type: "string" }, { type: "integer" }] };
    for (const $schema of ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft-06/schema"]) {
      const format = ofSchema({ $schema, ...tuple });
      await checker.prepare(format, signalOfACaller());
      await fits('["a",1]', format);
      expect(await mismatch('["a","b"]', format)).toBe("'/1' must be integer.");
    }
    expect(await refusal(tuple)).toBe("'/items' must be object,boolean.");
    expect(await mismatch("[1]", ofSchema({ prefixItems: [{ type: "string" }] }))).toBe("'/0' must be string.");
  });

  test("may have patterns that are none in Unicode", async () => {
    const phone = ofSchema({ type: "string", pattern: "^\\d{3}\\-\\d{4}$" });
    await checker.prepare(phone, signalOfACaller());
    await fits('"555-1234"', phone);
    expect(await mismatch('"5551234"', phone)).toBe('it must match pattern "^\\d{3}\\-\\d{4}$".');
  });

  test("may refer to itself", async () => {
    const tree = ofSchema({ $ref: "#/$defs/node", $defs: { node: { type: "object", properties: { next: { $ref: "#/$defs/node" } } } } });
    await checker.prepare(tree, signalOfACaller());
    await fits('{"next":{"next":{}}}', tree);
    expect(await mismatch('{"next":{"next":1}}', tree)).toBe("'/next/next' must be object.");
  });
});

describe("a schema cannot be used", () => {
  test.each<[JsonObject, string]>([
    [{ type: "strin" }, `'/type' must be one of: "array", "boolean", "integer", "null", "number", "object", "string".`],
    [{ properties: { a: { minLength: "5" } } }, "'/properties/a/minLength' must be integer."],
    [{ pattern: "(" }, "Invalid regular expression: /(/: Unterminated group."],
    [{ $ref: "#/$defs/nobody" }, "can't resolve reference #/$defs/nobody from id #."],
    [{ $ref: "https://example.com/schema.json" }, "can't resolve reference https://example.com/schema.json from id #."],
    [
      { $ref: "https://json-schema.org/draft/2020-12/schema" },
      "can't resolve reference https://json-schema.org/draft/2020-12/schema from id #.",
    ],
    [{ $ref: "file:///etc/passwd" }, "can't resolve reference file:///etc/passwd from id #."],
    [{ $schema: 7 }, "'/$schema' must be string."],
    [{ $async: true, type: "string" }, "'/$async' is not JSON Schema."],
    [{ $schema: "http://json-schema.org/draft-07/schema#", required: "a" }, "'/required' must be array."],
  ])("that reads %j", async (schema, why) => {
    expect(await refusal(schema)).toBe(why);
    // Whoever skipped the preparation is told as well.
    expect(await mismatch("{}", ofSchema(schema))).toBe(why);
  });

  test("one that can be is prepared without a word", async () => {
    await expect(checker.prepare(ofSchema({ type: "object" }), signalOfACaller())).resolves.toBeUndefined();
    await expect(checker.prepare(ofSchema(), signalOfACaller())).resolves.toBeUndefined();
    await expect(checker.prepare(jsonObject, signalOfACaller())).resolves.toBeUndefined();
  });
});

const slow = ofSchema({ type: "string", pattern: "^(a+)+$" });
const slowText = JSON.stringify(`${"a".repeat(60)}!`);

describe("a hostile schema", () => {
  const tooLong = "the schema takes too long, or too much memory, to check.";

  test("whose pattern never ends is stopped, and what waits behind it is not harmed", async () => {
    let beats = 0;
    const heart = setInterval(() => beats++, 10);
    const waiting = [mismatch(slowText, slow), mismatch(slowText, slow), fits("1", ofSchema({ type: "number" }))] as const;
    const [first, second] = await Promise.all(waiting);
    clearInterval(heart);
    expect([first, second]).toEqual([tooLong, tooLong]);
    expect(beats).toBeGreaterThan(10);
    await fits('"aaa"', slow);
  });

  test("whose references double forty times can be used, but is stopped", async () => {
    const twice = (name: string) => ({ allOf: [{ $ref: `#/$defs/${name}` }, { $ref: `#/$defs/${name}` }] });
    const links = Array.from({ length: 40 }, (_, n) => [`d${n}`, twice(`d${n + 1}`)] as const);
    const schema = { ...twice("d0"), $defs: { ...Object.fromEntries(links), d40: { type: "string" } } };
    await checker.prepare(ofSchema(schema), signalOfACaller());
    expect(await mismatch('"a"', ofSchema(schema))).toBe(tooLong);
  });

  test("that refers to itself and nothing else is stopped", async () => {
    expect(await mismatch("1", ofSchema({ $ref: "#" }))).toBe("to check it by its schema leads too deep.");
    expect(await mismatch(`${"[".repeat(1e6)}${"]".repeat(1e6)}`, ofSchema({ items: { $ref: "#" } }))).toBe(
      "to check it by its schema leads too deep.",
    );
  });

  test("whose caller goes away is stopped at once, also while it waits", async () => {
    const reason = new Error("The caller went away.");
    const caller = new AbortController();
    const running = checker.check(slowText, slow, caller.signal);
    const waiting = checker.prepare(ofSchema({ type: "string" }), caller.signal);
    caller.abort(reason);
    await expect(running).rejects.toBe(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(checker.check("{}", slow, caller.signal)).rejects.toBe(reason);
  });
});

describe("many schemas", () => {
  test("with one and the same $id are each judged by their own words, in one process", async () => {
    const many = Array.from({ length: 500 }, (_, n) => ofSchema({ $id: "https://example.com/same", const: n }));
    await fits("1", ofSchema({ type: "number" }));
    const processes = await processesStartedBy(async () => {
      const whys = await Promise.all(many.map((format, n) => (n % 2 === 0 ? check(String(n), format) : mismatch("-1", format))));
      expect(new Set(whys)).toEqual(new Set([undefined, "it must be equal to constant."]));
    });
    expect(processes).toBe(0);
  });

  test("are checked by a process that the first of them starts and closing ends", async () => {
    const own = new ReplyFormatChecker();
    let running = 0;
    const onProcess = (message: unknown): void => {
      running++;
      (message as { process: NodeJS.EventEmitter }).process.once("exit", () => running--);
    };
    subscribe("child_process", onProcess);
    try {
      await own.prepare(jsonObject, signalOfACaller());
      expect(running).toBe(0);
      await own.prepare(ofSchema({}), signalOfACaller());
      await own.check("1", ofSchema({}), signalOfACaller());
      expect(running).toBe(1);
      const unfinished = own.check(slowText, slow, signalOfACaller());
      const ending = expect(unfinished).rejects.toThrow();
      await own.close();
      await ending;
      expect(running).toBe(0);
    } finally {
      unsubscribe("child_process", onProcess);
    }
  });
});
