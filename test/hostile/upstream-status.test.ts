/** Every status a provider can answer with, on each adapter's wire: what the caller is told, and what is not followed. */
import { beforeAll, describe, expect, test } from "@jest/globals";
import { providerKey } from "../faces/provider.ts";
import { bytes, eventStream, head, healthy, lastBytes, type RawUpstream, startRawUpstream, whole } from "./upstream-raw.ts";
import { type Expected, expectBoth, expectUnharmed, startSubject, type Subject, wires } from "./upstream-view.ts";

/** So that one row costs one request; what is asked again is the models' tests' business. */
const final = { "x-should-retry": "false" };
const words = JSON.stringify({ error: { message: `Because of ${providerKey}.` } });

let subject: Subject;
let elsewhere: RawUpstream;
beforeAll(async () => {
  subject = await startSubject();
  elsewhere = await startRawUpstream();
});

type Row = readonly [status: number, expected: Expected, headers?: { readonly [name: string]: string }];

const rejected = { status: 400, code: "upstream_rejected" } as const;
const failed = { status: 502, code: "upstream_error" } as const;
const limited = { status: 429, code: "upstream_rate_limited" } as const;
const late = { status: 504, code: "upstream_timeout" } as const;
const because = "Because of [key].";
const noCompletion = (status: number) => `gave an answer that is no completion (status ${status}): ${because}`;
const down = (status: number) => `failed (status ${status}): ${because}`;
const refused = (status: number) => `rejected the request (status ${status}): ${because}`;

