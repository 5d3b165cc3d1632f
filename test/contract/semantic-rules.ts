/**
 * What the contract asks of a chat request only in prose, as a table: for each rule where the contract says it, how a
 * body that fits the schema breaks it, and how to make one that does. The fuzz test takes its verdicts and its crooked
 * bodies from here.
 *
 * Deliberately absent: shapes and bounds, which are the schema's, and any import from src: this is a second opinion.
 */
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { isObject, type Json, type JsonObject, member, textAt } from "./fuzz-json.ts";

/** The agents of the gateway that is asked, and the tool that `main`, its default agent, has of its own. */
export const agents = ["main", "beta"];
export const ownToolOfMain = "calculator";

export interface Rule {
  readonly name: string;
  /** Schemas and properties (`Schema.property`) that the contract marks as refused. Bodies that shall be accepted are made without. */
  readonly refuses?: readonly string[];
  /** Other places where the contract says `refused` and means this rule. */
  readonly statedAt?: readonly string[];
  /** Schemas that are not refused by the contract, and yet not accepted here. */
  readonly avoids?: readonly string[];
  /** `body` fits the schema. */
  readonly isBroken: (body: JsonObject) => boolean;
  /** Makes an accepted body break this rule. */
  readonly breakIt: (body: JsonObject) => void;
  /** The same in another way, where one is not enough. */
  readonly breakItToo?: (body: JsonObject) => void;
}

const refusedFields = [
  "top_logprobs",
  "audio",
  "prediction",
  "web_search_options",
  "moderation",
  "prompt_cache_options",
  "functions",
  "function_call",
];
const refusedSamples: JsonObject = { top_logprobs: 2, functions: [{ name: "f" }], function_call: "auto" };

function refusedField(field: string): Rule {
  return {
    name: `'${field}' is refused`,
    refuses: [`ChatCompletionRequest.${field}`],
    isBroken: (body) => member(body, field) != null,
    breakIt: (body) => void (body[field] = refusedSamples[field] ?? {}),
  };
}

/** A field of which one value is fine and the others are refused. */
function refusedValue(field: string, isRefused: (value: Json) => boolean, sample: Json): Rule {
  return {
    name: `'${field}' ${JSON.stringify(sample)} is refused`,
    refuses: [`ChatCompletionRequest.${field}`],
    isBroken: (body) => isRefused(member(body, field) ?? null),
    breakIt: (body) => void (body[field] = sample),
  };
}

