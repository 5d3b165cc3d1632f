/**
 * The tool `http_fetch`: a GET of a public address, its text handed to the model. An agent has it only when named.
 *
 * Deliberately absent: other methods, headers a model could choose, and anything that turns a page into something
 * else: a model reads HTML.
 */
import type { Tool } from "../domain/tool.ts";
import type { guardedFetch } from "./guarded-fetch.ts";

/** `fetch` is for tests, which have no public addresses. */
export function createHttpFetch(fetch?: typeof guardedFetch): Tool {
  return {
    definition: {
      name: "http_fetch",
      description: "Fetches a public http or https address with GET and returns its status and text.",
      parameters: {
        type: "object",
        properties: { url: { type: "string", description: "For example: https://example.org/page", maxLength: 4096 } },
        required: ["url"],
        additionalProperties: false,
      },
    },
    execute: async ({ url }, { agent, signal }) => {
      const get = fetch ?? (await import("./guarded-fetch.ts")).guardedFetch;
      const reply = await get(url as string, agent.tools.httpFetch, signal, {
        accept: "text/*, application/json, application/xml, */*;q=0.5",
      });
      const text = decode(reply.body, reply.contentType);
      if (text === undefined) {
        throw new Error(
          `The address answered with status ${reply.status} and ${reply.body.length} bytes that are not text (${shown(reply.contentType)}).`,
        );
      }
      const moved = reply.url === new URL(url as string).href ? "" : `Address: ${reply.url}\n`;
      return `Status: ${reply.status}\n${moved}Content-Type: ${shown(reply.contentType)}\n\n${text}`;
    },
  };
}

/** Types besides `text/…` whose content is text. */
const textTypes = /^(text\/.*|application\/(.*\+)?(json|xml|yaml|x-yaml|javascript|ecmascript|x-www-form-urlencoded|x-ndjson|toml))$/;

/** Undefined when it is no text. Without a label, what has no NUL byte is taken for text. */
function decode(body: Buffer, contentType: string): string | undefined {
  const type = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "" ? body.includes(0) : !textTypes.test(type)) return undefined;
  const charset = /;\s*charset\s*=\s*"?([\w.:-]+)/i.exec(contentType)?.[1];
  return decoderOf(charset).decode(body);
}

function decoderOf(charset: string | undefined): { decode(bytes: Buffer): string } {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}

function shown(contentType: string): string {
  return contentType === "" ? "not given" : contentType.slice(0, 200);
}