const rows: readonly Row[] = [
  [201, { ...failed, says: noCompletion(201) }],
  [206, { ...failed, says: noCompletion(206) }, { "content-range": "bytes 0-9/1000" }],
  [400, { ...rejected, says: refused(400) }, { "retry-after": "9" }],
  [401, { ...failed, says: `did not accept the gateway's credentials (status 401): ${because}` }],
  [402, { ...failed, says: noCompletion(402) }],
  [403, { ...failed, says: `did not accept the gateway's credentials (status 403): ${because}` }],
  [404, { ...failed, says: `does not know the model or the address it was asked for (status 404): ${because}` }],
  [407, { ...failed, says: noCompletion(407) }],
  [408, { ...late, says: `took too long (status 408): ${because}` }],
  [409, { ...failed, says: noCompletion(409) }],
  [413, { ...rejected, says: refused(413) }],
  [418, { ...failed, says: noCompletion(418) }],
  [422, { ...rejected, says: refused(422) }],
  [426, { ...failed, says: noCompletion(426) }, { upgrade: "h2c" }],
  [429, { ...limited, says: `is limiting requests (status 429): ${because}` }],
  [429, { ...limited, says: /limiting/, retryAfter: "7" }, { "retry-after": "7" }],
  [429, { ...limited, says: /limiting/, retryAfter: "1" }, { "retry-after": "0" }],
  [429, { ...limited, says: /limiting/ }, { "retry-after": "soon" }],
  [429, { ...limited, says: /limiting/, retryAfter: "1" }, { "retry-after": "-5\t" }],
  [429, { ...limited, says: /limiting/, retryAfter: "86400" }, { "retry-after": "99999999999999999999" }],
  [429, { ...limited, says: /limiting/, retryAfter: "1" }, { "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }],
  [429, { ...limited, says: /limiting/, retryAfter: "86400" }, { "retry-after": "Fri, 31 Dec 9999 23:59:59 GMT" }],
  [451, { ...failed, says: noCompletion(451) }],
  [500, { ...failed, says: down(500) }],
  [501, { ...failed, says: down(501) }],
  [502, { ...failed, says: down(502) }],
  [503, { ...failed, says: down(503), retryAfter: "30" }, { "retry-after": "30" }],
  [504, { ...failed, says: down(504) }],
  [520, { ...failed, says: down(520) }],
  [529, { ...failed, says: down(529) }],
  [599, { ...failed, says: down(599) }],
  [600, { ...failed, says: down(600) }],
  [999, { ...failed, says: down(999) }],
];

describe.each(wires)("%s", (wire) => {
  const who = `The model provider '${wire}'`;

  test.each(rows)("status %d is %j, after %j", async (status, expected, headers = {}) => {
    const says = "says" in expected && typeof expected.says === "string" ? { says: `${who} ${expected.says}` } : {};
    const before = subject.upstream.requests.length;
    const views = await expectBoth(subject, wire, { play: whole(status, words, { ...final, ...headers }) }, { ...expected, ...says });
    expect(subject.upstream.requests.length - before).toBe(2);
    await expectUnharmed(subject, wire, views, false);
  });

  test.each([204, 205, 304])("status %d, which has no body, is no completion", async (status) => {
    const views = await expectBoth(
      subject,
      wire,
      { play: bytes(head(status, final, 0)) },
      { ...failed, says: new RegExp(`status ${status}\\)\\.$`) },
    );
    await expectUnharmed(subject, wire, views, false);
  });

  test.each([300, 301, 302, 303, 307, 308])("status %d is not followed, and nobody elsewhere is asked", async (status) => {
    for (const location of [`${elsewhere.origin}/v1/chat/completions`, "/v1/elsewhere", "file:///etc/passwd", "\\\\"]) {
      const says = `${who} answered with a redirect, which is not followed (status ${status}): ${because}`;
      const views = await expectBoth(subject, wire, { play: whole(status, words, { location }) }, { ...failed, says });
      await expectUnharmed(subject, wire, views, false);
    }
    expect(elsewhere.connections).toBe(0);
    expect(subject.upstream.requests.filter((request) => request.includes("/elsewhere"))).toEqual([]);
  });

  test("a page of HTML that quotes the request is not quoted, nor is the status line", async () => {
    const page = `<html><body><h1>502</h1>${providerKey}</body></html>`;
    const play = lastBytes(head(`502 ${providerKey}`, { ...final, "content-type": "text/html", "x-echo": providerKey }), page);
    const views = await expectBoth(subject, wire, { play }, { ...failed, says: `${who} failed (status 502).` });
    await expectUnharmed(subject, wire, views, true);
  });

  test.each(["text/html", `text/html; key=${providerKey}`, `${providerKey}/x`, "image/png", "application/octet-stream", ";;;"])(
    "200 with '%s' is no completion",
    async (type) => {
      const page = `<html>${providerKey}</html>`;
      const play = lastBytes(head(200, { "content-type": type }), page);
      const views = await expectBoth(
        subject,
        wire,
        { play },
        { ...failed, says: /^The model provider '\w+' answered with '.*' instead of a completion\.$/ },
      );
      await expectUnharmed(subject, wire, views, true);
    },
  );

  test.each([
    ["101 and another protocol", bytes(head("101 Switching Protocols", { upgrade: "websocket", connection: "upgrade" }), "\x81\x02hi")],
    ["100 that nobody waited for, and no more", lastBytes(head(100))],
    ["a status of two digits", lastBytes("HTTP/1.1 20 OK\r\n\r\n")],
    ["a status that is none", lastBytes("HTTP/1.1 OK 200\r\n\r\n")],
    ["a status below 100", lastBytes("HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n")],
  ])("%s is upstream_error", async (_what, play) => {
    const views = await expectBoth(subject, wire, { play }, { ...failed, says: /./ });
    await expectUnharmed(subject, wire, views, true);
  });

  test("early hints before the reply change nothing", async () => {
    const hints = head("103 Early Hints", { link: "</style.css>; rel=preload" });
    const play = async (...of: Parameters<ReturnType<typeof healthy>>) => {
      of[0].write(hints.repeat(20));
      await healthy("After hints.")(...of);
    };
    await expectUnharmed(subject, wire, await expectBoth(subject, wire, { play }, { status: 200, text: "After hints." }), false);
  });

  test("an event stream under another status than 200 is no reply", async () => {
    const play = lastBytes(
      head(202, eventStream),
      'data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    );
    const views = await expectBoth(subject, wire, { play }, { ...failed, says: /no completion \(status 202\)/ });
    await expectUnharmed(subject, wire, views, true);
  });
});
