/** The answer piece by piece, and what it cost. */
import { ClawgateError, createClawgateClient } from "@clawgate/client";

const client = createClawgateClient({ baseUrl: process.env["CLAWGATE_URL"], token: process.env["CLAWGATE_TOKEN"] });

try {
  const stream = await client.streamChatCompletion({
    model: "openclaw",
    messages: [{ role: "user", content: "hi" }],
    stream_options: { include_usage: true },
  });
  for await (const chunk of stream) {
    process.stdout.write(chunk.choices[0]?.delta.content ?? "");
    if (chunk.usage) console.log(`\n(${chunk.usage.total_tokens} tokens, run ${stream.headers.runId})`);
  }
} catch (error) {
  if (!(error instanceof ClawgateError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
