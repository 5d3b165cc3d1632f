/** What is asked in a bench run and what a right answer holds. Shared by both ends, so it imports neither. */

/** Names by which the stub upstream chooses its answer. */
export const models = {
  plain: "stub-model",
  long: "stub-long",
  paced: "stub-paced",
  /** A chunk every 2 ms. */
  steady: "stub-steady",
  /** A chunk every 20 ms, as fast as a quick model writes. */
  slow: "stub-slow",
  /** 100 of those. */
  brief: "stub-brief",
  /** Its first word, then nothing until the caller goes. */
  held: "stub-held",
  tools: "stub-tools",
  /** Says how many bytes it was sent, as its prompt tokens. */
  counting: "stub-counting",
} as const;

/** 500 chunks of it are one word each. */
export const longText = words(500);
export const briefText = words(100);

function words(count: number): string {
  return Array.from({ length: count }, (_, n) => String(n).padStart(7, " ")).join("");
}

export interface Question {
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
}

export function ask(model: string, { stream = false, token }: { stream?: boolean; token?: string } = {}): Question {
  return post({ model, messages: [{ role: "user", content: "hi" }], ...(stream ? { stream } : {}) }, token);
}

/** A call of the agent's own tool, by which `models.tools` answers until it is told the result. */
export const sum = { id: "call_sum", name: "calculator", arguments: '{"expression":"6 * 7"}' };

/** What an agent asks `models.tools` in a run of two turns, each request the way the gateway sends it. */
export function askInTwoTurns(): Question[] {
  const parameters = { type: "object", properties: { expression: { type: "string", maxLength: 500 } }, required: ["expression"] };
  const more = {
    tools: [{ type: "function", function: { name: sum.name, description: "Evaluates one arithmetic expression.", parameters } }],
    stream: true,
    stream_options: { include_usage: true },
  };
  const user = { role: "user", content: "hi" };
  const call = { id: sum.id, type: "function", function: { name: sum.name, arguments: sum.arguments } };
  const results = [
    { role: "assistant", content: null, tool_calls: [call] },
    { role: "tool", tool_call_id: sum.id, content: "42" },
  ];
  return [[user], [user, ...results]].map((messages) => post({ model: models.tools, messages, ...more }));
}

export function post(body: object, token?: string): Question {
  return {
    path: "/v1/chat/completions",
    headers: { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  };
}
