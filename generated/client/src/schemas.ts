// Generated from openapi.yaml by `npm run generate`. Do not edit.

/** The contract's schemas by name. */
import type { components } from "./openapi.js";

export type ChatCompletionRequest = components["schemas"]["ChatCompletionRequest"];
export type StreamOptions = components["schemas"]["StreamOptions"];
export type RequestMessage = components["schemas"]["RequestMessage"];
export type DeveloperMessage = components["schemas"]["DeveloperMessage"];
export type SystemMessage = components["schemas"]["SystemMessage"];
export type UserMessage = components["schemas"]["UserMessage"];
export type AssistantMessage = components["schemas"]["AssistantMessage"];
export type ToolMessage = components["schemas"]["ToolMessage"];
export type FunctionMessage = components["schemas"]["FunctionMessage"];
export type UserContentPart = components["schemas"]["UserContentPart"];
export type AssistantContentPart = components["schemas"]["AssistantContentPart"];
export type TextContentPart = components["schemas"]["TextContentPart"];
export type TextPart = components["schemas"]["TextPart"];
export type ImagePart = components["schemas"]["ImagePart"];
export type AudioPart = components["schemas"]["AudioPart"];
export type FilePart = components["schemas"]["FilePart"];
export type RefusalPart = components["schemas"]["RefusalPart"];
export type PromptCacheBreakpoint = components["schemas"]["PromptCacheBreakpoint"];
export type RequestToolCall = components["schemas"]["RequestToolCall"];
export type FunctionToolCall = components["schemas"]["FunctionToolCall"];
export type CustomToolCall = components["schemas"]["CustomToolCall"];
export type Tool = components["schemas"]["Tool"];
export type FunctionTool = components["schemas"]["FunctionTool"];
export type CustomTool = components["schemas"]["CustomTool"];
export type ToolChoice = components["schemas"]["ToolChoice"];
export type NamedToolChoice = components["schemas"]["NamedToolChoice"];
export type AllowedToolsChoice = components["schemas"]["AllowedToolsChoice"];
export type CustomToolChoice = components["schemas"]["CustomToolChoice"];
export type ResponseFormat = components["schemas"]["ResponseFormat"];
export type TextFormat = components["schemas"]["TextFormat"];
export type JsonObjectFormat = components["schemas"]["JsonObjectFormat"];
export type JsonSchemaFormat = components["schemas"]["JsonSchemaFormat"];
export type ChatCompletion = components["schemas"]["ChatCompletion"];
export type ResponseMessage = components["schemas"]["ResponseMessage"];
export type FinishReason = components["schemas"]["FinishReason"];
export type Usage = components["schemas"]["Usage"];
export type ChatCompletionChunk = components["schemas"]["ChatCompletionChunk"];
export type ChunkDelta = components["schemas"]["ChunkDelta"];
export type ChunkToolCall = components["schemas"]["ChunkToolCall"];
export type Model = components["schemas"]["Model"];
export type ModelList = components["schemas"]["ModelList"];
export type Health = components["schemas"]["Health"];
export type Readiness = components["schemas"]["Readiness"];
export type ErrorReply = components["schemas"]["Error"];
