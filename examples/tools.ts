/** A tool that this program carries out: the agent asks for it, and goes on when it has the result. */
import { createClawgateClient, type RequestMessage, type Tool } from "@clawgate/client";

const client = createClawgateClient({ baseUrl: process.env["CLAWGATE_URL"], token: process.env["CLAWGATE_TOKEN"] });

const tools: Tool[] = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The current weather of a city.",
      parameters: { type: "object", properties: { city: { type: "string", enum: ["Seoul", "Busan"] } }, required: ["city"] },
    },
  },
];
const weather = new Map([
  ["Seoul", "21 °C, clear"],
  ["Busan", "24 °C, windy"],
]);

const messages: RequestMessage[] = [{ role: "user", content: "Call get_weather for Seoul." }];
for (;;) {
  const completion = await client.createChatCompletion({ model: "openclaw", messages, tools });
  const message = completion.choices[0]!.message;
  messages.push(message);
  if (!message.tool_calls) {
    console.log(message.content);
    break;
  }
  for (const call of message.tool_calls) {
    const { city } = JSON.parse(call.function.arguments) as { city: string };
    console.log(`${call.function.name}(${city})`);
    messages.push({ role: "tool", tool_call_id: call.id, content: weather.get(city) ?? "unknown city" });
  }
}
