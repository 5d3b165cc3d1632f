/**
 * Chat requests, made from the contract's own schema: as it stands, or without what the gateway refuses, and then bent:
 * members dropped, renamed, retyped, doubled, nested, blown up, rules broken. Everything follows from numbers that
 * fast-check draws, so one seed makes the same bodies again.
 */
import fc from "fast-check";
import { generateSync } from "json-schema-faker";
import { isObject, type Json, type JsonObject, object, type Place, placesIn, put, remove, valueAt } from "./fuzz-json.ts";
import { acceptedSchema, boundaryProbes, wholeSchema } from "./fuzz-schema.ts";
import { agentRules, bodyRules, nested, ownToolOfMain } from "./semantic-rules.ts";

/** What a body is made of. */
interface Plan {
  /** Made without what is refused, and its parts made to fit together. */
  readonly isAcceptable: boolean;
  readonly seed: number;
  /** How many of the optional fields are there. */
  readonly fullness: number;
  readonly model: string;
  readonly user: string | undefined;
  readonly isStreamed: boolean;
  readonly edits: readonly Edit[];
}

/** One change, somewhere in an area of the body. */
interface Edit {
  readonly area: Area;
  readonly at: number;
  readonly change: (place: Place, body: JsonObject) => void;
}

/** A part of the body that is wrong in ways of its own. `plant` puts one there where there is none. */
interface Area {
  readonly pattern: RegExp;
  readonly plant?: (body: JsonObject) => void;
}

const areas: readonly Area[] = [
  { pattern: /./ },
  { pattern: /^\w+$/ },
  { pattern: /^messages\/\d+$/ },
  { pattern: /^messages\/\d+\/content/, plant: (body) => addMessages(body, { role: "user", content: [{ type: "text", text: "hi" }] }) },
  { pattern: /^messages\/\d+\/tool_calls/, plant: (body) => addMessages(body, callOf("lookup"), resultOf("lookup")) },
  { pattern: /^tools(\/|$)/, plant: (body) => void (body["tools"] = [functionTool("lookup"), functionTool("search")]) },
  { pattern: /^tool_choice(\/|$)/, plant: offerTools },
  {
    pattern: /^response_format(\/|$)/,
    plant: (body) => void (body["response_format"] = { type: "json_schema", json_schema: { name: "colour", schema: { type: "object" } } }),
  },
];

/** Changes that leave an accepted body accepted, to where the gateway has more to do than to echo. */
const twists: readonly ((body: JsonObject) => void)[] = [
  offerTools,
  (body) => {
    offerTools(body);
    body["tool_choice"] = "required";
    addMessages(body, callOf("lookup"), resultOf("lookup"), { role: "user", content: "Look it up again." });
  },
  (body) => {
    offerTools(body);
    body["tool_choice"] = "auto";
    addMessages(body, { role: "user", content: "lookup and search, please" }, callOf("lookup"), resultOf("lookup"));
  },
  (body) => {
    offerTools(body);
    const tools = [{ type: "function", function: { name: "search" } }];
    body["tool_choice"] = { type: "allowed_tools", allowed_tools: { mode: "required", tools } };
  },
  (body) => {
    delete body["tool_choice"];
    body["tools"] = [{ type: "function", function: { name: "deep", parameters: { properties: nested(64) } } }];
    addMessages(body, { role: "user", content: "Use deep." });
  },
  (body) => addMessages(body, { role: "user", content: "What is (6 * 7) / 2?" }),
  (body) => addMessages(body, { role: "user", content: "Remember that my name is Ada." }),
  (body) =>
    Object.assign(body, { n: 1, logprobs: false, store: true, modalities: ["text"], response_format: { type: "text" }, audio: null }),
  (body) => Object.assign(body, { max_tokens: 1, stop: ["", "o", " "], parallel_tool_calls: false }),
  (body) => Object.assign(body, { stream: true, stream_options: { include_usage: true } }),
  (body) => Object.assign(body, { constructor: { prototype: {} }, toString: null, extra: nested(1000) }),
];

/** Sent by several requests, so that their messages meet in one session. */
export const sharedUser = "everybody";

