// Generated from openapi.yaml by `npm run generate`. Do not edit.

/** Everything that users of the client can name. */
export { createClawgateClient } from "./client.js";
export type * from "./client.js";
export type { ChunkStream } from "./chunk-stream.js";
export type { ClawgateClientOptions, RequestOptions } from "./connection.js";
export { ClawgateError } from "./errors.js";
export type { ClawgateErrorCode, ClawgateErrorType } from "./errors.js";
export type { components, operations, paths } from "./openapi.js";
export type { Reply, ReplyHeaders } from "./reply.js";
export type * from "./schemas.js";
