/** Who may work on a session, among processes: when a lease is had, kept, lost and taken over, and what it is good for. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import Database from "libsql";

import type { GatewayError } from "../../src/domain/errors.ts";
import type { SessionLease } from "../../src/domain/session.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { isDead, nameOwner } from "../../src/store/process-identity.ts";
import { SessionLeases } from "../../src/store/session-leases.ts";
import { StoredSessions } from "../../src/store/session-store.ts";
import { databaseEngines, type TestDatabase, WatchedDatabase } from "../support/databases.ts";
import { appendTurn, beginTurns, endOf, key, messagesIn, turnMessages, turnOf } from "./turn-of.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const holder = fileURLToPath(new URL("hold-lease.ts", import.meta.url));
const longestSilenceMs = 15_000;
const renewalMs = 5_000;
const ignore = (): void => undefined;

const engines = await databaseEngines();

describe.each(engines)("on $name", ({ name, create }) => {
  let database: TestDatabase;
  let opened: WatchedDatabase[];
  let closers: (() => Promise<void>)[];

  beforeEach(async () => {
    database = await create();
    await (await openSessionStore(database.location)).close();
    opened = [];
    closers = [];
  });

  afterEach(async () => {
    for (const close of closers) await close();
    await database.drop();
  });

  /** As one process has them. */
  async function openLeases(lockPatienceMs?: number): Promise<SessionLeases> {
    const db = new WatchedDatabase(await database.open(lockPatienceMs), 0);
    opened.push(db);
    const leases = new SessionLeases(db, nameOwner(), longestSilenceMs);
    closers.push(async () => {
      await leases.close();
      await db.close();
    });
    return leases;
  }

  async function openStore(): Promise<StoredSessions> {
    const store = new StoredSessions(await database.open());
    closers.push(() => store.close());
    return store;
  }

  async function take(from: SessionLeases | StoredSessions, onLost: (error: GatewayError) => void = ignore): Promise<SessionLease> {
    const lease = await (from instanceof SessionLeases ? from.claim(key, onLost) : from.claimLease(key, onLost)).attempt();
    if (lease === undefined) throw new Error("Somebody else has the lease.");
    return lease;
  }

  const rows = async () => (await database.query("select * from leases")) as { fence: number; owner: string; next_owner: string | null }[];
  const leaveBehind = (owner: string) =>
    database.query("insert into leases (session_key, owner, next_owner, renewals) values (?, ?, null, 7)", [key, owner]);

  describe("a lease", () => {
    test("is had by one at a time, each with a greater number than the one before, and leaves no row behind", async () => {
      const [one, other] = [await openLeases(), await openLeases()];
      const fences: number[] = [];
      for (const leases of [one, other, one, other, other]) {
        const lease = await take(leases);
        fences.push(lease.fence);
        expect(await (leases === one ? other : one).claim("agent:main:else", ignore).attempt()).toBeDefined();
        await database.query("delete from leases where session_key <> 'agent:main:somebody'");
        await lease.release();
        expect(await rows()).toEqual([]);
      }
      expect([...fences].sort((a, b) => a - b)).toEqual(fences);
      expect(new Set(fences).size).toBe(5);
    });

    test("is handed over to the first who was refused, however soon whoever had it wants it again", async () => {
      const [one, other] = [await openLeases(), await openLeases()];
      const lease = await take(one);
      const claim = other.claim(key, ignore);
      expect(await claim.attempt()).toBeUndefined();
      expect(await claim.attempt()).toBeUndefined();
      await lease.release();
      const again = one.claim(key, ignore);
      expect(await again.attempt()).toBeUndefined();
      const next = await claim.attempt();
      expect(next!.fence).toBeGreaterThan(lease.fence);
      await next!.release();
      expect(await again.attempt()).toBeDefined();
    });

    test("is not handed over to whoever no longer wants it, be it before or after", async () => {
      const [one, other] = [await openLeases(), await openLeases()];
      const claim = other.claim(key, ignore);
      for (const withdrawsBefore of [true, false]) {
        const lease = await take(one);
        expect(await claim.attempt()).toBeUndefined();
        if (withdrawsBefore) await claim.withdraw();
        await lease.release();
        if (!withdrawsBefore) await claim.withdraw();
        expect(await rows()).toEqual([]);
      }
    });

    test("is given back once, and a release that comes late takes it from nobody", async () => {
      const [one, other] = [await openLeases(), await openLeases()];
      const lease = await take(one);
      await lease.release();
      const next = await take(other);
      await lease.release();
      expect(await rows()).toMatchObject([{ fence: next.fence }]);
    });

    test("is given back when its store is closed", async () => {
      const leases = await openLeases();
      await take(leases);
      await leases.close();
      expect(await rows()).toEqual([]);
    });
  });

  describe("while time passes", () => {
    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask", "setImmediate", "setTimeout", "hrtime"] });
    });

    afterEach(() => {
      jest.useRealTimers();
    });

    /** Renewals are under way when the clock stands still: what they do is done when this resolves. */
    const pass = async (ms: number): Promise<void> => {
      jest.advanceTimersByTime(ms);
      for (const db of opened) await db.settle();
    };

    test("a lease whose owner lives is kept, however long its run takes and wherever the clock of the host is set", async () => {
      const [one, other] = [await openLeases(), await openLeases()];
      const onLost = jest.fn();
      const lease = await take(one, onLost);
      const claim = other.claim(key, ignore);
      for (let passed = 0; passed < 10 * longestSilenceMs; passed += renewalMs) {
        expect(await claim.attempt()).toBeUndefined();
        jest.setSystemTime(Date.now() + 86_400_000);
        await pass(renewalMs);
      }
      expect(onLost).not.toHaveBeenCalled();
      await lease.release();
      expect(await claim.attempt()).toBeDefined();
    });

    test("one that is silent is taken over when it has been watched for the longest silence, and not before", async () => {
      await leaveBehind("12/34/abc@another host");
      const [before] = await rows();
      const claim = (await openLeases()).claim(key, ignore);
      await pass(10 * longestSilenceMs);
      expect(await claim.attempt()).toBeUndefined();
      await pass(longestSilenceMs - 1);
      expect(await claim.attempt()).toBeUndefined();
      await pass(1);
      expect((await claim.attempt())!.fence).toBeGreaterThan(before!.fence);
    });

    test("whoever lost it is told once, with what to do", async () => {
      const leases = await openLeases();
      const onLost = jest.fn<(error: GatewayError) => void>();
      const lease = await take(leases, onLost);
      await database.query("delete from leases");
      await leaveBehind("12/34/abc@another host");
      await pass(renewalMs);
      await pass(renewalMs);
      expect(onLost.mock.calls).toEqual([[expect.objectContaining({ code: "session_busy", retryAfterMs: 1_000 })]]);
      await lease.release();
      expect(await rows()).toHaveLength(1);
    });

    if (name === "SQLite")
      test("a renewal that finds the database locked loses nothing as long as nobody else takes the lease", async () => {
        const leases = await openLeases(0);
        const onLost = jest.fn();
        const lease = await take(leases, onLost);
        const raw = new Database(database.location);
        raw.exec("begin immediate");
        await pass(2 * longestSilenceMs);
        raw.exec("commit");
        raw.close();
        await pass(renewalMs);
        expect(onLost).not.toHaveBeenCalled();
        expect(await rows()).toMatchObject([{ fence: lease.fence, renewals: 1 }]);
      });
  });

  describe("a lease of a process that was killed", () => {
    /** Resolves with the fence of the lease that the process took before it was killed. */
    async function takeAndDie(): Promise<number> {
      const child = spawn(process.execPath, ["--import", "tsx", holder, database.location, key], {
        cwd: root,
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exit = once(child, "exit");
      const [line] = (await once(child.stdout, "data")) as [Buffer];
      child.kill("SIGKILL");
      await exit;
      return Number(line);
    }

    test("is taken over at once, with a greater number", async () => {
      const fence = await takeAndDie();
      expect(await rows()).toMatchObject([{ fence }]);
      expect((await take(await openLeases())).fence).toBeGreaterThan(fence);
    });

    test("is gone when the next process opens the store, and nobody else's is", async () => {
      await takeAndDie();
      const strangers = "12/34/abc@another host";
      await database.query("insert into leases (session_key, owner, next_owner, renewals) values ('agent:main:else', ?, null, 0)", [
        strangers,
      ]);
      await (await openSessionStore(database.location)).close();
      expect(await rows()).toMatchObject([{ owner: strangers }]);
    });

    test("that was to get one next stands in nobody's way", async () => {
      const owner = await (async () => {
        await takeAndDie();
        return (await rows())[0]!.owner;
      })();
      await database.query("delete from leases");
      const lease = await take(await openLeases());
      await database.query("update leases set next_owner = ?", [owner]);
      await lease.release();
      expect(await (await openLeases()).claim(key, ignore).attempt()).toBeDefined();
    });
  });

  describe("a run that writes under a lease", () => {
    const messages = () => database.query("select run_id, role, state from messages order by id");
    const runs = () => database.query("select id, status from runs order by id");
    const lost = { code: "session_busy", retryAfterMs: 1_000, message: expect.stringContaining("Another process took over this session") };
    const [, call, result, answer] = turnMessages("first");
    const kept = (runId: string, state: string, ...roles: string[]) => roles.map((role) => ({ run_id: runId, role, state }));

    test("is refused at its begin once the lease is lost, and nothing of it is kept", async () => {
      const [one, other] = [await openStore(), await openStore()];
      const { fence } = await take(one);
      await database.query("delete from leases");
      const next = await take(other);
      await expect(beginTurns(one, turnOf("stale", undefined, { fence }))).rejects.toMatchObject(lost);
      expect([await database.query("select key from sessions"), await messages(), await runs()]).toEqual([[], [], []]);
      expect(await rows()).toMatchObject([{ fence: next.fence }]);
    });

    test("is refused at a turn once the lease is lost; what came before stays, unanswered", async () => {
      const [one, other] = [await openStore(), await openStore()];
      const { fence } = await take(one);
      const writer = await beginTurns(one, turnOf("stale", undefined, { fence }));
      await database.query("delete from leases");
      const next = await take(other);
      await expect(writer.addTurn([call!, result!])).rejects.toMatchObject(lost);
      expect(await messages()).toEqual(kept("stale", "unanswered", "user"));
      expect(await rows()).toMatchObject([{ fence: next.fence }]);
    });

    test("cannot complete once the lease is lost, but can fail, which takes the lease from nobody", async () => {
      const [one, other] = [await openStore(), await openStore()];
      const { fence } = await take(one);
      const writer = await beginTurns(one, turnOf("stale", undefined, { fence }));
      await writer.addTurn([call!, result!]);
      await database.query("delete from leases");
      const next = await take(other);
      await expect(writer.end([answer!], endOf("stale", "completed"))).rejects.toMatchObject(lost);
      await appendTurn(other, turnOf("first", undefined, { fence: next.fence }));
      expect(await runs()).toEqual([
        { id: "first", status: "completed" },
        { id: "stale", status: "running" },
      ]);
      const third = await take(other);
      await writer.end([], endOf("stale", "failed"));
      expect(await runs()).toContainEqual({ id: "stale", status: "failed" });
      expect(await rows()).toMatchObject([{ fence: third.fence }]);
      expect(await messagesIn(one)).toEqual(turnMessages("first"));
      expect(await messages()).toEqual([
        ...kept("stale", "unanswered", "user", "assistant", "tool"),
        ...kept("first", "active", "user", "assistant", "tool", "assistant"),
      ]);
    });

    test.each(["completed", "failed"] as const)(
      "gives the lease back when it has %s, to whoever is next, and nobody takes that for a loss",
      async (status) => {
        const [one, other] = [await openStore(), await openStore()];
        const onLost = jest.fn();
        const lease = await take(one, onLost);
        const writer = await beginTurns(one, turnOf("first", undefined, { fence: lease.fence }));
        await writer.addTurn([call!, result!]);
        expect(await rows()).toMatchObject([{ fence: lease.fence }]);
        const claim = other.claimLease(key, ignore);
        expect(await claim.attempt()).toBeUndefined();
        await writer.end([answer!], endOf("first", status));
        const next = await claim.attempt();
        expect(next!.fence).toBeGreaterThan(lease.fence);
        await lease.release();
        expect(await rows()).toMatchObject([{ fence: next!.fence }]);
        expect(onLost).not.toHaveBeenCalled();
      },
    );

    test("keeps the lease when its end is refused for another reason", async () => {
      const store = await openStore();
      await appendTurn(store, turnOf("first", undefined));
      const lease = await take(store);
      const writer = await beginTurns(store, turnOf("stale", "no-such-message", { fence: lease.fence }));
      await expect(writer.end([answer!], endOf("stale", "completed"))).rejects.toMatchObject({ code: "session_busy" });
      expect(await rows()).toMatchObject([{ fence: lease.fence }]);
      await lease.release();
      expect(await rows()).toEqual([]);
    });

    test("saves nothing to the session's memory once the lease is lost", async () => {
      const [one, other] = [await openStore(), await openStore()];
      const ownership = { sessionKey: key, agentId: "main", owner: "main" };
      const { fence } = await take(one);
      const memory = one.memoryOf({ ...ownership, fence });
      await memory.save("colour", "blue");
      await database.query("delete from leases");
      const next = await take(other);
      await expect(memory.save("colour", "red")).rejects.toMatchObject({
        name: "MemoryRefused",
        message: "Not saved: another process has taken over this session.",
      });
      expect(await memory.recall()).toEqual(new Map([["colour", "blue"]]));
      await other.memoryOf({ ...ownership, fence: next.fence }).save("colour", "green");
      expect(await memory.recall()).toEqual(new Map([["colour", "green"]]));
    });
  });
});