export function chatBodies(): fc.Arbitrary<JsonObject> {
  return fc
    .record<Plan>({
      isAcceptable: weighted([3, true], [1, false]),
      seed: fc.nat({ max: 0x7fffffff }),
      fullness: fc.constantFrom(0.05, 0.3, 0.7),
      model: weighted(
        [6, "openclaw"],
        [2, "openclaw/default"],
        [2, "openclaw:main"],
        [2, "agent:Beta"],
        [2, "openclaw/beta"],
        [1, "openclaw/gamma"],
        [1, "gpt-4o"],
        [1, "agent:"],
        [1, ""],
      ),
      user: weighted([4, undefined], [2, "민지"], [1, "  "], [1, sharedUser]),
      isStreamed: weighted([2, false], [1, true]),
      edits: weightedArrays(edits()),
    })
    .map(makeBody);
}

function makeBody(plan: Plan): JsonObject {
  const schema = plan.isAcceptable ? acceptedSchema : wholeSchema;
  const made = generateSync(schema, { seed: plan.seed, optionalsProbability: plan.fullness, maxItems: 4, maxDepth: 30 });
  const body = object(made as Json);
  if (plan.isAcceptable) fitTogether(body);
  body["model"] = plan.model;
  delete body["user"];
  if (plan.user !== undefined) body["user"] = plan.user;
  if (plan.isStreamed) body["stream"] = true;
  for (const { area, at, change } of plan.edits) {
    const inArea = (): Place[] => placesIn(body).filter(({ path }) => area.pattern.test(path));
    if (inArea().length === 0) area.plant?.(body);
    const planted = inArea();
    const candidates = planted.length > 0 ? planted : placesIn(body);
    const place = candidates[at % candidates.length];
    if (place) change(place, body);
  }
  return body;
}

function edits(): fc.Arbitrary<Edit> {
  const twist =
    (change: (body: JsonObject) => void): Edit["change"] =>
    (_place, body) =>
      change(body);
  const changes = fc.oneof(
    { weight: 3, arbitrary: fc.constant(remove) },
    { weight: 2, arbitrary: fc.constantFrom("x", "_", " ", "S").map(renamer) },
    { weight: 6, arbitrary: values().map(replacer) },
    { weight: 3, arbitrary: values().map(inserter) },
    { weight: 1, arbitrary: fc.constantFrom(2, 5, 150).map(repeater) },
    { weight: 1, arbitrary: fc.constantFrom(1, 2).map(wrapper) },
    { weight: 8, arbitrary: fc.record({ probe: fc.constantFrom(...boundaryProbes), at: fc.nat() }).map(boundary) },
    { weight: 5, arbitrary: fc.constantFrom(...ruleBreakers).map(twist) },
    { weight: 4, arbitrary: fc.constantFrom(...twists).map(twist) },
  );
  return fc.record<Edit>({ area: fc.constantFrom(...areas), at: fc.nat({ max: 10_000 }), change: changes });
}

function functionTool(name: string): JsonObject {
  return { type: "function", function: { name, parameters: { type: "object", properties: { key: { type: "string" } } } } };
}

function offerTools(body: JsonObject): void {
  body["tools"] = [functionTool("lookup"), functionTool("search")];
  body["tool_choice"] = { type: "function", function: { name: "lookup" } };
}

function callOf(name: string): JsonObject {
  return { role: "assistant", content: null, tool_calls: [{ id: `call_${name}`, type: "function", function: { name, arguments: "{}" } }] };
}

function resultOf(name: string): JsonObject {
  return { role: "tool", tool_call_id: `call_${name}`, content: "42" };
}

function addMessages(body: JsonObject, ...messages: JsonObject[]): void {
  body["messages"] = [...(Array.isArray(body["messages"]) ? body["messages"] : []), ...messages];
}

const ruleBreakers = [...bodyRules, ...agentRules].flatMap((rule) => [
  (body: JsonObject) => rule.breakIt(body),
  ...(rule.breakItToo ? [(body: JsonObject) => rule.breakItToo?.(body)] : []),
]);

