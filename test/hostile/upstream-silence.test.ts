/**
 * Providers that fall silent, or never say enough: each ends within its time limit, with its connection closed. All of them
 * are asked at once, each by a gateway of its own, because waiting is all there is to do.
 */
import { beforeAll, describe, test } from "@jest/globals";
import { beginning, bytes, chunk, chunkedStream, drip, eventStream, head } from "./upstream-raw.ts";
import { type Behaviour, type Expected, expectBoth, expectUnharmed, startSubject, wires } from "./upstream-view.ts";

/** Long enough for a good reply on a machine that is busy with other things. */
const limitMs = 4000;

interface Row {
  readonly what: string;
  readonly behaviour: Behaviour;
  readonly expected: Expected;
}

const silent = { status: 504, code: "upstream_timeout", says: /^The model provider '\w+' did not answer in time\.$/ } as const;
const endless = { status: 504, code: "run_timeout", says: /^The run took longer than .*runTimeoutMs/ } as const;

const silences: readonly Row[] = [
  { what: "before the reply", behaviour: { play: () => undefined }, expected: silent },
  { what: "within the head", behaviour: { play: bytes("HTTP/1.1 200 OK\r\ncontent-ty") }, expected: silent },
  { what: "after the head", behaviour: { play: bytes(head(200, chunkedStream)) }, expected: silent },
  { what: "within a frame", behaviour: { play: bytes(head(200, chunkedStream), chunk('data: {"choices"')) }, expected: silent },
  { what: "within the reply", behaviour: { play: beginning("Half") }, expected: { ...silent, text: "Half" } },
];

const drips: readonly Row[] = [
  { what: "a head", behaviour: { play: drip("HTTP/1.1 200 OK\r\nx-slow: ", "x", 20) }, expected: endless },
  { what: "hints without a reply", behaviour: { play: drip("", head(102), 1) }, expected: endless },
  { what: "a frame", behaviour: { play: drip(head(200, eventStream) + 'data: {"a":"', "x", 10) }, expected: endless },
  { what: "comments", behaviour: { play: drip(head(200, eventStream), ": yes\n\n", 20) }, expected: endless },
  {
    what: "frames that say nothing",
    behaviour: { play: drip(head(200, eventStream), 'data: {"type":"ping"}\n\nevent: ping\n\n', 5) },
    expected: endless,
  },
];

describe.each(wires)("%s", (wire) => {
  const outcomes = new Map<Row, Promise<void>>();

  beforeAll(async () => {
    for (const row of [...silences, ...drips]) {
      const isSilent = silences.includes(row);
      const subject = await (isSilent ? startSubject({ timeoutMs: limitMs }) : startSubject({}, { runTimeoutMs: limitMs }));
      const outcome = expectBoth(subject, wire, row.behaviour, row.expected).then((views) => expectUnharmed(subject, wire, views, true));
      outcome.catch(() => undefined);
      outcomes.set(row, outcome);
    }
  });

  test.each(silences)("silence $what is upstream_timeout", (row) => outcomes.get(row));
  test.each(drips)("$what in drips are run_timeout", (row) => outcomes.get(row));
});