/** Told from the body alone, before it matters which agent is meant. */
export const bodyRules: readonly Rule[] = [
  ...refusedFields.map(refusedField),
  refusedValue("n", (value) => value !== null && value !== 1, 2),
  refusedValue("logprobs", (value) => value === true, true),
  refusedValue("modalities", (value) => Array.isArray(value) && value.includes("audio"), ["text", "audio"]),
  {
    name: "'stream_options' needs 'stream': true",
    isBroken: (body) => member(body, "stream_options") != null && member(body, "stream") !== true,
    breakIt: (body) => Object.assign(body, { stream: false, stream_options: { include_usage: true } }),
  },
  {
    name: "messages with the role 'function' are refused",
    refuses: ["FunctionMessage"],
    isBroken: (body) => messagesOf(body).some(({ role }) => role === "function"),
    breakIt: (body) => addMessage(body, { role: "function", name: "f", content: "1" }),
  },
  {
    name: "parts of sound are refused",
    refuses: ["AudioPart"],
    statedAt: ["UserMessage.content"],
    isBroken: (body) => partsOf(body, "input_audio").length > 0,
    breakIt: (body) => addPart(body, { type: "input_audio", input_audio: { data: "UklGRg==", format: "wav" } }),
  },
  {
    name: "an image is a data: URL in base64 or an address",
    isBroken: (body) => partsOf(body, "image_url").some((part) => !isImageSource(textAt(objectAt(part, "image_url"), "url") ?? "")),
    breakIt: (body) => addPart(body, { type: "image_url", image_url: { url: "data:," } }),
    breakItToo: (body) => addPart(body, { type: "image_url", image_url: { url: "file:///etc/passwd" } }),
  },
  {
    name: "a file is there itself, in base64",
    isBroken: (body) =>
      partsOf(body, "file").some((part) => member(objectAt(part, "file"), "file_id") != null || bytesOfFile(part) === undefined),
    breakIt: (body) => addPart(body, { type: "file", file: { file_id: "file-1" } }),
    breakItToo: (body) => addPart(body, { type: "file", file: { file_data: "data:,milk" } }),
  },
  {
    name: "marks for the provider's cache are refused in every part",
    refuses: ["PromptCacheBreakpoint"],
    isBroken: (body) => partsOf(body, "text", "image_url", "file").some((part) => member(part, "prompt_cache_breakpoint") != null),
    breakIt: (body) => addPart(body, { type: "text", text: "hi", prompt_cache_breakpoint: {} }),
    breakItToo: (body) => addMessage(body, { role: "assistant", content: [{ type: "text", text: "hi", prompt_cache_breakpoint: {} }] }),
  },
  {
    name: "an assistant message has no sound",
    refuses: ["AssistantMessage.audio"],
    isBroken: (body) => messagesOf(body, "assistant").some((message) => member(message, "audio") != null),
    breakIt: (body) => addMessage(body, { role: "assistant", content: "hi", audio: { id: "audio_1" } }),
  },
  {
    name: "an assistant message has no 'function_call'",
    refuses: ["AssistantMessage.function_call"],
    isBroken: (body) => messagesOf(body, "assistant").some((message) => member(message, "function_call") != null),
    breakIt: (body) => addMessage(body, { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } }),
  },
  {
    name: "calls to custom tools are refused",
    refuses: ["CustomToolCall"],
    statedAt: ["AssistantMessage.tool_calls"],
    isBroken: (body) =>
      messagesOf(body, "assistant").some((message) => listOf(message, "tool_calls").some(({ type }) => type === "custom")),
    breakIt: (body) => addMessage(body, { role: "assistant", tool_calls: [{ type: "custom", id: "call_1" }] }),
  },
  {
    name: "an assistant message has content, tool calls or a refusal",
    isBroken: (body) =>
      messagesOf(body, "assistant").some(
        (message) => member(message, "content") == null && member(message, "refusal") == null && listOf(message, "tool_calls").length === 0,
      ),
    breakIt: (body) => addMessage(body, { role: "assistant", content: null, tool_calls: [] }),
  },
  {
    name: "custom tools are refused",
    refuses: ["CustomTool"],
    statedAt: ["ChatCompletionRequest.tools"],
    isBroken: (body) => listOf(body, "tools").some(({ type }) => type === "custom"),
    breakIt: (body) => setTools(body, [{ type: "custom", custom: { name: "f" } }]),
  },
  {
    name: "every tool has a name of its own",
    isBroken: (body) => new Set(toolNames(body)).size < toolNames(body).length,
    breakIt: (body) => setTools(body, [tool("twin"), tool("other"), tool("twin")]),
  },
  {
    name: "a JSON Schema is nested at most 64 levels deep",
    isBroken: (body) => schemasIn(body).some((schema) => depthOf(schema) > 64),
    breakIt: (body) => setTools(body, [{ type: "function", function: { name: "deep", parameters: { a: nested(65) } } }]),
    breakItToo: (body) => setSchemaOfReply(body, { a: nested(65) }),
  },
  {
    name: "the schema of a reply is at most 256 KiB long",
    isBroken: (body) => Buffer.byteLength(JSON.stringify(schemaOfReply(body))) > 256 * 1024,
    breakIt: (body) => setSchemaOfReply(body, { description: "가".repeat(90_000) }),
  },
  {
    name: "a tool can only be required if there are tools",
    statedAt: ["ChatCompletionRequest.tool_choice"],
    isBroken: (body) => member(body, "tool_choice") === "required" && toolNames(body).length === 0,
    breakIt: (body) => Object.assign(body, { tools: [], tool_choice: "required" }),
  },
  {
    name: "a tool choice names one of the tools",
    isBroken: (body) => chosenTools(body).some((name) => name === undefined || !toolNames(body).includes(name)),
    breakIt: (body) => void (body["tool_choice"] = { type: "function", function: { name: "nobody" } }),
    breakItToo: (body) => {
      setTools(body, [tool("known")]);
      body["tool_choice"] = { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [{ type: "function", name: "known" }] } };
    },
  },
  {
    name: "a custom tool cannot be chosen",
    refuses: ["CustomToolChoice"],
    statedAt: ["ChatCompletionRequest.tool_choice"],
    isBroken: (body) => choiceOf(body)["type"] === "custom",
    breakIt: (body) => void (body["tool_choice"] = { type: "custom", custom: { name: "f" } }),
  },
];

