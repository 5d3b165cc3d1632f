/** How lines of the log are written: several at a time, and never more than fits, so that other processes' lines stay apart. */
import { expect, test } from "@jest/globals";
import { GatheredLog } from "../../src/cli/gathered-log.ts";

test("lines of one turn are written in one go, in as few as fit into so many bytes, and only a longer line is written beyond", async () => {
  const writes: string[] = [];
  const log = new GatheredLog({ write: (text) => void writes.push(text) }, 12);
  const lines = ["one\n", "two\n", "äöü\n", "a line that is too long\n", "end\n"];
  for (const line of lines) log.write(line);
  await new Promise((resolve) => setImmediate(resolve));
  // The umlauts are two bytes each.
  expect(writes).toEqual(["one\ntwo\n", "äöü\n", "a line that is too long\n", "end\n"]);
  log.write("next\n");
  expect(writes).toHaveLength(4);
  await new Promise((resolve) => setImmediate(resolve));
  expect(writes.at(-1)).toBe("next\n");
});
