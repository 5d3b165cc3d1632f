/**
 * Holds the contract's wire types against those of the `openai` package; `tsc` is the test runner.
 * What the two do not share is listed by name, so that an upgrade of `openai` that adds or changes a field breaks the
 * build here and asks for a decision.
 *
 * Deliberately absent: bounds and patterns, which types do not have; the examples and the validator check those.
 */
import type OpenAI from "openai";
import type { components, operations } from "../../generated/openapi.ts";
import type { ErrorCode } from "../../src/domain/errors.ts";

type Schemas = components["schemas"];
type Theirs = OpenAI.Chat.ChatCompletionCreateParams;
type Ours = Schemas["ChatCompletionRequest"];

/** Fails to compile unless a `Sub` can stand wherever a `Super` is expected. */
type Assignable<Super, Sub extends Super> = [Super, Sub];
/** Both unions have the same members; otherwise the members that only one of them has. */
type Same<A, B> = [A, B] extends [B, A] ? true : { onlyFirst: Exclude<A, B>; onlySecond: Exclude<B, A> };
/** Fails to compile, naming what differs, unless both unions have the same members. */
type Expect<Difference extends true> = Difference;

// Every reply is one that the official client can read.
export type Replies = [
  Assignable<OpenAI.Chat.ChatCompletion, Schemas["ChatCompletion"]>,
  Assignable<OpenAI.Chat.ChatCompletionChunk, Schemas["ChatCompletionChunk"]>,
  Assignable<OpenAI.Chat.ChatCompletion[], Schemas["ChatCompletionList"]["data"]>,
  Assignable<OpenAI.Chat.ChatCompletionDeleted, Schemas["ChatCompletionDeleted"]>,
  // Theirs knows the role of a reply only, though it stands for a message of the request.
  Assignable<Omit<OpenAI.Chat.ChatCompletionStoreMessage, "role">, Schemas["ChatCompletionMessage"]>,
  Assignable<OpenAI.CompletionUsage, Schemas["Usage"]>,
  Assignable<OpenAI.Model, Schemas["Model"]>,
  Assignable<OpenAI.Model[], Schemas["ModelList"]["data"]>,
];

// Stored completions are asked for in the same words.
type Query<Id extends keyof operations> = NonNullable<operations[Id]["parameters"]["query"]>;
export type StoredCompletionRequests = [
  Expect<Same<keyof OpenAI.Chat.ChatCompletionListParams, keyof Query<"listChatCompletions">>>,
  Expect<Same<keyof OpenAI.Chat.Completions.MessageListParams, keyof Query<"listChatCompletionMessages">>>,
  Assignable<Schemas["ChatCompletionUpdate"], OpenAI.Chat.ChatCompletionUpdateParams>,
];

// The request has the same fields, none missing and none of our own.
export type RequestFields = Expect<Same<keyof Theirs, keyof Ours>>;

// Whatever the official client's types let a caller write, the contract takes: field by field, and as a whole.
type Shared = Extract<keyof Theirs, keyof Ours>;
type Narrower = { [K in Shared]-?: Theirs[K] extends Ours[K] ? never : K }[Shared];
export type NothingIsNarrower = Assignable<never, Narrower>;
export type WholeRequest = Assignable<Ours, Theirs>;

// The other way round, null aside: where the contract takes more than the official types describe.
type Wider = { [K in Shared]-?: NonNullable<Ours[K]> extends NonNullable<Theirs[K]> ? never : K }[Shared];
/** These are refused whatever is in them, so their insides are not prescribed. */
type RefusedUnseen = "audio" | "function_call" | "functions" | "moderation" | "prediction" | "prompt_cache_options" | "web_search_options";
/** In these a null inside equals an absent field too, and a part of them is refused unseen. */
type NullInside = "messages" | "response_format" | "stream_options" | "tool_choice" | "tools";
export type KnownWider = Expect<Same<RefusedUnseen | NullInside, Wider>>;

