/** Whoever calls the gateway over HTTP in a soak: sends, reads the whole reply, or leaves when it has heard enough. */
import { Agent, request } from "undici";
import { token } from "./place.ts";

export interface Reply {
  readonly status: number;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly text: string;
}

export interface Sent {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly headers?: { readonly [name: string]: string };
  /** A string is sent as it is, whatever it is. */
  readonly body?: object | string;
  /** Closes the connection as soon as this was read. */
  readonly leavesAt?: string;
}

/** Nothing here takes so long. */
const patienceMs = 30_000;
/** Shorter than the gateway's, so that no connection is closed under a request. */
const keptAliveMs = 2_000;

export class Caller {
  readonly #url: string;
  readonly #agent: Agent;

  constructor(url: string, connections: number) {
    this.#url = url;
    this.#agent = new Agent({
      connections,
      keepAliveTimeout: keptAliveMs,
      keepAliveMaxTimeout: keptAliveMs,
      headersTimeout: patienceMs,
      bodyTimeout: patienceMs,
    });
  }

  async send(path: string, { method = "POST", headers = {}, body, leavesAt }: Sent = {}): Promise<Reply> {
    const reply = await request(`${this.#url}${path}`, {
      dispatcher: this.#agent,
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      body: typeof body === "object" ? JSON.stringify(body) : (body ?? null),
    });
    let text = "";
    reply.body.setEncoding("utf8");
    for await (const piece of reply.body as AsyncIterable<string>) {
      text += piece;
      if (leavesAt !== undefined && text.includes(leavesAt)) break;
    }
    return { status: reply.statusCode, headers: reply.headers, text };
  }

  ask(agent: string, more: object = {}, headers: Sent["headers"] = {}, leavesAt?: string): Promise<Reply> {
    const body = { model: `openclaw:${agent}`, messages: [{ role: "user", content: "What do you say?" }], ...more };
    return this.send("/v1/chat/completions", { headers, body, ...(leavesAt === undefined ? {} : { leavesAt }) });
  }

  /** Also closes what is kept alive. */
  close(): Promise<void> {
    return this.#agent.close();
  }
}

/** A reply is not what it has to be. */
export class Unexpected extends Error {}

export function expectReply(reply: Reply, status: number, ...texts: readonly string[]): Reply {
  const missing = texts.find((text) => !reply.text.includes(text));
  if (reply.status === status && missing === undefined) return reply;
  const why = reply.status === status ? `without ${missing}` : `not ${status}`;
  throw new Unexpected(`answered ${reply.status}, ${why}: ${reply.text.slice(-200).replaceAll(/\s+/g, " ")}`);
}

/** Of a stream, whole. */
export function textOf({ text }: Reply): string {
  const data = text.split("\n").flatMap((line) => (line.startsWith("data: {") ? [line.slice("data: ".length)] : []));
  const chunks = data.map((line) => JSON.parse(line) as { choices?: { delta: { content?: string } }[] });
  return chunks.map(({ choices }) => choices?.[0]?.delta.content ?? "").join("");
}