/** In a session, the call may be in its transcript. */
export const resultRule: Rule = {
  name: "a tool's result answers a call that waits for one",
  isBroken: hasUnaskedResult,
  breakIt: (body) => addMessage(body, { role: "tool", tool_call_id: "nobody-asked", content: "1" }),
};

/** Told only once the agent is known. */
export const agentRules: readonly Rule[] = [
  resultRule,
  {
    name: "a tool of the caller's is not named as one of the agent's own",
    isBroken: (body) => agentOf(body) === "main" && toolNames(body).includes(ownToolOfMain),
    breakIt: (body) => {
      body["model"] = "openclaw";
      setTools(body, [tool(ownToolOfMain)]);
    },
  },
  {
    name: "the built-in model takes no images",
    avoids: ["ImagePart"],
    isBroken: (body) => partsOf(body, "image_url").length > 0,
    breakIt: (body) => addPart(body, { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } }),
    breakItToo: (body) => addPart(body, { type: "image_url", image_url: { url: "https://example.com/cat.png" } }),
  },
  {
    name: "a file is text in UTF-8 or a PDF, and there are at most 8",
    avoids: ["FilePart"],
    isBroken: (body) => partsOf(body, "file").length > 8 || partsOf(body, "file").some((part) => !isText(bytesOfFile(part))),
    breakIt: (body) => addPart(body, { type: "file", file: { file_data: "/w==" } }),
    breakItToo: (body) => {
      for (let count = 0; count < 9; count++) addPart(body, { type: "file", file: { file_data: "bWlsaw==" } });
    },
  },
  {
    name: "a session key has at most 512 characters",
    isBroken: (body) => `agent:${agentOf(body)}:openai-user:${userOf(body)}`.length > 512,
    breakIt: (body) => void (body["user"] = "x".repeat(600)),
  },
  {
    name: "a session key has no control characters and no broken Unicode",
    // eslint-disable-next-line no-control-regex -- they are the rule
    isBroken: (body) => /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(userOf(body)) || !userOf(body).isWellFormed(),
    breakIt: (body) => void (body["user"] = "a\u0007b"),
  },
  {
    name: "a session needs a message to answer",
    isBroken: (body) => userOf(body) !== "" && messagesOf(body).every(({ role }) => role === "system" || role === "developer"),
    breakIt: (body) => Object.assign(body, { user: "somebody", messages: [{ role: "system", content: "Be brief." }] }),
  },
  {
    name: "the schema of a reply is one, and leads nowhere but into itself",
    isBroken: (body) => !isUsable(schemaOfReply(body)),
    breakIt: (body) => setSchemaOfReply(body, { $ref: "https://example.com/elsewhere.json" }),
    breakItToo: (body) => setSchemaOfReply(body, { type: "colour" }),
  },
];

/** The agent that `model` means; undefined if there is none. */
export function agentOf(body: JsonObject): string | undefined {
  const model = textAt(body, "model") ?? "";
  if (["openclaw", "openclaw/default", "openclaw:default"].includes(model)) return "main";
  const id = /^(?:openclaw[:/]|agent:)(.*)$/s.exec(model)?.[1]?.toLowerCase();
  return agents.find((agent) => agent === id);
}

export function userOf(body: JsonObject): string {
  const user = member(body, "user");
  return typeof user === "string" ? user.trim() : "";
}

