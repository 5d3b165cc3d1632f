/** A reply as JSON of a given form: what does not fit is an error, never wrong JSON. */
import { ClawgateError, createClawgateClient } from "@clawgate/client";

const client = createClawgateClient({ baseUrl: process.env["CLAWGATE_URL"], token: process.env["CLAWGATE_TOKEN"] });

interface City {
  name: string;
  country: string;
}
const schema = {
  type: "object",
  properties: { name: { type: "string" }, country: { type: "string" } },
  required: ["name", "country"],
  additionalProperties: false,
};

try {
  const completion = await client.createChatCompletion({
    model: "openclaw",
    messages: [{ role: "user", content: "Seoul" }],
    response_format: { type: "json_schema", json_schema: { name: "city", strict: true, schema } },
  });
  const city = JSON.parse(completion.choices[0]!.message.content ?? "") as City;
  console.log(`${city.name}, ${city.country}`);
} catch (error) {
  if (!(error instanceof ClawgateError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
