/** `<entry of node-llama-cpp> <model file>`: holds a few conversations with the model and prints them as JSON. */
import { openModelCatalog } from "../../src/model/catalog.ts";
import { ask, assistant, call, provider, request, result, system, user } from "./conversation.ts";

const [packageEntry = "", path = ""] = process.argv.slice(2);
const catalog = openModelCatalog([provider("", { id: "llama", api: "llama", packageEntry, models: [{ id: path, takesImages: false }] })]);
const model = catalog.find(`llama:${path}`)!;

const schema = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"], additionalProperties: false };
const add = { name: "add", parameters: { type: "object", properties: { a: { type: "number" } } } };
const told = {
  plain: await ask(model, "Hello", { settings: { maxTokens: 20 } }),
  again: await ask(model, "Hello", { settings: { maxTokens: 20 } }),
  json: await ask(model, "Hello", {
    settings: { maxTokens: 400, temperature: 1, seed: 1, responseFormat: { type: "json_schema", name: "n", schema } },
  }),
  tools: await ask(model, [system("Be brief."), user("1+1?"), assistant("", call("c1", "add", { a: 1 })), result("c1", "2")], {
    tools: [add],
    settings: { maxTokens: 8 },
  }),
  abort: await abortedReply(),
  long: await ask(model, "Hello ".repeat(2000)).catch((error: unknown) => ({ code: (error as { code?: string }).code })),
};
await catalog.close();
console.log(JSON.stringify(told));

async function abortedReply(): Promise<{ error: string }> {
  const controller = new AbortController();
  try {
    for await (const event of model.stream(request("Hello"), controller.signal)) if (event.type) controller.abort(new Error("enough"));
    return { error: "It ended." };
  } catch (thrown) {
    return { error: (thrown as Error).message };
  }
}
