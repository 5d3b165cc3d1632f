/** What the agent does while it works on the answer: its turns, its own tools, and what the run came to. */
import { createClawgateClient } from "@clawgate/client";

const client = createClawgateClient({ baseUrl: process.env["CLAWGATE_URL"], token: process.env["CLAWGATE_TOKEN"] });

const stream = await client.streamChatCompletion(
  { model: "openclaw", messages: [{ role: "user", content: "What is 6 * 7?" }] },
  { events: true },
);
for await (const { choices, openclaw } of stream) {
  process.stdout.write(choices[0]?.delta.content ?? "");
  if (openclaw?.type === "turn_start") console.log(`asking ${openclaw.model}`);
  if (openclaw?.type === "tool_start") console.log(`using ${openclaw.name}`);
  if (openclaw?.type === "run_end") console.log(`\n${openclaw.turns} turns, ${openclaw.usage?.total_tokens} tokens`);
}
