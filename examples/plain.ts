/**
 * One question, one answer.
 *
 *   CLAWGATE_TOKEN=YOUR_TOKEN node --import tsx examples/plain.ts
 *
 * The gateway is the one on this machine, or the one at CLAWGATE_URL. The other examples are run the same way.
 */
import { createClawgateClient } from "@clawgate/client";

const client = createClawgateClient({ baseUrl: process.env["CLAWGATE_URL"], token: process.env["CLAWGATE_TOKEN"] });

const completion = await client.createChatCompletion({
  model: "openclaw",
  messages: [{ role: "user", content: "What is 6 * 7?" }],
});
console.log(completion.choices[0]?.message.content);
