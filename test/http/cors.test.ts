/** Web pages: which origins may read replies, as a browser asks. No browser is needed: it is all in the headers. */
import { describe, expect, test } from "@jest/globals";
import { say, startGateway, testToken } from "../support/gateway.ts";

const origin = "https://chat.example.org";
const withCors = {
  gateway: {
    auth: { mode: "token", token: testToken },
    http: { cors: { origins: [origin] }, endpoints: { chatCompletions: { enabled: true } } },
  },
};

function preflight(url: string, from: string): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "OPTIONS",
    headers: {
      origin: from,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,x-openclaw-session-key",
    },
  });
}

describe("with a listed origin", () => {
  test("a preflight is answered without a token and allows what the page asks for", async () => {
    const { url } = await startGateway({ gateway: { port: 0, ...withCors.gateway } });
    const reply = await preflight(url, origin);
    expect(reply.status).toBe(204);
    expect(reply.headers.get("access-control-allow-origin")).toBe(origin);
    expect(reply.headers.get("access-control-allow-methods")).toBe("GET,HEAD,POST,DELETE");
    expect(reply.headers.get("access-control-allow-headers")).toBe("authorization,content-type,x-openclaw-session-key");
    expect(reply.headers.get("access-control-allow-credentials")).toBeNull();
    expect(reply.headers.get("x-request-id")).toMatch(/^[\w.-]+$/);
  });

  test("replies, streams and errors all carry the origin and expose the gateway's headers", async () => {
    const gateway = await startGateway({ gateway: { port: 0, ...withCors.gateway } });
    const replies = await Promise.all([
      gateway.chat(say("hi"), { origin }),
      gateway.chat(say("hi", { stream: true }), { origin }),
      gateway.chat({ messages: [] }, { origin }),
      gateway.chat(say("hi"), { origin, authorization: "Bearer wrong" }),
      gateway.get("/nope", { origin }),
    ]);
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 400, 401, 404]);
    for (const reply of replies) {
      await reply.text();
      expect(reply.headers.get("access-control-allow-origin")).toBe(origin);
      expect(reply.headers.get("access-control-expose-headers")).toContain("x-openclaw-session-key");
      expect(reply.headers.get("vary")).toMatch(/origin/i);
    }
  });

  test("another origin gets no permission, and its preflight is an ordinary 405", async () => {
    const gateway = await startGateway({ gateway: { port: 0, ...withCors.gateway } });
    const stranger = "https://elsewhere.example.org";
    const refused = await preflight(gateway.url, stranger);
    expect(refused.status).toBe(405);
    expect(refused.headers.get("access-control-allow-origin")).toBeNull();
    const read = await gateway.chat(say("hi"), { origin: stranger });
    expect(read.status).toBe(200);
    expect(read.headers.get("access-control-allow-origin")).toBeNull();
    // A cache must not give this reply to a page of the listed origin.
    expect(read.headers.get("vary")).toMatch(/origin/i);
  });
});

test("without listed origins no reply speaks of them", async () => {
  const gateway = await startGateway();
  const reply = await gateway.chat(say("hi"), { origin });
  expect(reply.headers.get("access-control-allow-origin")).toBeNull();
  expect(reply.headers.get("vary")).toBeNull();
  expect((await preflight(gateway.url, origin)).status).toBe(405);
});
