/**
 * The settings that the documents give for chat programs lead to a list of models and a streamed answer. Open WebUI is
 * followed as its reader would: nothing is known here but what README.md says. Of the others the base URLs, the model
 * names and a request as they are known to send it are tried.
 *
 * Deliberately absent: the programs themselves.
 */
import { beforeAll, describe, expect, test } from "@jest/globals";
import { dataLines, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { codeBlocks, readDocument } from "./documents.ts";

const shownAddress = "127.0.0.1:18789";
const shownToken = "YOUR_TOKEN";

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});

/** What a reader puts in place of the documents' address and token. */
const filledIn = (text: string): string => text.replaceAll(shownAddress, new URL(gateway.url).host).replaceAll(shownToken, testToken);

function sectionOf(document: string, heading: string): string {
  const section = new RegExp(`^(#+) ${heading}\\n([\\s\\S]*?)(?=^#{1,3} |(?![\\s\\S]))`, "m").exec(readDocument(document))?.[2];
  if (section === undefined) throw new Error(`${document} has no section '${heading}'.`);
  return section;
}

/** `| setting | `value` |` in a section's table. */
function settingOf(section: string, name: string): string {
  const value = new RegExp(`^\\| ${name} \\| \`([^\`]+)\``, "m").exec(section)?.[1];
  if (value === undefined) throw new Error(`The section does not say what '${name}' is.`);
  return filledIn(value);
}

function bearer(key: string): { authorization: string } {
  return { authorization: `Bearer ${key}` };
}

async function listModels(baseUrl: string, key: string): Promise<string[]> {
  const reply = await fetch(`${baseUrl}/models`, { headers: bearer(key) });
  expect(reply.status).toBe(200);
  return ((await reply.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
}

/** The text of the streamed answer, put together as a chat program does. */
async function streamAnswer(baseUrl: string, key: string, body: object): Promise<string> {
  const reply = await fetch(`${baseUrl}/chat/completions`, {
    method: "POST",
    headers: { ...bearer(key), "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await reply.text();
  expect({ status: reply.status, type: reply.headers.get("content-type"), text: reply.ok ? "" : text }).toEqual({
    status: 200,
    type: "text/event-stream; charset=utf-8",
    text: "",
  });
  const lines = dataLines(text);
  expect(lines.at(-1)).toBe("[DONE]");
  const chunks = lines.slice(0, -1).map((line) => JSON.parse(line) as { choices: { delta: { content?: string } }[] });
  return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
}

describe("Open WebUI, set up with nothing but the README,", () => {
  test.each(["README.md", "docs/clients.md"])("lists the agents and streams an answer (%s)", async (document) => {
    const section = sectionOf(document, "Open WebUI");
    const [url, key] = [settingOf(section, "URL"), settingOf(section, "Key")];
    const models = await listModels(url, key);
    expect(models).toEqual(["openclaw", "openclaw/default", "openclaw/main", "openclaw/beta"]);
    for (const model of models) {
      const messages = [
        { role: "user", content: "hi" },
        { role: "assistant", content: "Hello!" },
        { role: "user", content: "What is 6 * 7?" },
      ];
      const body = { stream: true, model, messages, stream_options: { include_usage: true } };
      expect(await streamAnswer(url, key, body)).not.toBe("");
    }
  });
});

const question = { role: "user", content: "What is 6 * 7?" };
const tool = {
  type: "function",
  function: {
    name: "execute_services",
    description: "Switches devices of the house.",
    parameters: { type: "object", properties: { list: { type: "array", items: { type: "object", properties: {} } } } },
  },
};
/** As the programs send them with the settings of docs/clients.md. */
const requests: { readonly [program: string]: object } = {
  LibreChat: { model: "openclaw", temperature: 1, top_p: 1, presence_penalty: 0, frequency_penalty: 0, stream: true, messages: [question] },
  "Home Assistant, Extended OpenAI Conversation": {
    model: "openclaw",
    stream: true,
    stream_options: { include_usage: true },
    max_completion_tokens: 500,
    top_p: 1,
    temperature: 0.5,
    messages: [{ role: "system", content: "You are the voice of this house." }, question],
    tools: [tool],
    tool_choice: "auto",
  },
  "Home Assistant, its older versions": {
    model: "openclaw",
    stream: true,
    max_tokens: 150,
    top_p: 1,
    temperature: 0.5,
    user: "01J8ZK4Y6T3V5W7X9A1B2C3D4E",
    messages: [question],
    tools: [tool],
    tool_choice: "auto",
  },
  Continue: { model: "openclaw", max_tokens: 2048, stream: true, stream_options: { include_usage: true }, messages: [question] },
  opencode: {
    model: "openclaw:beta",
    max_tokens: 32000,
    messages: [{ role: "system", content: "You are a coding agent." }, question],
    tools: [
      { type: "function", function: { name: "bash", description: "Runs a command.", parameters: { type: "object", properties: {} } } },
    ],
    tool_choice: "auto",
    stream: true,
    stream_options: { include_usage: true },
  },
};

test.each(Object.keys(requests))("the request of %s is answered with a stream", async (program) => {
  expect(await streamAnswer(`${gateway.url}/v1`, testToken, requests[program] as object)).not.toBe("");
});

test("every base URL in the documents is one at which the models are listed", async () => {
  const text = readDocument("docs/clients.md") + readDocument("README.md");
  const urls = new Set([...text.matchAll(/http:\/\/127\.0\.0\.1:18789[\w/.-]*\/v1(?![\w/])/g)].map(([url]) => url));
  expect([...urls]).toEqual([`http://${shownAddress}/v1`]);
  for (const url of urls) expect(await listModels(filledIn(url), testToken)).not.toEqual([]);
});

test("every model that the settings name is one that answers", async () => {
  const blocks = ["yaml", "json"].flatMap((language) => codeBlocks(readDocument("docs/clients.md"), language)).join("\n");
  const names = new Set([...blocks.matchAll(/(?:[[" ])(openclaw(?:[:/][\w-]+)?)(?=["\]\n])/g)].map(([, name = ""]) => name));
  expect(names).toEqual(new Set(["openclaw", "openclaw:beta"]));
  for (const model of names) {
    expect(await streamAnswer(`${gateway.url}/v1`, testToken, { model, stream: true, messages: [question] })).not.toBe("");
  }
});

test("JSON settings are JSON", () => {
  const blocks = codeBlocks(readDocument("docs/clients.md"), "json");
  expect(blocks).toHaveLength(1);
  for (const block of blocks) expect(() => JSON.parse(block) as unknown).not.toThrow();
});