/** What stands where something else was expected. */
function values(): fc.Arbitrary<Json> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    {
      weight: 6,
      arbitrary: fc.constantFrom<Json>(
        true,
        false,
        [],
        {},
        [null],
        ["x"],
        [[]],
        [{}],
        { a: null },
        { type: "text" },
        { type: null },
        { type: [] },
        { role: {} },
      ),
    },
    {
      weight: 4,
      arbitrary: fc.constantFrom<Json>(
        0,
        -0,
        1,
        2,
        3,
        -1,
        -2,
        0.5,
        1.5,
        20,
        21,
        128,
        129,
        -100.5,
        2 ** 31,
        2 ** 53 + 2,
        1e300,
        -1e300,
        5e-324,
      ),
    },
    {
      weight: 6,
      arbitrary: fc.constantFrom<Json>(
        "",
        " ",
        "x",
        "text",
        "user",
        "function",
        "none",
        "required",
        "__proto__",
        "constructor",
        "\u0000",
        "\ud800",
        "🦀".repeat(40),
        "한국어",
        "What is 6 * 7?",
        "Remember that my name is Ada.",
        "a b",
        ownToolOfMain,
      ),
    },
    { weight: 1, arbitrary: fc.constantFrom(65, 513, 100_000).map((length) => "x".repeat(length)) },
    { weight: 1, arbitrary: fc.constantFrom(64, 65, 66, 1000).map(nested) },
    { weight: 1, arbitrary: fc.constantFrom(5, 17, 129, 2000).map((length) => Array.from({ length }, () => "x")) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(17, 2000).map((count) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, "x"]))),
    },
    { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json> },
  );
}

function boundary({ probe: { field, values }, at }: { probe: (typeof boundaryProbes)[number]; at: number }): Edit["change"] {
  return (_place, body) => void (body[field] = structuredClone(values[at % values.length]!));
}

function replacer(value: Json): Edit["change"] {
  return (place) => put(place, structuredClone(value));
}

function renamer(end: string): Edit["change"] {
  return (place) => {
    if (Array.isArray(place.parent)) return;
    const value = valueAt(place);
    remove(place);
    put({ parent: place.parent, key: place.key + end }, value);
  };
}

/** An item more in the list that the place is or is in; else a member more beside it. */
function inserter(value: Json): Edit["change"] {
  const strangeKeys = ["extra", "constructor", "toString", "name", "strict", "null", "", "__proto__"];
  return (place) => {
    const item = structuredClone(value);
    const here = valueAt(place);
    const list = Array.isArray(here) ? here : Array.isArray(place.parent) ? place.parent : undefined;
    if (list) list.splice(list.length / 2, 0, item);
    else put({ parent: isObject(here) ? here : place.parent, key: strangeKeys[place.path.length % strangeKeys.length]! }, item);
  };
}

function repeater(times: number): Edit["change"] {
  return (place) => {
    const here = valueAt(place);
    if (Array.isArray(here)) put(place, Array.from({ length: times }, () => structuredClone(here)).flat());
    else if (Array.isArray(place.parent)) place.parent.push(...Array.from({ length: times - 1 }, () => structuredClone(here)));
  };
}

function wrapper(levels: number): Edit["change"] {
  return (place) => {
    let value = valueAt(place);
    for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { value };
    put(place, value);
  };
}

/** What the schema alone cannot say: tools that are named exist, results have their calls, messages have content. */
function fitTogether(body: JsonObject): void {
  const tools = Array.isArray(body["tools"]) ? body["tools"].map((tool, index) => named(object(tool), `tool_${index}`)) : [];
  if (body["stream_options"] != null) body["stream"] = true;
  const choice = body["tool_choice"];
  const first = tools[0];
  if (first === undefined) delete body["tool_choice"];
  else if (isObject(choice)) {
    const target = { type: "function", function: { name: first } };
    if (choice["type"] === "function") body["tool_choice"] = target;
    else object(choice["allowed_tools"])["tools"] = [target];
  }
  let waiting: Json[] = [];
  for (const message of body["messages"] as JsonObject[]) {
    if (message["role"] === "assistant") {
      const calls = Array.isArray(message["tool_calls"]) ? message["tool_calls"].map(object) : [];
      waiting = calls.map((call, index) => (call["id"] = `call_${index}`));
      if (calls.length === 0) message["content"] ??= "Well.";
    } else if (message["role"] === "tool") {
      const id = waiting.shift();
      if (id === undefined) message["role"] = "user";
      else message["tool_call_id"] = id;
    }
  }
}

function named(tool: JsonObject, name: string): string {
  object(tool["function"])["name"] = name;
  return name;
}

function weighted<T>(...choices: readonly (readonly [weight: number, value: T])[]): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));
}

/** Mostly one edit: a body that is wrong in many places is refused for the first. */
function weightedArrays<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant<T[]>([]) },
    { weight: 6, arbitrary: fc.array(arbitrary, { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.array(arbitrary, { minLength: 2, maxLength: 4 }) },
  );
}
