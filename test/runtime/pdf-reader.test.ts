/** Reading PDFs that were made to harm: the process that reads them dies, this one and the next PDF do not notice. */
import { afterEach, expect, test } from "@jest/globals";
import { PdfReader } from "../../src/runtime/pdf-reader.ts";
import { dictionaryBomb, endlessPdf, listBomb, pdfOf } from "../support/attachments.ts";

const never = new AbortController().signal;
const patient = { timeoutMs: 60_000, maxMemoryMb: 4096, maxWaiting: 3, maxWaitMs: 60_000 };
const readers: PdfReader[] = [];

function readerWith(limits: Partial<typeof patient> = {}): PdfReader {
  const reader = new PdfReader({ ...patient, ...limits });
  readers.push(reader);
  return reader;
}

afterEach(async () => {
  for (const reader of readers.splice(0)) await reader.close();
});

test.each([
  ["a list of numbers", () => listBomb(60_000_000)],
  ["a dictionary", () => dictionaryBomb(1_500_000)],
])("one that unpacks to %s beyond the memory it may have is given up", async (_name, bomb) => {
  const reader = readerWith({ maxMemoryMb: 200 });
  expect(await reader.read(bomb(), 1000, never)).toEqual({ problem: "costly" });
  expect(await reader.read(pdfOf(["next"]), 1000, never)).toEqual({ text: "next" });
});

test("one that never ends is given up when its time is over", async () => {
  const reader = readerWith({ timeoutMs: 1500 });
  expect(await reader.read(endlessPdf(12), 1000, never)).toEqual({ problem: "costly" });
});

test("one that never ends is given up when nobody waits for it any more", async () => {
  const reader = readerWith();
  const leaving = new AbortController();
  const reason = new Error("gone");
  const endless = reader.read(endlessPdf(12), 1000, leaving.signal);
  const next = reader.read(pdfOf(["next"]), 1000, never);
  leaving.abort(reason);
  await expect(endless).rejects.toBe(reason);
  expect(await next).toEqual({ text: "next" });
});

test("no more than a few wait, and none for longer than it may", async () => {
  const reader = readerWith({ maxWaitMs: 300 });
  const leaving = new AbortController();
  const endless = reader.read(endlessPdf(12), 1000, leaving.signal);
  const waiting = ["a", "b", "c"].map((text) => reader.read(pdfOf([text]), 1000, never));
  const busy = { code: "too_many_runs", retryAfterMs: 5000 };
  await expect(reader.read(pdfOf(["d"]), 1000, never)).rejects.toMatchObject(busy);
  for (const one of waiting) await expect(one).rejects.toMatchObject(busy);
  leaving.abort(new Error("gone"));
  await expect(endless).rejects.toThrow("gone");
  expect(await reader.read(pdfOf(["next"]), 1000, never)).toEqual({ text: "next" });
});

test("who leaves the queue does not let the next one in before its turn", async () => {
  const reader = readerWith();
  const leaving = new AbortController();
  const first = reader.read(pdfOf(["first"]), 1000, never);
  const second = reader.read(pdfOf(["second"]), 1000, leaving.signal);
  const third = reader.read(pdfOf(["third"]), 1000, never);
  leaving.abort(new Error("gone"));
  await expect(second).rejects.toThrow("gone");
  expect(await Promise.all([first, third])).toEqual([{ text: "first" }, { text: "third" }]);
});

test("text is taken up to the number of characters asked for, and no further", async () => {
  const reader = readerWith();
  const pdf = pdfOf(["12345", "67890"]);
  expect(await reader.read(pdf, 10, never)).toEqual({ text: "12345\n\n67890" });
  expect(await reader.read(pdf, 9, never)).toEqual({ problem: "long" });
});

test("a reader that is closed while it reads refuses what it was at and what waits", async () => {
  const reader = readerWith();
  const reads = [reader.read(endlessPdf(12), 1000, never), reader.read(pdfOf(["next"]), 1000, never)];
  const settled = Promise.allSettled(reads);
  await reader.close();
  expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await expect(reader.read(pdfOf(["late"]), 1000, never)).rejects.toThrow("closed");
});
