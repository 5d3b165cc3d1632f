/**
 * `npm run test:chaos [-- --quick]`: the built gateway is killed (SIGKILL) at random moments while clients send runs, and
 * started again at once; after each start it is looked at whether all that was promised still holds (`chaos/promises.ts`).
 * Exit code 1 when something does not; then the database is kept, and the line to repeat it with is printed.
 *
 * `CHAOS_SEED`, `CHAOS_RUNS` and `CHAOS_SESSIONS` change the numbers. A seed repeats what is sent and when it is killed, not
 * how far the gateway gets until then. It builds nothing, and leaves nothing behind unless something was found.
 */
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Audit } from "./chaos/audit.ts";
import { type Counts, haveRun, type World } from "./chaos/clients.ts";
import { Gate } from "./chaos/gate.ts";
import { Gateway } from "./chaos/gateway.ts";
import { giveUp } from "./chaos/give-up.ts";
import { Promises } from "./chaos/promises.ts";
import { Provider } from "./chaos/provider.ts";
import { SeededRandom } from "./chaos/random.ts";
import { planRun, type RunState, type SentRun, SentRuns } from "./chaos/sent-runs.ts";
import { checkTables, type TableCounts } from "./chaos/tables.ts";

const { values: flags } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const numberFrom = (name: string, otherwise: number): number => Number(process.env[name] || otherwise);
const seed = numberFrom("CHAOS_SEED", flags.quick ? 1 : randomInt(1, 1_000_000));
const runCount = numberFrom("CHAOS_RUNS", flags.quick ? 40 : 200);
const sessionCount = numberFrom("CHAOS_SESSIONS", flags.quick ? 8 : 20);
/** Clients at the same time. */
const clientCount = 8;
/** Between the moment when clients may go on and the kill. */
const killAfterMs = { least: 20, most: 700 };
/** Every other time the kill waits for a run's answer then, to come between its keeping and its reply. */
const answerKilledAfterMs = { least: 0, most: 12 };
const startKilledAfterMs = { least: 20, most: 600 };

const counts: Counts = {
  kills: 0,
  startsKilled: 0,
  cut: 0,
  left: 0,
  lost: 0,
  sentAgain: 0,
  replays: 0,
  followed: 0,
  probes: 0,
  longestProbeMs: 0,
};
const promises = new Promises();
const runs = new SentRuns();
const provider = await Provider.start(runs, promises);
const gateway = new Gateway(provider.stub.url);
const world: World = { gateway, runs, promises, counts };
const audit = new Audit(world);
const gate = new Gate();

/** Each takes the next run that nobody has taken yet; what is sent goes by the seed alone. */
async function sendAll(): Promise<void> {
  const random = new SeededRandom(seed);
  const planned = Array.from({ length: runCount }, (_, n) => ({
    session: `chaos-${random.between(1, sessionCount)}`,
    name: `run ${n + 1}`,
    plan: planRun(random, n + 1),
  }));
  const client = async (): Promise<void> => {
    for (let next = planned.shift(); next; next = planned.shift()) await haveRun(world, gate, next.session, next.name, next.plan);
  };
  await Promise.all(Array.from({ length: clientCount }, client));
}

/** Until all runs are sent and known about, or given up. */
async function killAgainAndAgain(sending: Promise<void>): Promise<void> {
  const random = new SeededRandom(seed + 1);
  const isOver = sending.then(() => true);
  // Told by the race below, also when it happens while nobody is racing.
  isOver.catch(() => undefined);
  for (;;) {
    gate.open();
    const pause = sleep(random.between(killAfterMs.least, killAfterMs.most));
    const [isAimed, pauseThen] = [random.isOnceIn(2), random.between(answerKilledAfterMs.least, answerKilledAfterMs.most)];
    const moment = isAimed ? pause.then(() => provider.answered()).then(() => sleep(pauseThen)) : pause;
    if (await Promise.race([isOver, moment.then(() => false)])) return;
    gate.close();
    counts.kills++;
    await gateway.kill();
    await gate.empty();
    if (random.isOnceIn(5)) {
      counts.startsKilled++;
      await gateway.startInVain(random.between(startKilledAfterMs.least, startKilledAfterMs.most));
    }
    await gateway.start();
    await audit.afterRestart();
  }
}

function report(isAnswered: (run: SentRun) => boolean, tables: TableCounts, seconds: number): void {
  const inState = (...states: RunState[]): SentRun[] => runs.all.filter(({ state }) => states.includes(state));
  const of = (state: RunState): number => inState(state).length;
  const carriedOut = inState("cut", "left").filter(isAnswered).length;
  console.log(`\n  sent       ${runCount} runs to ${runs.sessions.length} sessions, ${counts.probes} more to see whether they are free`);
  console.log(`  killed     ${counts.kills} times at work, ${counts.startsKilled} times while starting`);
  console.log(`  runs       ${of("acknowledged")} acknowledged, ${of("failed")} interrupted, ${of("cut")} cut, ${of("left")} given up`);
  console.log(`             of those cut and given up ${carriedOut} were carried out, as a whole`);
  console.log(
    `  replies    ${counts.cut} cut, ${counts.left} given up, ${counts.lost} lost, ${counts.sentAgain} requests sent again, ${counts.replays} replays`,
  );
  console.log(`  background ${counts.followed} runs followed after a restart`);
  const statuses = Object.entries(tables.runs).map(([status, count]) => `${count} ${status}`);
  console.log(
    `  tables     ${tables.sessions} sessions, ${tables.messages} messages (${tables.unanswered} unanswered), runs: ${statuses.join(", ")},`,
  );
  console.log(`             ${tables.events} rows of events, ${tables.completions} completions`);
  console.log(`  free       after a restart a session answered within ${Math.round(counts.longestProbeMs)} ms at most`);
  console.log(`  took       ${seconds.toFixed(1)} s\n`);
  for (const line of promises.lines()) console.log(line);
}

const startedAt = performance.now();
const again = `CHAOS_SEED=${seed} CHAOS_RUNS=${runCount} CHAOS_SESSIONS=${sessionCount} npm run test:chaos`;
console.log(`Chaos: ${runCount} runs, ${sessionCount} sessions, seed ${seed} (${again})`);
try {
  await gateway.start();
  await killAgainAndAgain(sendAll());
  // The last ones, which nobody killed, and everything once more after a kill while nothing is at work.
  counts.kills++;
  await gateway.kill();
  await gateway.start();
  const transcripts = await audit.afterRestart(true);
  const isAnswered = (run: SentRun): boolean => transcripts.some((transcript) => transcript.hasAnswered(run));
  provider.checkReadLater(isAnswered);
  console.log(`  ${await giveUp(gateway, provider)}`);
  const code = await gateway.stop();
  promises.check("tables", code === 0, () => `the gateway ended with ${code} after SIGTERM`);
  report(isAnswered, checkTables(gateway, promises), (performance.now() - startedAt) / 1000);
} finally {
  await provider.stub.close();
}
const { held, broken } = promises.tally;
if (promises.violations === 0) gateway.removeFolder();
else console.log(`\nThe database is in ${gateway.folder}. To repeat it: ${again}`);
console.log(`${held} promises held, ${broken} broken; violations: ${promises.violations}`);
process.exitCode = promises.violations > 0 ? 1 : 0;
