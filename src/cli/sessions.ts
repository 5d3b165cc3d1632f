/**
 * `clawgate sessions list | show | delete | export`: the kept sessions of all callers, from this process and beside a running
 * gateway. A session that the gateway is at work on is deleted when its run is over.
 */
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { mainPrincipal } from "../domain/principal.ts";
import type { KeptMessage, KeptSession } from "../domain/session-catalog.ts";
import type { Program } from "../program.ts";
import { exitCodes } from "./exit-codes.ts";
import type { SessionsDeleteFlags, SessionsExportFlags, SessionsListFlags, SessionsShowFlags } from "./flags.ts";
import { open } from "./open.ts";
import { describeMessage, describeSession, messageRecord, sessionLine, sessionRecord } from "./session-lines.ts";

const pageSize = 1_000;

export function listSessions({ config, agent, limit, json }: SessionsListFlags): Promise<number> {
  return withProgram(config, async ({ keptSessions }) => {
    const sessions: KeptSession[] = [];
    for await (const session of allSessions(keptSessions, agent, limit)) sessions.push(session);
    if (json) console.log(JSON.stringify({ sessions: sessions.map(sessionRecord) }));
    else if (sessions.length === 0) console.error("There are no sessions.");
    else for (const session of sessions) console.log(sessionLine(session));
    return exitCodes.ok;
  });
}

export function showSession(key: string, { config, branches = false, json }: SessionsShowFlags): Promise<number> {
  return withProgram(config, async ({ keptSessions }) => {
    const session = await keptSessions.get(mainPrincipal, key);
    const memory = Object.fromEntries(await keptSessions.readMemory(mainPrincipal, session.key));
    if (json) {
      const messages: object[] = [];
      for await (const message of allMessages(keptSessions, session.key, branches)) messages.push(messageRecord(message));
      console.log(JSON.stringify({ ...sessionRecord(session), memory, messages }));
      return exitCodes.ok;
    }
    console.log(describeSession(session, memory));
    for await (const message of allMessages(keptSessions, session.key, branches)) await print(`\n${describeMessage(message)}`);
    return exitCodes.ok;
  });
}

/** A line each: a session, then what its agent remembers, then its messages, branches included, as far as they are kept. */
export function exportSessions(key: string | undefined, { config, agent }: SessionsExportFlags): Promise<number> {
  return withProgram(config, async ({ keptSessions }) => {
    const sessions = key === undefined ? allSessions(keptSessions, agent) : [await keptSessions.get(mainPrincipal, key)];
    for await (const session of sessions) {
      await print(JSON.stringify({ type: "session", ...sessionRecord(session) }));
      const of = { type: "memory", session: session.key };
      for (const [name, value] of await keptSessions.readMemory(mainPrincipal, session.key)) {
        await print(JSON.stringify({ ...of, name, value }));
      }
      for await (const message of allMessages(keptSessions, session.key, true)) {
        await print(JSON.stringify({ type: "message", session: session.key, ...messageRecord(message) }));
      }
    }
    return exitCodes.ok;
  });
}

export async function deleteSession(key: string, { config, yes }: SessionsDeleteFlags): Promise<number> {
  if (!yes && !process.stdin.isTTY) {
    console.error("Nobody is there to be asked: say --yes to delete a session without a question.");
    return exitCodes.usage;
  }
  return withProgram(config, async ({ keptSessions }) => {
    const session = await keptSessions.get(mainPrincipal, key);
    if (!yes && !(await confirm(`Delete ${session.key} with its ${session.messageCount} messages? [y/N] `))) {
      console.error("Nothing was deleted.");
      return exitCodes.failed;
    }
    const stop = new AbortController();
    const interrupt = (): void => stop.abort(new Error("Nothing was deleted."));
    process.once("SIGINT", interrupt);
    try {
      console.log(`Deleted ${await keptSessions.delete(mainPrincipal, session.key, stop.signal)}`);
      return exitCodes.ok;
    } catch (thrown) {
      if (!stop.signal.aborted) throw thrown;
      return exitCodes.interrupted;
    } finally {
      process.off("SIGINT", interrupt);
    }
  });
}

async function withProgram(config: string | undefined, work: (program: Program) => Promise<number>): Promise<number> {
  const opened = await open({ configPath: config }, () => undefined);
  if (typeof opened === "number") return opened;
  // Whoever read the output has gone (`| head`): there is nobody left to write for.
  const gone = new Promise<number>((resolve) => process.stdout.once("error", () => resolve(exitCodes.ok)));
  try {
    return await Promise.race([work(opened.program), gone]);
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : String(thrown));
    return exitCodes.failed;
  } finally {
    await opened.program.close();
  }
}

type Kept = Program["keptSessions"];

/** Last active first. */
async function* allSessions(kept: Kept, agent: string | undefined, limit = Infinity): AsyncGenerator<KeptSession> {
  let left = limit;
  for (let after: string | undefined; left > 0;) {
    const page = await kept.list(mainPrincipal, { agent, after, order: "desc", limit: Math.min(left, pageSize) });
    yield* page.items;
    left -= page.items.length;
    after = page.items.at(-1)?.key;
    if (!page.hasMore) return;
  }
}

async function* allMessages(kept: Kept, key: string, branches: boolean): AsyncGenerator<KeptMessage> {
  for (let after: string | undefined; ;) {
    const page = await kept.readMessages(mainPrincipal, key, { branches, after, order: "asc", limit: pageSize });
    yield* page.items;
    after = page.items.at(-1)?.id;
    if (!page.hasMore) return;
  }
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
