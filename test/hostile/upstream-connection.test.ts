/** What can go wrong between the gateway and a provider below the reply's content: connections, heads, framing. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { providerKey } from "../faces/provider.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { selfSigned } from "./upstream-certificate.ts";
import {
  beginning,
  bytes,
  drip,
  chunkedStream,
  eventStream,
  firstFrames,
  frames,
  head,
  healthy,
  lastBytes,
  type Play,
  type RawUpstream,
  startRawUpstream,
  wireAsked,
} from "./upstream-raw.ts";
import { type Behaviour, type Expected, expectBoth, expectUnharmed, see, startSubject, type Subject, wires } from "./upstream-view.ts";

let subject: Subject;
let http: StubUpstream;
let tls: RawUpstream;
let deaf: { readonly port: number; close(): Promise<void> };
beforeAll(async () => {
  http = await startStubUpstream();
  tls = await startRawUpstream(selfSigned);
  deaf = await startDeafServer();
  const at = (baseUrl: string) => ({ baseUrl, apiKey: providerKey, models: [{ id: "m" }] });
  subject = await startSubject(
    {},
    {},
    {
      nameless: at("http://a..b/v1"),
      plain: at(http.url.replace("http:", "https:")),
      encrypted: at(tls.origin.replace("https:", "http:") + "/v1"),
      expired: at(`${tls.origin}/v1`),
      deaf: at(`http://127.0.0.1:${deaf.port}/v1`),
    },
  );
});
afterAll(async () => {
  await http.close();
  await deaf.close();
});

const brokeOff = { status: 502, code: "upstream_error", says: /^The model provider '\w+' broke off \([A-Z_]+\)\.$/ } as const;
const noHttp = { status: 502, code: "upstream_error", says: /^The model provider '\w+' sent something that is not HTTP\.$/ } as const;
const unfinished = {
  status: 502,
  code: "upstream_error",
  says: /^The model provider '\w+' ended its reply without a finish reason\.$/,
} as const;
const compressed = { status: 502, code: "upstream_error", says: /compressed its reply, though it was asked not to/ } as const;
const worked = { status: 200, text: "Fine." } as const;
const half = { text: "Half" } as const;

const end: Play = (socket) => void socket.end();
const reset: Play = (socket) => void socket.resetAndDestroy();
const none: Play = () => undefined;
/** The first frames of a good reply, in a body that ends with the connection. */
const unframed: Play = (socket, request) => void socket.write(head(200, eventStream) + firstFrames(request, "Half"));
const wholeOf = (request: string): string => frames(wireAsked(request), "Fine.").join("");
const packed =
  (headers: object, shrink: (all: Buffer) => Buffer): Play =>
  (socket, request) =>
    void socket.end(Buffer.concat([Buffer.from(head(200, { ...eventStream, ...headers })), shrink(gzipSync(wholeOf(request)))]));

