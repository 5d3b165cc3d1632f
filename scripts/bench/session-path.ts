/**
 * (n) Completions that continue a kept session, beside the proxy, which keeps nothing; and what a kept session leaves in the
 * gateway's memory. 64 sessions at a time; each is followed by a new one after some turns, so that the model is not
 * sent more and more.
 */
import { memoryMb } from "../server-process.ts";
import { Client } from "./load.ts";
import { heldKb, probeFlags, worstDelay } from "./loop-delay.ts";
import { ask, models, type Question } from "./requests.ts";
import { round, targetsOf, type LoopDelay, type Row, type ScenarioResult, type Target } from "./report.ts";
import { isStubCompletion } from "./scenarios.ts";
import { startGateway, token, writeConfig, type Subjects } from "./subjects.ts";
import { measureThroughput, type Effort } from "./throughput.ts";

const sessions = 64;
const turns = 5;

/** Asks in one session after the other. */
function createConversations(): () => Question {
  const question = ask("openclaw:plain", { token });
  let asked = 0;
  return () => {
    const generation = Math.floor(asked / (sessions * turns));
    const key = `bench-${generation}-${asked++ % sessions}`;
    return { ...question, headers: { ...question.headers, "x-openclaw-session-key": key } };
  };
}

export async function sessionPath({ gateway, stub, proxy }: Subjects, effort: Effort, stored: number): Promise<ScenarioResult> {
  const rows: Row[] = [];
  const targets: Target[] = [];
  const figures: { [name: string]: number } = {};
  const delays: [string, LoopDelay | undefined][] = [];
  const inSession = createConversations();
  await warmUp(gateway.url, inSession, effort);
  for (const concurrency of [8, 64]) {
    const contenders = [
      { name: "gateway", server: gateway, question: inSession, isProbed: true },
      { name: "node:http proxy", server: proxy, question: ask(models.plain), isProbed: true },
    ];
    const measured = await measureThroughput(contenders, concurrency, effort, { check: isStubCompletion });
    const ratio = measured.ratioTo("node:http proxy");
    rows.push(...measured.rows);
    delays.push([`kept sessions, c=${concurrency}`, measured.loopDelay]);
    figures[`req/s in a session, gateway / proxy, c=${concurrency}`] = ratio;
    targets.push(...targetsOf(`req/s in a kept session, c=${concurrency}, as a share of the proxy's`, ratio, { floor: 0.15, goal: 0.3 }));
  }
  const each = await memoryOfSessions(stub.url, stored);
  figures["heap per kept session, KB"] = each.heldKb;
  rows.push({
    what: `${stored} new sessions`,
    server: "gateway",
    cells: { "RSS KB each": round(each.rssKb), "held KB each": round(each.heldKb) },
  });
  const title = `(n) completion in a kept session, ${sessions} sessions of ${turns} turns, stub upstream, not streamed`;
  return { title, rows, targets, figures, loopDelay: worstDelay(delays) };
}

/** What a kept session takes besides is compiled before it is measured, as all else is. */
async function warmUp(url: string, inSession: () => Question, { seconds }: Effort): Promise<void> {
  const client = new Client(url, 8);
  await client.load(inSession, { concurrency: 8, seconds: 5 * seconds }, isStubCompletion);
  await client.close();
}

/** A gateway of its own: a collection that was asked for leaves another machine code behind. */
async function memoryOfSessions(upstreamUrl: string, count: number): Promise<{ heldKb: number; rssKb: number }> {
  const gateway = await startGateway(writeConfig(upstreamUrl), probeFlags);
  try {
    const client = new Client(gateway.url, 8);
    const inSession = createConversations();
    const keep = (maxCount: number) => client.load(inSession, { concurrency: 8, seconds: 60, maxCount }, isStubCompletion);
    await keep(count);
    const before = { held: await heldKb(gateway), rss: memoryMb(gateway.pid) ?? NaN };
    await keep(count * turns);
    const after = { held: await heldKb(gateway), rss: memoryMb(gateway.pid) ?? NaN };
    await client.close();
    return { heldKb: (after.held - before.held) / count, rssKb: ((after.rss - before.rss) * 1024) / count };
  } finally {
    await gateway.stop();
  }
}
