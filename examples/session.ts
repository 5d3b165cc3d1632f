/** Two requests in one session: the second sends only what is new. */
import { createClawgateClient } from "@clawgate/client";

const client = createClawgateClient({ baseUrl: process.env["CLAWGATE_URL"], token: process.env["CLAWGATE_TOKEN"] });

async function say(content: string): Promise<void> {
  const { data, headers } = await client
    .createChatCompletion({ model: "openclaw", messages: [{ role: "user", content }] }, { sessionKey: "민지의 수첩" })
    .withHeaders();
  console.log(`${headers.sessionKey}: ${data.choices[0]?.message.content}`);
}

await say("Please remember that my city is Seoul.");
await say("What is my city?");
