/** What is asked in a bench run and what a right answer holds. Shared by both ends, so it imports neither. */

/** Names by which the stub upstream chooses its answer. */
export const models = { plain: "stub-model", long: "stub-long", paced: "stub-paced" } as const;

/** 500 chunks of it are one word each. */
export const longText = Array.from({ length: 500 }, (_, n) => String(n).padStart(7, " ")).join("");

export interface Question {
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
}

export function ask(model: string, { stream = false, token }: { stream?: boolean; token?: string } = {}): Question {
  return {
    path: "/v1/chat/completions",
    headers: { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }], ...(stream ? { stream } : {}) }),
  };
}
