/** A writer process is killed without warning, again and again: no acknowledged turn is lost, no half turn is ever found. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { expect, test } from "@jest/globals";
import Database from "libsql";

import { openSessionStore } from "../../src/store/open-session-store.ts";
import { messagesIn, turnMessages } from "./turn-of.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const writer = fileURLToPath(new URL("append-without-end.ts", import.meta.url));

/** Kills the writer after so many acknowledgements and returns the last one that it managed to print. */
async function writeUntilKilled(file: string, acknowledgements: number): Promise<number> {
  const child = spawn(process.execPath, ["--import", "tsx", writer, file], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const exit = once(child, "exit");
  let count = 0;
  let last = -1;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    count += 1;
    if (count === acknowledgements) child.kill("SIGKILL");
  }
  expect(await exit).toEqual([null, "SIGKILL"]);
  return last;
}

test("after kill -9 in the middle of appends, every acknowledged turn is there and every turn is whole", async () => {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-crash-"));
  const file = join(folder, "sessions.db");
  try {
    for (const acknowledgements of [1, 40, 150, 333]) {
      const last = await writeUntilKilled(file, acknowledgements);
      const store = await openSessionStore(file);
      const messages = await messagesIn(store);
      const turns = messages.length / 4;
      expect(turns).toBeGreaterThanOrEqual(last + 1);
      expect(messages).toEqual(Array.from({ length: turns }, (_, turn) => turnMessages(`${turn}`)).flat());
      await store.close();
      const database = new Database(file);
      expect(database.prepare("select run_id from messages group by run_id having count(*) <> 4").all([])).toEqual([]);
      expect(database.pragma("integrity_check")).toEqual([{ integrity_check: "ok" }]);
      database.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