describe("whether a process is dead", () => {
  const [, pid, startTime, host] = /^(\d+)\/(\d*)\/[^@]*@(.*)$/.exec(nameOwner())!;
  const isLinux = process.platform === "linux";

  test("is known of this host's", async () => {
    const child = spawn(process.execPath, ["--eval", ""]);
    await once(child, "exit");
    expect(isDead(nameOwner())).toBe(false);
    expect(isDead(`${pid}/${startTime}/another-store@${host}`)).toBe(false);
    expect(isDead(`${child.pid}/${startTime}/x@${host}`)).toBe(true);
  });

  test("is not guessed of another host's or container's, nor of what is no name", async () => {
    const child = spawn(process.execPath, ["--eval", ""]);
    await once(child, "exit");
    for (const owner of [`${child.pid}/${startTime}/x@elsewhere`, `${child.pid}/${startTime}/x@${host}1`, "", "nobody", `0//x@${host}`]) {
      expect([owner, isDead(owner)]).toEqual([owner, false]);
    }
  });

  (isLinux ? test : test.skip)("is known although another one has its number now, or its parent has not looked", async () => {
    expect(isDead(`${pid}/${Number(startTime) + 1}/x@${host}`)).toBe(true);
    // It ends when its shell has been replaced by a program that never waits for it.
    const parent = spawn("sh", ["-c", "exec 3<&0; (read line <&3) & echo $!; exec sleep 60"], { stdio: ["pipe", "pipe", "inherit"] });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    while (readFileSync(`/proc/${parent.pid}/comm`, "utf8") !== "sleep\n") await new Promise((resolve) => setImmediate(resolve));
    parent.stdin.write("\n");
    const zombie = `${Number(line)}//x@${host}`;
    while (!isDead(zombie)) await new Promise((resolve) => setImmediate(resolve));
    process.kill(Number(line), 0);
    parent.kill("SIGKILL");
    await once(parent, "exit");
  });
});