const framing: readonly (readonly [what: string, behaviour: Behaviour, expected: Expected])[] = [
  ["an end before the reply", { play: end }, brokeOff],
  ["a reset before the reply", { play: reset }, brokeOff],
  ["an end within the head", { play: lastBytes("HTTP/1.1 200 OK\r\ncontent-type: text/ev") }, brokeOff],
  ["an end within the reply", { play: beginning("Half"), then: end }, { ...brokeOff, ...half }],
  ["a reset within the reply", { play: beginning("Half"), then: reset }, { ...brokeOff, ...half }],
  ["an end within a chunk", { play: beginning("Half"), then: lastBytes("64\r\ndata: {") }, { ...brokeOff, ...half }],
  ["an end of a reply without a length", { play: unframed, then: end }, { ...unfinished, ...half }],
  [
    "an end within a character",
    { play: unframed, then: lastBytes(Buffer.from('data: {"choices":[{"delta":{"content":"한').subarray(0, -1)) },
    { ...unfinished, says: /./, ...half },
  ],
  ["an end of the chunks without a finish", { play: beginning("Half"), then: lastBytes("0\r\n\r\n") }, { ...unfinished, ...half }],
  ["a chunk whose size is no number", { play: beginning("Half"), then: bytes("zz\r\n") }, { ...noHttp, ...half }],
  ["a chunk of a negative size", { play: beginning("Half"), then: bytes("-5\r\nhello\r\n") }, { ...noHttp, ...half }],
  [
    "a chunk of more bytes than there are numbers",
    { play: beginning("Half"), then: bytes("FFFFFFFFFFFFFFFFF\r\n") },
    { ...noHttp, ...half },
  ],
  ["a chunk that does not end where it says", { play: beginning("Half"), then: bytes("2\r\n: x\r\n") }, { ...noHttp, ...half }],
  ["junk in place of a chunk", { play: beginning("Half"), then: bytes(`<html>${providerKey}\r\n\r\n`) }, { ...noHttp, ...half }],
  [
    "a length and chunks",
    { play: lastBytes(head(200, chunkedStream, 5), "0\r\n\r\n") },
    { status: 502, code: "upstream_error", says: /./ },
  ],
  ["two lengths", { play: lastBytes(head(200, { ...eventStream, "Content-Length": "5" }, 6), "hello") }, brokeOff],
  ["a length that is no number", { play: lastBytes(head(200, { ...eventStream, "content-length": "5x" }), "hello") }, brokeOff],
  [
    "less than its length",
    { play: (socket, request) => void socket.write(head(200, eventStream, 1_000_000) + firstFrames(request, "Half")), then: end },
    { ...brokeOff, ...half },
  ],
  ["HTTP/0.9", { play: (socket, request) => void socket.end(wholeOf(request)) }, noHttp],
  ["HTTP/2 frames", { play: lastBytes(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])) }, noHttp],
  ["a space before a header's colon", { play: lastBytes("HTTP/1.1 200 OK\r\ncontent-type : text/event-stream\r\n\r\n") }, noHttp],
  [
    "a bare line feed in its head",
    { play: lastBytes("HTTP/1.1 200 OK\ncontent-length: 0\n\n") },
    { status: 502, code: "upstream_error", says: /./ },
  ],
  ["a NUL in a header", { play: lastBytes(head(200, { "x-nul": "a\0b" })) }, noHttp],
  ["a header of a megabyte", { play: bytes("HTTP/1.1 200 OK\r\nx-long: ", "x".repeat(1_000_000)) }, brokeOff],
  ["100 000 headers", { play: bytes("HTTP/1.1 200 OK\r\n", "x: y\r\n".repeat(100_000)) }, brokeOff],
  [
    "HTTP/1.0 without a length",
    { play: (socket, request) => void socket.end(`HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${wholeOf(request)}`) },
    worked,
  ],
  ["no content type", { play: (socket, request) => void socket.end(head(200) + wholeOf(request)) }, worked],
  [
    "another spelling of the content type",
    { play: (socket, request) => void socket.end(head(200, { "Content-Type": "TEXT/Event-Stream;charset=UTF-8" }) + wholeOf(request)) },
    worked,
  ],
  [
    "every byte in a piece of its own",
    {
      play: async (socket, request) => {
        for (const byte of Buffer.from(head(200, eventStream) + wholeOf(request)))
          if (!socket.write(Buffer.of(byte))) await once(socket, "drain");
        socket.end();
      },
    },
    worked,
  ],
  ["a reply in gzip", { play: packed({ "content-encoding": "gzip" }, (all) => all) }, compressed],
  ["a reply in gzip that ends early", { play: packed({ "content-encoding": "gzip" }, (all) => all.subarray(0, 20)) }, compressed],
  [
    "a bomb in gzip",
    { play: lastBytes(head(200, { ...eventStream, "content-encoding": "gzip" }), gzipSync(Buffer.alloc(50_000_000))) },
    compressed,
  ],
  ...["identity", "none", "UTF-8"].map(
    (coding) =>
      [
        `a reply that is not packed, and says so: ${coding}`,
        {
          play: (socket: Socket, request: string) =>
            void socket.end(head(200, { ...eventStream, "content-encoding": coding }) + wholeOf(request)),
        },
        worked,
      ] as const,
  ),
  ["gzip that does not say so", { play: packed({}, (all) => all) }, { ...unfinished, says: /./ }],
  [
    "an error in gzip",
    {
      play: lastBytes(
        head(500, { "content-encoding": "gzip", "x-should-retry": "false" }),
        gzipSync(`{"error":{"message":"${providerKey}"}}`),
      ),
    },
    { status: 502, code: "upstream_error", says: /failed \(status 500\)\.$/ },
  ],
  [
    "an error of control characters",
    { play: lastBytes(head(500, { "x-should-retry": "false" }), "Bright\x1b[2J\x07\0 Red\r\n\x9b31m") },
    { status: 502, code: "upstream_error", says: /failed \(status 500\): Bright \[2J Red 31m\.$/ },
  ],
  [
    "an error that is cut",
    { play: lastBytes(head(500, { "x-should-retry": "false" }, 1000), "Half a") },
    { status: 502, code: "upstream_error", says: /failed \(status 500\): Half a\.$/ },
  ],
  [
    "an error without an end",
    {
      play: async (socket) => {
        socket.write(head(500, { "x-should-retry": "false" }));
        while (!socket.destroyed) {
          socket.write("words ".repeat(10_000));
          await sleep(1);
        }
      },
    },
    { status: 502, code: "upstream_error", says: /failed \(status 500\): (?:words )+/ },
  ],
];

