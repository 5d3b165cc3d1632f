/** A run whose end cannot be written: its caller hears of it, and whoever asks for the run later is told that it is over. */
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import Database from "libsql";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { keyed, showRun } from "./run-requests.ts";

async function refusing(write: string): Promise<{ gateway: TestGateway; database: Database.Database }> {
  const gateway = await startGateway();
  await gateway.get("/v1/sessions");
  const database = new Database(join(gateway.folder, "clawgate.db"));
  database.exec(`create trigger refuse before ${write} begin select raise(abort, 'The disk is full.'); end`);
  return { gateway, database };
}

async function untilInterrupted(database: Database.Database): Promise<void> {
  const look = database.prepare("select id from runs where status = 'interrupted' and idempotency_key is null");
  const until = Date.now() + 20_000;
  while (look.all([]).length === 0) {
    if (Date.now() > until) throw new Error("No run was interrupted.");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test.each(["update of status on runs when new.status <> 'interrupted'", "insert on messages"])("%s: the run has failed", async (write) => {
  const { gateway, database } = await refusing(write);
  const reply = await gateway.chat(say("Hello."), { "x-openclaw-session-key": "mine" });
  expect({ status: reply.status, body: await reply.json() }).toMatchObject({ status: 503, body: { error: { code: "store_unavailable" } } });
  const shown = await showRun(gateway, reply.headers.get("x-openclaw-run-id")!);
  expect(shown).toMatchObject({ status: "failed", error: { code: "store_unavailable" } });
  database.close();
});

const badSchema = { type: "json_schema", json_schema: { name: "answer", schema: { type: "no such type" } } };

test.each([
  ["ends", "update of status on runs when new.status <> 'interrupted'", say("Hello."), 503],
  ["is refused", "delete on runs", say("Hello.", { response_format: badSchema }), 400],
])("one that %s has its Idempotency-Key no longer than until the store can be written again", async (_what, write, body, status) => {
  const { gateway, database } = await refusing(write);
  expect((await gateway.chat(body, keyed("once"))).status).toBe(status);
  database.exec("drop trigger refuse");
  await untilInterrupted(database);
  const again = await gateway.chat(say("Hello again."), keyed("once"));
  expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([200, null]);
  database.close();
});