export function nested(levels: number): Json {
  let value: Json = {};
  for (let level = 1; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

function tool(name: string): JsonObject {
  return { type: "function", function: { name } };
}

function setTools(body: JsonObject, tools: JsonObject[]): void {
  delete body["tool_choice"];
  body["tools"] = tools;
}

function addMessage(body: JsonObject, message: JsonObject): void {
  body["messages"] = [...messagesOf(body), message, { role: "user", content: "and now?" }];
}

function messagesOf(body: JsonObject, role?: string): JsonObject[] {
  return listOf(body, "messages").filter((message) => role === undefined || message["role"] === role);
}

function addPart(body: JsonObject, part: JsonObject): void {
  addMessage(body, { role: "user", content: [part] });
}

function partsOf(body: JsonObject, ...types: string[]): JsonObject[] {
  return messagesOf(body)
    .flatMap((message) => listOf(message, "content"))
    .filter(({ type }) => typeof type === "string" && types.includes(type));
}

function isImageSource(url: string): boolean {
  return bytesOfDataUrl(url) !== undefined || (/^https?:\/\//i.test(url) && URL.canParse(url));
}

function bytesOfFile(part: JsonObject): Buffer | undefined {
  const data = textAt(objectAt(part, "file"), "file_data") ?? "";
  return /^data:/i.test(data) ? bytesOfDataUrl(data) : bytesOfBase64(data);
}

function bytesOfDataUrl(url: string): Buffer | undefined {
  const [, data] = /^data:[^,]*;\s*base64\s*,(.*)$/is.exec(url) ?? [];
  return data === undefined ? undefined : bytesOfBase64(data);
}

/** Either alphabet, white space anywhere, padding right or left out; something must be in it. */
function bytesOfBase64(text: string): Buffer | undefined {
  const [, digits = "", padding = ""] = /^([A-Za-z0-9+/_-]+)(={0,2})$/.exec(text.replace(/\s/g, "")) ?? [];
  const isWhole = digits.length > 1 && digits.length % 4 !== 1 && (padding === "" || (digits.length + padding.length) % 4 === 0);
  return isWhole ? Buffer.from(digits, "base64") : undefined;
}

/** No PDF is ever drawn by chance. */
function isText(bytes: Buffer | undefined): boolean {
  return bytes !== undefined && bytes.equals(Buffer.from(bytes.toString("utf8"))) && !bytes.includes(0);
}

function toolNames(body: JsonObject): string[] {
  return listOf(body, "tools").flatMap((entry) => {
    const name = objectAt(entry, "function")["name"];
    return typeof name === "string" ? [name] : [];
  });
}

function schemasIn(body: JsonObject): Json[] {
  const ofTools = listOf(body, "tools").map((entry) => member(objectAt(entry, "function"), "parameters") ?? null);
  return [...ofTools, schemaOfReply(body)];
}

function schemaOfReply(body: JsonObject): Json {
  return member(objectAt(objectAt(body, "response_format"), "json_schema"), "schema") ?? null;
}

function setSchemaOfReply(body: JsonObject, schema: JsonObject): void {
  body["response_format"] = { type: "json_schema", json_schema: { name: "form", schema } };
}

function isUsable(schema: Json): boolean {
  if (!isObject(schema)) return true;
  const { $schema = "", ...rest } = schema;
  if (typeof $schema !== "string") return false;
  const options = { strict: false, logger: false } as const;
  try {
    (/draft-0[67]/.test($schema) ? new Ajv(options) : new Ajv2020(options)).compile(rest);
    return true;
  } catch {
    return false;
  }
}

function choiceOf(body: JsonObject): JsonObject {
  return objectAt(body, "tool_choice");
}

/** The names in `tool_choice`; undefined for an entry that is not of the form that names a function. */
function chosenTools(body: JsonObject): (string | undefined)[] {
  const choice = choiceOf(body);
  const nameIn = (entry: JsonObject): string | undefined => {
    const name = member(objectAt(entry, "function"), "name");
    return member(entry, "type") === "function" && typeof name === "string" ? name : undefined;
  };
  if (choice["type"] === "function") return [nameIn(choice)];
  return choice["type"] === "allowed_tools" ? listOf(objectAt(choice, "allowed_tools"), "tools").map(nameIn) : [];
}

/** Each result takes one of the calls of the last assistant message before it. */
function hasUnaskedResult(body: JsonObject): boolean {
  const waiting = new Set<Json>();
  for (const message of messagesOf(body)) {
    if (message["role"] === "assistant") {
      waiting.clear();
      for (const call of listOf(message, "tool_calls")) waiting.add(call["id"] ?? null);
    } else if (message["role"] === "tool" && !waiting.delete(message["tool_call_id"] ?? null)) return true;
  }
  return false;
}

/** `{}` and texts are 0 deep, `{a: {}}` is 1. */
function depthOf(value: Json): number {
  let depth = -1;
  for (let level: Json[] = [value]; level.length > 0; depth++) {
    level = level.flatMap((node) => (typeof node === "object" && node !== null ? Object.values(node) : []));
    level = level.filter((node) => typeof node === "object" && node !== null);
  }
  return depth;
}

function listOf(node: JsonObject, key: string): JsonObject[] {
  const value = member(node, key);
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function objectAt(node: JsonObject, key: string): JsonObject {
  const value = member(node, key);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