// The names inside the parts that are compared above only as a whole.
export type InnerNames = [
  Expect<Same<Theirs["messages"][number]["role"], Ours["messages"][number]["role"]>>,
  Expect<Same<keyof OpenAI.Chat.ChatCompletionUserMessageParam, keyof Schemas["UserMessage"]>>,
  Expect<Same<keyof OpenAI.Chat.ChatCompletionSystemMessageParam, keyof Schemas["SystemMessage"]>>,
  Expect<Same<keyof OpenAI.Chat.ChatCompletionDeveloperMessageParam, keyof Schemas["DeveloperMessage"]>>,
  Expect<Same<keyof OpenAI.Chat.ChatCompletionAssistantMessageParam, keyof Schemas["AssistantMessage"]>>,
  Expect<Same<keyof OpenAI.Chat.ChatCompletionToolMessageParam, keyof Schemas["ToolMessage"]>>,
  Expect<Same<keyof OpenAI.Chat.ChatCompletionFunctionMessageParam, keyof Schemas["FunctionMessage"]>>,
  Expect<Same<OpenAI.Chat.ChatCompletionContentPart["type"], Schemas["UserContentPart"]["type"]>>,
  Expect<Same<keyof OpenAI.Chat.ChatCompletionContentPartText, keyof Schemas["TextPart"]>>,
  Expect<Same<keyof OpenAI.Chat.ChatCompletionContentPartImage, keyof Schemas["ImagePart"]>>,
  Expect<Same<keyof OpenAI.Chat.ChatCompletionContentPartInputAudio, keyof Schemas["AudioPart"]>>,
  Expect<Same<keyof OpenAI.Chat.ChatCompletionContentPart.File, keyof Schemas["FilePart"]>>,
  Expect<Same<keyof OpenAI.FunctionDefinition, keyof Schemas["FunctionTool"]["function"]>>,
  Expect<Same<keyof OpenAI.ResponseFormatJSONSchema["json_schema"], keyof Schemas["JsonSchemaFormat"]["json_schema"]>>,
  Expect<Same<keyof OpenAI.Chat.ChatCompletionStreamOptions, keyof Schemas["StreamOptions"]>>,
  Expect<Same<keyof OpenAI.Chat.ChatCompletionAllowedTools, keyof Schemas["AllowedToolsChoice"]["allowed_tools"]>>,
];

// What their replies can have and ours never do, and what ours add.
type NotSent = Exclude<keyof OpenAI.Chat.ChatCompletion, keyof Schemas["ChatCompletion"]>;
type MessageNotSent = Exclude<keyof OpenAI.Chat.ChatCompletionMessage, keyof Schemas["ResponseMessage"]>;
type MessageAdded = Exclude<keyof Schemas["ResponseMessage"], keyof OpenAI.Chat.ChatCompletionMessage>;
type DeltaNotSent = Exclude<keyof OpenAI.Chat.ChatCompletionChunk.Choice.Delta, keyof Schemas["ChunkDelta"]>;
type DeltaAdded = Exclude<keyof Schemas["ChunkDelta"], keyof OpenAI.Chat.ChatCompletionChunk.Choice.Delta>;
export type KnownReplyGaps = [
  Expect<Same<"moderation" | "service_tier" | "system_fingerprint", NotSent>>,
  Expect<Same<"annotations" | "audio" | "function_call", MessageNotSent>>,
  Expect<Same<"reasoning_content", MessageAdded>>,
  Expect<Same<"function_call", DeltaNotSent>>,
  Expect<Same<"reasoning_content", DeltaAdded>>,
];

// The contract's error codes are the domain's.
export type ErrorCodes = Expect<Same<ErrorCode, Schemas["Error"]["error"]["code"]>>;

// None of this is vacuous: each kind of check fails where it should.
export type Negatives = [
  // @ts-expect-error a completion without its id is not one
  Assignable<OpenAI.Chat.ChatCompletion, Omit<Schemas["ChatCompletion"], "id">>,
  // @ts-expect-error a finish reason of our own would break clients
  Assignable<OpenAI.Chat.ChatCompletionChunk.Choice["finish_reason"], "error">,
  // @ts-expect-error a list of gaps that lacks one
  Expect<Same<"annotations" | "audio", MessageNotSent>>,
  // @ts-expect-error a list of gaps with one too many
  Expect<Same<RefusedUnseen | NullInside | "temperature", Wider>>,
  // @ts-expect-error a request without a model
  Assignable<Ours, Omit<OpenAI.Chat.ChatCompletionCreateParamsNonStreaming, "model">>,
];
