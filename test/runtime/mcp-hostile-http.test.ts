/** MCP servers over HTTP that do what they should not: what they may cost, and that no connection to them is left. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { openMcpSource } from "../support/mcp-source.ts";
import { answer, event, openEvents, pour, type Script, say, startScripted } from "../support/scripted-mcp-http.ts";

async function open(script: Script, config: object = {}) {
  const scripted = await startScripted(script);
  return { ...openMcpSource({ url: scripted.url, ...config }), scripted, origin: new URL(scripted.url).origin };
}

const document = { "content-type": "application/json" };
const tooLarge = "The tool server 'it' sent a reply of more than 10485760 bytes.";

describe("a reply without end", () => {
  test.each([
    [
      "as a document",
      (response: ServerResponse) => {
        response.writeHead(200, document);
        pour(response, " ".repeat(65_536));
      },
      tooLarge,
    ],
    [
      "as one event",
      (response: ServerResponse) => {
        openEvents(response);
        response.write("data: ");
        pour(response);
      },
      tooLarge,
    ],
    [
      "as many events",
      (response: ServerResponse) => {
        openEvents(response);
        pour(response, event({ method: "notifications/message", params: { level: "info", data: "x".repeat(65_536) } }));
      },
      tooLarge,
    ],
    [
      "as a refusal",
      (response: ServerResponse) => {
        response.writeHead(500);
        pour(response);
      },
      "The tool server 'it' answered with HTTP status 500.",
    ],
  ])("%s is cut, and the next call is served", async (_, call, message) => {
    let calls = 0;
    const closed: Promise<unknown>[] = [];
    const source = await open({
      call: (response, asked, request) => {
        if (calls++ > 0) return say("done")(response, asked, request);
        closed.push(once(response, "close"));
        call(response);
      },
    });
    await expect(source.call("go")).rejects.toThrow(message);
    await Promise.all(closed);
    expect(await source.call("go")).toBe("done");
  });
});

describe("the event stream", () => {
  test("may be longer than a reply may be, and its news is heard to the end", async () => {
    const source = await open({
      events: (response) => {
        openEvents(response);
        for (let n = 0; n < 12; n++) {
          response.write(event({ method: "notifications/message", params: { level: "info", data: "x".repeat(1_048_576) } }));
        }
        response.write(event({ method: "notifications/tools/list_changed" }));
      },
    });
    const described = async () => (await source.tools()).map(({ definition }) => definition.description);
    while (String(await described()) !== "list 2") await sleep(5);
    expect(source.warnings()).toEqual([]);
  });

  test("that sends an event without end is left, and calls go on", async () => {
    let cut: (() => void) | undefined;
    const wasCut = new Promise<void>((resolve) => (cut = resolve));
    const source = await open({
      events: (response) => {
        openEvents(response);
        response.once("close", () => cut?.());
        response.write("data: ");
        pour(response);
      },
    });
    await source.tools();
    await wasCut;
    expect(await source.call("go")).toBe("done");
  });

  test("is not opened again at once, although the server asks for it", async () => {
    const times: number[] = [];
    let enough: (() => void) | undefined;
    const wasEnough = new Promise<void>((resolve) => (enough = resolve));
    const source = await open({
      events: (response) => {
        times.push(performance.now());
        if (times.length === 3) enough?.();
        openEvents(response);
        response.end("retry: 0\nid: 1\ndata:\n\n");
      },
    });
    await source.tools();
    await wasEnough;
    expect(Math.min(times[1]! - times[0]!, times[2]! - times[1]!)).toBeGreaterThan(900);
  });
});

describe("a call", () => {
  test("that nobody waits for any more leaves no connection behind", async () => {
    const held: Promise<unknown>[] = [];
    let arrived: (() => void) | undefined;
    const source = await open({
      call: (response) => {
        held.push(once(response, "close"));
        if (held.length % 2 === 0) openEvents(response);
        if (held.length === 6) arrived?.();
      },
    });
    await source.tools();
    const allArrived = new Promise<void>((resolve) => (arrived = resolve));
    const leave = new AbortController();
    const calls = Array.from({ length: 6 }, () => source.call("go", leave.signal));
    await allArrived;
    leave.abort();
    await Promise.allSettled(calls);
    await Promise.all(held);
    expect(held).toHaveLength(6);
    expect(source.warnings()).toEqual([]);
  });

  test("whose event stream goes on after the answer leaves none either", async () => {
    const held: Promise<unknown>[] = [];
    const source = await open({
      call: (response, { id }) => {
        held.push(once(response, "close"));
        openEvents(response);
        response.write(event({ id, result: { content: [{ type: "text", text: "done" }] } }));
      },
    });
    expect(await source.call("go")).toBe("done");
    await Promise.all(held);
  });

  test.each([
    [
      "hangs up",
      (response: ServerResponse) => void response.destroy(),
      /^The tool server 'it' cannot be reached \((UND_ERR_SOCKET|ECONNRESET)\)\.$/,
    ],
    [
      "hangs up in the middle of a document",
      (response: ServerResponse) => void response.writeHead(200, document).write("{", () => response.destroy()),
      /^The tool server 'it' cannot be reached \((UND_ERR_SOCKET|ECONNRESET)\)\.$/,
    ],
    [
      "hangs up in the middle of an event",
      (response: ServerResponse) => {
        openEvents(response);
        response.write("data: {", () => response.destroy());
      },
      /^The tool server 'it' cannot be reached \((UND_ERR_SOCKET|ECONNRESET)\)\.$/,
    ],
    [
      "ends its events without an answer",
      (response: ServerResponse) => {
        openEvents(response);
        response.end(": good-bye\n\n");
      },
      /^The tool server 'it' ended its reply without an answer\.$/,
    ],
    [
      "compresses what nobody asked it to",
      (response: ServerResponse) => void response.writeHead(200, { ...document, "content-encoding": "gzip" }).end("x"),
      /^The tool server 'it' answered in an encoding that it was not asked for\.$/,
    ],
  ])("that the server %s fails at once, not at its time limit", async (_, call, message) => {
    const source = await open({ call });
    await expect(source.call("go")).rejects.toThrow(message);
  });

  test("follows no redirect to another origin, and takes its headers nowhere", async () => {
    const seen: string[] = [];
    const thief = await startScripted({ all: (response, _, { headers }) => void (seen.push(JSON.stringify(headers)), response.end()) });
    const source = await open(
      { call: (response) => void response.writeHead(307, { location: thief.url }).end() },
      { headers: { "x-key": "header-secret" } },
    );
    await expect(source.call("go")).rejects.toThrow("The tool server 'it' answered with HTTP status 307.");
    expect(seen).toEqual([]);
  });

  test("goes on after an error with the number of a closed connection", async () => {
    const errors = [{ code: -32000, message: "not with header-secret" }];
    let introductions = 0;
    const source = await open(
      {
        call: (response, message, request) => {
          const error = errors.shift();
          if (error) response.writeHead(200, document).end(JSON.stringify({ jsonrpc: "2.0", id: message.id, error }));
          else say(`key ${String(request.headers["x-key"])}`)(response, message, request);
        },
        answered: () => introductions++,
      },
      { headers: { "x-key": "header-secret" } },
    );
    await expect(source.call("go")).rejects.toThrow("The tool server 'it' refused: MCP error -32000: not with [hidden]");
    expect(await source.call("go")).toBe("key [hidden]");
    expect({ lists: source.scripted.lists, warnings: source.warnings() }).toEqual({ lists: 1, warnings: [] });
    expect(source.logText()).not.toContain("header-secret");
  });
});

describe("a server", () => {
  test("that asks more than it takes answers to is given up", async () => {
    const source = await open({
      call: (response) => {
        openEvents(response);
        for (let n = 0; n < 1_000; n++) response.write(event({ id: `ping-${n}`, method: "ping" }));
      },
      answered: () => undefined,
    });
    await expect(source.call("go")).rejects.toThrow("The tool server 'it' asks more than it takes answers to, so it was given up.");
    expect(source.warnings()).toEqual([`${source.origin} asks more than it takes answers to, so it was given up`]);
  });

  test("that is asked something now and then is answered", async () => {
    let asked: { response: ServerResponse; id: number | string | undefined } | undefined;
    const source = await open({
      call: (response, { id }) => {
        asked = { response, id };
        openEvents(response);
        response.write(event({ id: "ping-1", method: "ping" }));
      },
      answered: (response, { id }) => {
        response.writeHead(202).end();
        asked?.response.end(event({ id: asked.id, result: { content: [{ type: "text", text: `${id} was answered` }] } }));
      },
    });
    expect(await source.call("go")).toBe("ping-1 was answered");
  });

  test.each([
    ["a web page", { "content-type": "text/html; charset=utf-8" }, "answered with text/html instead of JSON"],
    ["something without a type", {}, "answered with something without a type instead of JSON"],
  ])("that answers with %s is said to", async (_, headers, problem) => {
    const source = await open({ all: (response) => void response.writeHead(200, headers).end("<html></html>") });
    expect(await source.tools()).toEqual([]);
    expect(source.lines.find(({ level }) => level === 40)).toMatchObject({
      problem: `${source.origin} ${problem}`,
      fix: "see whether mcp.servers.it.url is right; most end in /mcp",
    });
  });

  test("is left without an open connection at the end", async () => {
    const source = await open({
      events: (response) => openEvents(response),
      call: (response, message) => answer(response, message, { content: [] }),
    });
    await source.call("go");
    await source.servers.close();
    const { server } = source.scripted;
    while ((await promisify(server.getConnections.bind(server))()) > 0) await sleep(5);
  });
});
