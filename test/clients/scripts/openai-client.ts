/**
 * The `openai` package on whatever Node runs this: `node openai-client.ts <base url> <token>`. What the gateway answered
 * goes to stdout as one line of JSON; judging it is the test's business.
 */
import OpenAI, { APIError } from "openai";
import type { ChatCompletionMessageParam, ChatCompletionTool } from "openai/resources/chat/completions";

const [baseURL = "", apiKey = ""] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages: ChatCompletionMessageParam[] = [{ role: "user", content: "How is Seoul?" }];
const tools: ChatCompletionTool[] = [
  { type: "function", function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } } },
];

const models: string[] = [];
for await (const { id } of client.models.list()) models.push(id);

const asked = await client.chat.completions.create({ model: "openclaw", messages, tools });
const call = asked.choices[0]!.message.tool_calls![0]!;
messages.push(asked.choices[0]!.message, { role: "tool", tool_call_id: call.id, content: "Sunny, 21 °C" });
const answered = await client.chat.completions.create({ model: "openclaw", messages, tools });

const pieces: string[] = [];
let usage: unknown;
const stream = await client.chat.completions.create({
  model: "openclaw",
  messages: [{ role: "user", content: "hi" }],
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  if (chunk.choices[0]?.delta.content) pieces.push(chunk.choices[0].delta.content);
  usage = chunk.usage ?? usage;
}

const sessionKeys: (string | null)[] = [];
for (const content of ["I am Ada.", "Who am I?"]) {
  const { response } = await client.chat.completions
    .create({ model: "openclaw", messages: [{ role: "user", content }], user: "ada" })
    .withResponse();
  sessionKeys.push(response.headers.get("x-openclaw-session-key"));
}

const refused: unknown = await client.chat.completions
  .create({ model: "openclaw:nobody", messages: [{ role: "user", content: "hi" }] })
  .catch((thrown: unknown) => (thrown instanceof APIError ? [thrown.constructor.name, thrown.status, thrown.code] : String(thrown)));

console.log(
  JSON.stringify({
    node: process.version,
    models,
    call: { finishReason: asked.choices[0]?.finish_reason, ...call },
    answer: answered.choices[0]?.message.content,
    pieces,
    usage,
    sessionKeys,
    refused,
  }),
);
