/**
 * `clawgate sessions list | show | reset | delete | export`: the kept sessions of all callers, through the gateway that runs or from
 * the database itself. A session that a gateway is at work on is emptied or deleted when its run is over.
 */
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { atWork, whileRead } from "./at-work.ts";
import { exitCodes } from "./exit-codes.ts";
import type { AccessFlags, SessionsExportFlags, SessionsListFlags, SessionsRemovalFlags, SessionsShowFlags } from "./flags.ts";
import { describeMessage, describeSession, messageRecord, sessionLine, sessionRecord } from "./session-lines.ts";
import { type SessionSource, sessionsOfGateway, sessionsOfDesk, type ShownSession } from "./session-source.ts";

export function listSessions(flags: SessionsListFlags): Promise<number> {
  return withSessions(flags, async (source) => {
    const sessions: ShownSession[] = [];
    for await (const session of source.list(flags.agent, flags.limit)) sessions.push(session);
    if (flags.json) console.log(JSON.stringify({ sessions: sessions.map(sessionRecord) }));
    else if (sessions.length === 0) console.error("There are no sessions.");
    else for (const session of sessions) console.log(sessionLine(session));
    return exitCodes.ok;
  });
}

export function showSession(key: string, flags: SessionsShowFlags): Promise<number> {
  return withSessions(flags, async (source) => {
    const { session, memory, messages } = await source.open(key, flags.branches ?? false);
    if (flags.json) {
      const records: object[] = [];
      for await (const message of messages) records.push(messageRecord(message));
      console.log(JSON.stringify({ ...sessionRecord(session), memory, messages: records }));
      return exitCodes.ok;
    }
    console.log(describeSession(session, memory));
    for await (const message of messages) await print(`\n${describeMessage(message)}`);
    return exitCodes.ok;
  });
}

/** A line each: a session, then what its agent remembers, then its messages, branches included, as far as they are kept. */
export function exportSessions(key: string | undefined, flags: SessionsExportFlags): Promise<number> {
  return withSessions(flags, async (source) => {
    if (key !== undefined) {
      await exportOne(source, key);
      return exitCodes.ok;
    }
    for await (const session of source.list(flags.agent, Number.POSITIVE_INFINITY)) await exportOne(source, session.key);
    return exitCodes.ok;
  });
}

async function exportOne(source: SessionSource, key: string): Promise<void> {
  const { session, memory, messages } = await source.open(key, true);
  await print(JSON.stringify({ type: "session", ...sessionRecord(session) }));
  for (const [name, value] of Object.entries(memory)) await print(JSON.stringify({ type: "memory", session: session.key, name, value }));
  for await (const message of messages) await print(JSON.stringify({ type: "message", session: session.key, ...messageRecord(message) }));
}

export function deleteSession(key: string, flags: SessionsRemovalFlags): Promise<number> {
  return remove(key, flags, {
    verb: "delete",
    question: ({ key: full, messageCount }) => `Delete ${full} with its ${messageCount} messages?`,
    work: async (source, full, signal) => `Deleted ${await source.delete(full, signal)}`,
  });
}

export function resetSession(key: string, flags: SessionsRemovalFlags): Promise<number> {
  return remove(key, flags, {
    verb: "reset",
    question: ({ key: full, messageCount }) => `Delete the ${messageCount} messages in ${full}, and what is remembered in it?`,
    work: async (source, full, signal) => `Reset ${await source.reset(full, signal)}`,
  });
}

interface Removal {
  readonly verb: string;
  readonly question: (session: ShownSession) => string;
  /** Resolves with what has been done, in words. */
  readonly work: (source: SessionSource, key: string, signal: AbortSignal) => Promise<string>;
}

async function remove(key: string, flags: SessionsRemovalFlags, { verb, question, work }: Removal): Promise<number> {
  const { yes } = flags;
  if (!yes && !process.stdin.isTTY) {
    console.error(`Nobody is there to be asked: say --yes to ${verb} a session without a question.`);
    return exitCodes.usage;
  }
  return withSessions(flags, async (source) => {
    const session = await source.find(key);
    if (!yes && !(await confirm(`${question(session)} [y/N] `))) {
      console.error("Nothing was deleted.");
      return exitCodes.failed;
    }
    const stop = new AbortController();
    const interrupt = (): void => stop.abort();
    process.once("SIGINT", interrupt);
    try {
      console.log(await work(source, session.key, stop.signal));
      return exitCodes.ok;
    } catch (thrown) {
      if (!stop.signal.aborted) throw thrown;
      console.error("Nothing was deleted.");
      return exitCodes.interrupted;
    } finally {
      process.off("SIGINT", interrupt);
    }
  });
}

function withSessions(flags: AccessFlags, work: (source: SessionSource) => Promise<number>): Promise<number> {
  return atWork(flags, {
    inGateway: (client) => work(sessionsOfGateway(client)),
    inThisProcess: async (config) => {
      const { openSessionDesk } = await import("../session-desk.ts");
      return whileRead(openSessionDesk(config), (desk) => work(sessionsOfDesk(desk)));
    },
  });
}

/** Waits for whoever reads, so that an export of any size takes little memory. */
async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, "drain");
}

async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-C and Ctrl-D are no answer.
    const answer = await Promise.race([lines.question(question).catch(() => ""), once(lines, "close").then(() => "")]);
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
