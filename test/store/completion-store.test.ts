/** Completions that were asked to be kept: found, listed in pages, changed and removed by whose they are. */

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";

import type { CompletionQuery, KeptCompletion } from "../../src/domain/kept-completion.ts";
import type { SessionStore } from "../../src/domain/session.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { completionOf, endingOf, runOf } from "./run-of.ts";

const engines = await databaseEngines();

describe.each(engines)("on $name", ({ create }) => {
  let database: TestDatabase;
  let store: SessionStore;

  beforeEach(async () => {
    database = await create();
    store = await openSessionStore(database.location);
  });

  afterEach(async () => {
    await store.close();
    await database.drop();
  });

  const keep = (runId: string, change: Partial<KeptCompletion> = {}): Promise<void> =>
    store.runs.end(endingOf(runId, { completion: completionOf(runId, change) }));

  const listed = ({ input: _input, ...completion }: KeptCompletion) => completion;

  /** Ids of all pages, a `|` after each. */
  async function idsIn(query: Partial<CompletionQuery>): Promise<string> {
    const told: string[] = [];
    for (let after: string | undefined; ;) {
      const { items, hasMore } = await store.completions.list({
        limit: 2,
        order: "asc",
        ...query,
        ...(after === undefined ? {} : { after }),
      });
      told.push(`${items.map(({ runId }) => runId).join(" ")}|`);
      if (!hasMore) return told.join(" ");
      after = items.at(-1)!.runId;
    }
  }

  test("one is found as it was kept with the end of its run, and what went in apart from it", async () => {
    const completion = completionOf("a", {
      metadata: { topic: "\0 é", "": "" },
      result: {
        ...completionOf("a").result,
        reasoning: "hm",
        toolCalls: [{ id: "call", name: "lookup", arguments: "{not json" }],
        end: {
          type: "run_end",
          status: "completed",
          finishReason: "tool_calls",
          model: "stub/last",
          turns: 2,
          usage: { inputTokens: 1, outputTokens: 2 },
          cost: 0.5,
        },
      },
      input: [
        { role: "system", content: [{ type: "text", text: "Be brief." }] },
        { role: "user", content: [{ type: "image", mediaType: "image/png", data: "AAAA" }], name: "Ada" },
        { role: "assistant", content: "", toolCalls: [] },
        { role: "tool", toolCallId: "call", content: [{ type: "text", text: "it" }] },
      ],
    });
    await store.runs.open(runOf("a"));
    await store.runs.end(endingOf("a", { completion }));
    expect(await store.completions.find("a")).toEqual(listed(completion));
    expect(await store.completions.readInput("a")).toEqual(completion.input);
    expect(await store.completions.list({ limit: 9, order: "desc" })).toEqual({ items: [listed(completion)], hasMore: false });
  });

  describe("a list", () => {
    beforeEach(async () => {
      const createdAt = Date.now();
      await keep("b", { createdAt, owner: "bob", metadata: { topic: "sun", mood: "calm" } });
      await keep("a", { createdAt, modelName: "openclaw/writer" });
      await keep("d", { createdAt: createdAt + 2, metadata: { topic: "sun" } });
      await keep("c", { createdAt: createdAt + 1, owner: "bob", metadata: { topic: "moon", mood: "calm" } });
      await keep("e", { createdAt: createdAt + 3, owner: "bob", modelName: "openclaw/writer", metadata: { topic: "sun" } });
      await keep("gone", { createdAt: createdAt - 1, expiresAt: createdAt - 1 });
    });

    test("goes by the time they were made, page by page, either way", async () => {
      expect(await idsIn({})).toBe("a b| c d| e|");
      expect(await idsIn({ order: "desc" })).toBe("e d| c b| a|");
      expect(await idsIn({ limit: 5 })).toBe("a b c d e|");
    });

    test("is of one owner, one model and all pairs of metadata, or of any", async () => {
      expect(await idsIn({ owner: "bob" })).toBe("b c| e|");
      expect(await idsIn({ owner: "bob", order: "desc" })).toBe("e c| b|");
      expect(await idsIn({ owner: "nobody" })).toBe("|");
      expect(await idsIn({ modelName: "openclaw/writer" })).toBe("a e|");
      expect(await idsIn({ metadata: { topic: "sun" } })).toBe("b d| e|");
      expect(await idsIn({ metadata: { topic: "sun" }, limit: 1 })).toBe("b| d| e|");
      expect(await idsIn({ metadata: { mood: "calm", topic: "sun" } })).toBe("b|");
      expect(await idsIn({ metadata: { topic: "sun" }, owner: "bob", modelName: "openclaw/writer" })).toBe("e|");
      for (const metadata of [{ topic: "Sun" }, { topic: "su" }, { toString: "sun" }, { mood: "" }])
        expect(await idsIn({ metadata })).toBe("|");
      expect(await idsIn({ metadata: {} })).toBe("a b| c d| e|");
    });

    test("does not begin after what is not there, or is somebody else's", async () => {
      for (const query of [{ after: "nobody" }, { after: "gone" }, { after: "d", owner: "bob" }, { after: "a\0" }]) {
        const refused = store.completions.list({ limit: 2, order: "asc", ...query });
        await expect(refused).rejects.toMatchObject({ code: "invalid_value", param: "after" });
      }
      const { items } = await store.completions.list({ limit: 2, order: "asc", after: "a", owner: undefined, metadata: { topic: "moon" } });
      expect(items.map(({ runId }) => runId)).toEqual(["c"]);
    });
  });

  test("the few that are wanted are found among very many, and pages end where they end", async () => {
    const createdAt = Date.now();
    for (let n = 0; n < 1_700; n++) {
      const runId = `r${`${n}`.padStart(4, "0")}`;
      await keep(runId, { createdAt: createdAt + n, metadata: { kind: n % 400 === 399 ? "rare" : "common" } });
    }
    expect(await idsIn({ metadata: { kind: "rare" } })).toBe("r0399 r0799| r1199 r1599|");
    expect(await idsIn({ metadata: { kind: "rare" }, limit: 1, order: "desc" })).toBe("r1599| r1199| r0799| r0399|");
    expect(await idsIn({ metadata: { kind: "common" }, limit: 1_000 })).toMatch(/^(?:r\d+ ?){1000}\| (?:r\d+ ?){696}\|$/);
  });

  test("metadata is replaced by its owner, and counted", async () => {
    await keep("a", { owner: "bob", metadata: { topic: "sun" } });
    const before = await store.runs.measure();
    const metadata = { note: "é".repeat(100) };
    expect(await store.completions.setMetadata("a", "ada", metadata)).toBeUndefined();
    expect(await store.completions.setMetadata("b", "bob", metadata)).toBeUndefined();
    expect(await store.completions.find("a")).toMatchObject({ metadata: { topic: "sun" } });
    const changed = await store.completions.setMetadata("a", "bob", metadata);
    expect(changed).toEqual(await store.completions.find("a"));
    expect(changed).toMatchObject({ runId: "a", owner: "bob", metadata });
    expect((await store.runs.measure()) - before).toBe(Buffer.byteLength(JSON.stringify(metadata)) - '{"topic":"sun"}'.length);
  });

  test("one is removed by its owner, once, and only it", async () => {
    await store.runs.open(runOf("a"));
    await keep("a", { owner: "bob" });
    await keep("b", { owner: "bob" });
    expect(await store.completions.remove("a", "ada")).toBe(false);
    expect(await store.completions.remove("a", "bob")).toBe(true);
    expect(await store.completions.remove("a", "bob")).toBe(false);
    expect(await store.completions.find("a")).toBeUndefined();
    expect(await store.completions.readInput("a")).toBeUndefined();
    expect(await store.runs.find("a")).toMatchObject({ status: "completed" });
    expect(await idsIn({})).toBe("b|");
  });

  test("one whose time is over is not there, whatever is asked", async () => {
    await keep("a", { expiresAt: Date.now() - 1 });
    for (const id of ["a", "a\0", "nobody"]) {
      expect(await store.completions.find(id)).toBeUndefined();
      expect(await store.completions.readInput(id)).toBeUndefined();
      expect(await store.completions.setMetadata(id, "main", {})).toBeUndefined();
      expect(await store.completions.remove(id, "main")).toBe(false);
    }
  });

  test("what is damaged is an error of its own completion", async () => {
    await keep("a");
    await keep("b");
    const damage = { code: "store_unavailable", message: expect.stringMatching(/^This stored completion is damaged/) };
    await database.query("update completions set input = '[{}]' where run_id = 'a'");
    await expect(store.completions.readInput("a")).rejects.toMatchObject(damage);
    expect(await store.completions.find("a")).toMatchObject({ runId: "a" });
    for (const [column, text] of [
      ["metadata", '{"a":1}'],
      ["result", '{"text":""}'],
      ["result", "{"],
    ]) {
      await keep(`${column} ${text}`);
      await database.query(`update completions set ${column} = ? where run_id = ?`, [text!, `${column} ${text}`]);
      await expect(store.completions.find(`${column} ${text}`)).rejects.toMatchObject(damage);
    }
    expect(await store.completions.find("b")).toMatchObject({ runId: "b" });
  });
});
