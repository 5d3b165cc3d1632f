/**
 * Many callers of one session, whose runs take turns: within one gateway, where the next one begins by itself, and through three, which
 * hand the session over; these with notices, and without, when they have to look for themselves.
 */
import { median, round, type ScenarioResult } from "../bench/report.ts";
import { isStubCompletion } from "../bench/scenarios.ts";
import { countTurns } from "./databases.ts";
import { type Fleet, manySessions, oneSession, startFleet } from "./fleet.ts";
import { measure } from "./measure.ts";
import { wholeTarget, type Stage } from "./stage.ts";

const concurrency = 8;
/** Then another one: what the model is sent stays short. */
const turnsPerSession = 50;
/** Where no server listens. */
const nowhere = "postgres://127.0.0.1:1/nothing";
const names = { many: "3 processes, 64 sessions", alone: "1 process", heard: "3 processes", unheard: "3 processes, no notices" };

export async function hotSession({ server, stub, effort }: Stage): Promise<ScenarioResult> {
  const database = await server.createDatabase();
  const fleets: Fleet[] = [];
  try {
    const heard = await startFleet(stub.url, 3, { database });
    fleets.push(heard);
    const unheard = await startFleet(stub.url, 3, { database, listenUrl: nowhere });
    fleets.push(unheard);
    const hot = (label: string) => oneSession(label, turnsPerSession);
    const contenders = [
      { name: names.alone, gateways: heard.gateways.slice(0, 1), processes: 1, question: hot("alone") },
      { name: names.heard, gateways: heard.gateways, processes: 3, question: hot("heard") },
      { name: names.unheard, gateways: unheard.gateways, processes: 3, question: hot("unheard") },
      { name: names.many, gateways: heard.gateways, processes: 3, question: manySessions("many") },
    ];
    const measured = await measure(
      contenders,
      { postgres: server.pid, stub: stub.pid },
      { ...effort, concurrency, check: isStubCompletion },
    );
    // One after the other: what a run takes longer is what the handover takes.
    const msPerRun = (name: string): number => median(measured.of(name).map(({ perSecond }) => 1000 / perSecond));
    const rows = measured.rows(`c=${concurrency}`, names.alone).map((row) => {
      return row.server === names.many ? row : { ...row, cells: { ...row.cells, "ms from run to run": round(msPerRun(row.server)) } };
    });
    const answered = [...measured.answered.values()].reduce((all, count) => all + count, 0);
    return {
      title: "Completions in one session",
      rows,
      targets: [wholeTarget("one session", answered, await countTurns(database, answered))],
      figures: {
        "handover, ms": msPerRun(names.heard) - msPerRun(names.alone),
        "handover without notices, ms": msPerRun(names.unheard) - msPerRun(names.alone),
        "one session, three processes, to one": measured.ratio(names.heard, names.alone),
      },
    };
  } finally {
    await Promise.all(fleets.map((fleet) => fleet.stop()));
  }
}
