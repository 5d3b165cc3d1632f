/**
 * A host that keeps the gateway from its database: what callers see, that nothing is acknowledged that is not kept, what
 * the log says, and that all is well again when the fault is over, without a restart.
 */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import Database from "libsql";
import { printSkipped } from "../clients/processes.ts";
import { makeFolder } from "../support/gateway.ts";
import { type HostGateway, type HostOptions, startHostGateway, whyNot } from "./host-gateway.ts";

interface Fault {
  readonly what: string;
  /** Why it cannot be had here. */
  readonly reason: string | undefined;
  readonly options?: HostOptions;
  /** Returns how to end it. */
  readonly begin: (gateway: HostGateway) => () => void;
  readonly logged: RegExp;
}

const inOwnMounts = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"];
const [unshare = "", ...unshareArgs] = inOwnMounts;
const noMounts = whyNot(unshare, ...unshareArgs, "mount -t tmpfs tmpfs /tmp");
const noLimits = whyNot("prlimit", "--fsize");

const faults: readonly Fault[] = [
  {
    what: "a full disk",
    reason: noMounts,
    options: { through: (folder) => [...inOwnMounts, 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"', folder] },
    begin: ({ pid, database }) => {
      const filler = join(`/proc/${pid}/root`, database, "..", "filler");
      fill(filler);
      return () => rmSync(filler);
    },
    logged: /SQLITE_FULL|database or disk is full/,
  },
  {
    what: "a limit on the size of files",
    reason: noLimits,
    begin: ({ pid }) => {
      execFileSync("prlimit", ["--pid", String(pid), "--fsize=4096:unlimited"]);
      return () => void execFileSync("prlimit", ["--pid", String(pid), "--fsize=unlimited:unlimited"]);
    },
    logged: /SQLITE_IOERR|disk I\/O error/,
  },
  {
    what: "a lock that another process holds",
    reason: undefined,
    begin: ({ database }) => {
      const other = new Database(database);
      other.exec("begin exclusive");
      return () => {
        other.exec("rollback");
        other.close();
      };
    },
    logged: /database is locked/,
  },
];

const session = { "x-openclaw-session-key": "mine" };
const unavailable = { status: 503, body: { error: { code: "store_unavailable", type: "server_error", param: null } } };

describe.each(faults)("$what", ({ what, reason, options, begin, logged }) => {
  if (reason !== undefined) printSkipped(`${what} cannot be had: ${reason}`);
  const withFault = reason === undefined ? test : test.skip;

  withFault(
    "refuses what would have to be kept, loses nothing that was, and leaves no trace once it is over",
    async () => {
      const gateway = await startHostGateway(options);
      expect(await gateway.chat("one", {}, session)).toMatchObject({ status: 200 });
      const end = begin(gateway);
      const asked = gateway.upstream.requests.length;
      const refused = await Promise.all([
        gateway.chat("two", {}, session),
        gateway.chat("two", { stream: true }, session),
        gateway.chat("two", { stream: true }, { "idempotency-key": "once" }),
        gateway.chat("two", { store: true }),
        gateway.chat("two", {}, { "x-openclaw-background": "true" }),
      ]);
      for (const reply of refused) expect(reply).toMatchObject(unavailable);
      // Nobody pays a provider for what cannot be kept.
      expect(gateway.upstream.requests.length).toBe(asked);
      expect(await gateway.chat("stateless")).toMatchObject({ status: 200 });
      expect(await gateway.get("/healthz")).toMatchObject({ status: 200 });
      const transcript = await gateway.get("/v1/sessions/agent%3Amain%3Amine/messages");
      expect(transcript).toMatchObject({ status: 200 });
      expect(await gateway.log()).toMatch(logged);
      end();
      expect(await gateway.chat("three", {}, session)).toMatchObject({ status: 200 });
      expect(gateway.lastAsked()).toEqual(["one", "Fine.", "three"]);
      expect(await gateway.chat("four", {}, { "idempotency-key": "once" })).toMatchObject({ status: 200 });
      expect(await gateway.get("/readyz")).toMatchObject({ status: 200 });
      await gateway.stop();
    },
    120_000,
  );
});

describe("a read-only disk", () => {
  if (noMounts !== undefined) printSkipped(`a read-only disk cannot be had: ${noMounts}`);
  const withFault = noMounts === undefined ? test : test.skip;
  const readOnly = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  const through = (disk: string): readonly string[] => [...inOwnMounts, readOnly, disk];

  withFault(
    "is said at the start, and nothing starts, be there sessions on it or not",
    async () => {
      const whatIsSaid = /The session database .*clawgate\.db cannot be opened: .*read-only/;
      const folder = await makeFolder();
      await expect(startHostGateway({ folder, through })).rejects.toThrow(whatIsSaid);
      const gateway = await startHostGateway({ folder });
      expect(await gateway.chat("one", {}, session)).toMatchObject({ status: 200 });
      await gateway.stop();
      await expect(startHostGateway({ folder, through })).rejects.toThrow(whatIsSaid);
    },
    120_000,
  );
});

/** Until not one more byte fits. */
function fill(path: string): void {
  const file = openSync(path, "w");
  for (let size = 1024 * 1024; size >= 1;) {
    try {
      if (writeSync(file, Buffer.alloc(size)) < size) size = Math.floor(size / 2);
    } catch {
      size = Math.floor(size / 2);
    }
  }
  closeSync(file);
}
