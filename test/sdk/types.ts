/**
 * What the client's types let a caller write and what not; `tsc` is the test runner, and this file is never run. It is
 * also compiled against the packed client, as a user's own file.
 */
import {
  ClawgateError,
  createClawgateClient,
  type ChatCompletionChunk,
  type ChunkStream,
  type Model,
  type RequestMessage,
} from "@clawgate/client";

const client = createClawgateClient({ baseUrl: "http://127.0.0.1:18789", token: "secret" });
const messages: RequestMessage[] = [{ role: "user", content: "hi" }];

export async function rightUse(signal: AbortSignal): Promise<void> {
  const completion = await client.createChatCompletion({ model: "openclaw", messages, temperature: 0.2, user: null });
  const text: string | null | undefined = completion.choices[0]?.message.content;
  // A reply can be sent back as it came.
  messages.push(completion.choices[0]!.message, { role: "user", content: [{ type: "text", text: text ?? "" }] });

  const options = { signal, headers: { "x-trace": "1" }, sessionKey: undefined, agentId: "beta", requestId: "one" };
  const stream: ChunkStream<ChatCompletionChunk> = await client.streamChatCompletion({ model: "openclaw", messages }, options);
  const key: string | undefined = stream.headers.sessionKey;
  for await (const chunk of stream) {
    const finish: "stop" | "length" | "tool_calls" | "content_filter" | null | undefined = chunk.choices[0]?.finish_reason;
    console.log(chunk.choices[0]?.delta.tool_calls?.[0]?.function.arguments, chunk.usage?.total_tokens, finish, key);
  }

  const { data, headers } = await client.listModels().withHeaders();
  const id: string | undefined = data.data[0]?.id;
  console.log(id, headers.requestId, headers.all.get("date"), (await client.getModel("openclaw/main")).created);
  const status: "ok" = (await client.getHealth()).status;
  const store: "ok" = (await client.getReadiness()).checks.store;
  console.log(status, store);
}

export function rightErrors(error: unknown): number | undefined {
  if (!(error instanceof ClawgateError)) throw error;
  const isBusy: boolean = error.code === "session_busy";
  return isBusy && error.isRetryable ? error.retryAfterMs : error.status;
}

export const wrongUse = [
  // @ts-expect-error -- `messages` is missing
  () => client.createChatCompletion({ model: "openclaw" }),
  // @ts-expect-error -- `model` is missing
  () => client.streamChatCompletion({ messages }),
  // @ts-expect-error -- no such role
  () => client.createChatCompletion({ model: "openclaw", messages: [{ role: "robot", content: "hi" }] }),
  // @ts-expect-error -- a user's message has content
  () => client.createChatCompletion({ model: "openclaw", messages: [{ role: "user" }] }),
  // @ts-expect-error -- a number
  () => client.createChatCompletion({ model: "openclaw", messages, temperature: "0.2" }),
  // @ts-expect-error -- no such field
  () => client.createChatCompletion({ model: "openclaw", messages, temprature: 0.2 }),
  // @ts-expect-error -- what is streamed has a function of its own
  () => client.createChatCompletion({ model: "openclaw", messages, stream: true }),
  // @ts-expect-error -- only streams have options
  () => client.createChatCompletion({ model: "openclaw", messages, stream_options: { include_usage: true } }),
  // @ts-expect-error -- and what is not streamed has the other one
  () => client.streamChatCompletion({ model: "openclaw", messages, stream: false }),
  // @ts-expect-error -- no such tool type
  () => client.createChatCompletion({ model: "openclaw", messages, tools: [{ type: "search" }] }),
  // @ts-expect-error -- the name of the agent is missing
  () => client.getModel(),
  // @ts-expect-error -- sessions are named for runs only
  () => client.listModels({ sessionKey: "kitchen" }),
  async () => {
    // @ts-expect-error -- a list is not a model
    const model: Model = await client.listModels();
    return model;
  },
];
