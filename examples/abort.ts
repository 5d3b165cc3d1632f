/** An answer that is not wanted to its end: the gateway stops the agent and lets go of the language model at once. */
import { createClawgateClient } from "@clawgate/client";

const client = createClawgateClient({ baseUrl: process.env["CLAWGATE_URL"], token: process.env["CLAWGATE_TOKEN"] });

const controller = new AbortController();
try {
  const stream = await client.streamChatCompletion(
    { model: "openclaw", messages: [{ role: "user", content: "Tell me everything." }] },
    { signal: controller.signal },
  );
  for await (const chunk of stream) {
    const text = chunk.choices[0]?.delta.content;
    if (!text) continue;
    console.log(`It began with “${text.trim()}”.`);
    controller.abort();
  }
} catch (error) {
  if (!controller.signal.aborted) throw error;
  console.log("Aborted.");
}