describe.each(wires)("%s", (wire) => {
  test.each(framing)("%s", async (_what, behaviour, expected) => {
    await expectUnharmed(subject, wire, await expectBoth(subject, wire, behaviour, expected), true);
  });

  test("signs of life after the finish, and no end, are not waited for", async () => {
    const unended: Play = (socket, request) => void socket.write(head(200, eventStream) + wholeOf(request).replace("data: [DONE]\n\n", ""));
    const views = await expectBoth(subject, wire, { play: drip(unended, ": yes\n\n", 20) }, worked);
    await expectUnharmed(subject, wire, views, true);
  });

  test("what follows a whole reply on its connection is nobody's reply", async () => {
    const twice: Play = async (socket, request) => {
      await healthy("One.")(socket, request);
      await healthy(`Two, with ${providerKey}.`)(socket, request);
    };
    await expectBoth(subject, wire, { play: twice }, { status: 200, text: "One." });
    await subject.upstream.untilClosed();
    subject.upstream.always(healthy("Three."));
    expect((await see(subject, wire, false)).text).toBe("Three.");
  });

  test("a connection that was kept and is closed when the next request comes is not that request's failure", async () => {
    const { upstream } = subject;
    upstream.always(healthy("Kept."));
    await see(subject, wire, false);
    // Not before the gateway has sent the next request on it.
    upstream.next(end);
    expect(await see(subject, wire, false)).toMatchObject({ status: 200, text: "Kept." });
  });

  test("a connection that is to be closed is not used again, though it stays open", async () => {
    const { upstream } = subject;
    upstream.always(
      (socket, request) =>
        void socket.write(head(200, { ...eventStream, connection: "close" }, Buffer.byteLength(wholeOf(request))) + wholeOf(request)),
    );
    await see(subject, wire, false);
    const before = upstream.connections;
    for (let n = 0; n < 3; n++) expect((await see(subject, wire, false)).text).toBe("Fine.");
    expect(upstream.connections - before).toBe(3);
    await upstream.untilClosed();
  });
});

describe("a provider", () => {
  const unreachable = { status: 502, code: "upstream_error" } as const;
  const rows: readonly (readonly [agent: string, what: string, expected: Expected])[] = [
    ["nameless", "whose name nobody knows", { ...unreachable, says: "The model provider 'nameless' could not be reached (ENOTFOUND)." }],
    [
      "plain",
      "that is asked in TLS and does not speak it",
      { ...unreachable, says: /^The model provider 'plain' could not be reached \(ERR_SSL_\w+\)\.$/ },
    ],
    [
      "encrypted",
      "that speaks TLS and is not asked in it",
      { ...unreachable, says: /^The model provider 'encrypted' broke off \(\w+\)\.$/ },
    ],
    [
      "expired",
      "whose certificate is no good any more",
      { ...unreachable, says: /^The model provider 'expired' could not be reached \(CERT_HAS_EXPIRED\)\.$/ },
    ],
    [
      "deaf",
      "that never takes a connection",
      { status: 504, code: "upstream_timeout", says: "The model provider 'deaf' did not answer in time." },
    ],
  ];
  test.each(rows)("%s: %s", async (agent, _what, expected) => {
    const views = await expectBoth(subject, agent, { play: none }, expected);
    await expectUnharmed(subject, "openai", views, true);
    expect(tls.requests).toEqual([]);
  });
});

/** A server that is stopped, with as many connections waiting as its kernel lets wait: the next one is not even refused. */
async function startDeafServer(): Promise<{ port: number; close(): Promise<void> }> {
  const program =
    'const s = require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(s.address().port))';
  const child: ChildProcess = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  const port = Number(String(line));
  child.kill("SIGSTOP");
  const waiting: Socket[] = [];
  for (let isFull = false; !isFull;) {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    waiting.push(socket);
    isFull = !(await Promise.race([once(socket, "connect").then(() => true), sleep(1000, false)]));
  }
  return {
    port,
    close: async () => {
      for (const socket of waiting) socket.destroy();
      child.kill("SIGKILL");
      await once(child, "close");
    },
  };
}
