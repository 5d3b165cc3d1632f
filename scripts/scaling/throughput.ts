/**
 * Completions in many kept sessions, and without a session, by one, two and three gateways on one Postgres; beside them one gateway with
 * a database file. And the same by the workers of one gateway.
 */
import { round, type Row, type ScenarioResult } from "../bench/report.ts";
import { isStubCompletion } from "../bench/scenarios.ts";
import { countTurns } from "./databases.ts";
import { type Fleet, manySessions, startFleet, stateless } from "./fleet.ts";
import { measure, type Contender, type Measured, type Sample } from "./measure.ts";
import { wholeTarget, type Stage } from "./stage.ts";

const counts = [1, 2, 3];
const concurrency = 24;
const nameOf = (count: number): string => (count === 1 ? "1 process" : `${count} processes`);
const first = nameOf(1);
const fileName = "1 process, file";

export async function keptRuns(stage: Stage): Promise<ScenarioResult> {
  const { server, stub } = stage;
  const fleets: Fleet[] = [];
  try {
    const file = await startFleet(stub.url, 1);
    fleets.push(file);
    const shared = await startFleet(stub.url, 3, { database: await server.createDatabase() });
    fleets.push(shared);
    const contenders: Contender[] = counts.map((count) => {
      return { name: nameOf(count), gateways: shared.gateways.slice(0, count), processes: count, question: manySessions(`p${count}`) };
    });
    contenders.unshift({ name: fileName, gateways: file.gateways, processes: 1, question: manySessions("file") });
    const measured = await ask(stage, contenders);
    const onPostgres = sum(measured, counts.map(nameOf));
    const inFile = sum(measured, [fileName]);
    return {
      title: "Completions in 64 kept sessions",
      rows: withCores(measured.rows(`c=${concurrency}`, first), measured, contenders),
      targets: [
        wholeTarget("kept sessions, Postgres", onPostgres, await countTurns(shared.location, onPostgres)),
        wholeTarget("kept sessions, file", inFile, await countTurns(file.location, inFile)),
      ],
      figures: keptFigures(measured),
    };
  } finally {
    await Promise.all(fleets.map((fleet) => fleet.stop()));
  }
}

/** What no database has to do with. */
export async function statelessRuns(stage: Stage): Promise<ScenarioResult> {
  const fleet = await startFleet(stage.stub.url, 3, { database: await stage.server.createDatabase() });
  try {
    const contenders = counts.map((count) => ({
      name: nameOf(count),
      gateways: fleet.gateways.slice(0, count),
      processes: count,
      question: stateless,
    }));
    const measured = await ask(stage, contenders);
    const figures = Object.fromEntries(
      counts.map((count) => [`stateless, ${nameOf(count)}, to one`, measured.ratio(nameOf(count), first)]),
    );
    const answered = sum(measured, counts.map(nameOf));
    const targets = [
      { name: "no session: each run answered, nothing kept", ...(await nothingKept(fleet.location)), measured: `${answered} answered` },
    ];
    return { title: "Completions without a session", rows: measured.rows(`c=${concurrency}`, first), targets, figures };
  } finally {
    await fleet.stop();
  }
}

/** One gateway with several processes, by their number. */
export async function workers(stage: Stage): Promise<ScenarioResult> {
  const database = await stage.server.createDatabase();
  const nameOfWorkers = (count: number): string => (count === 1 ? "1 process" : `--workers ${count}`);
  const fleets: Fleet[] = [];
  try {
    for (const count of counts) fleets.push(await startFleet(stage.stub.url, 1, { database, ...(count === 1 ? {} : { workers: count }) }));
    const contenders = counts.map((count, n) => {
      return { name: nameOfWorkers(count), gateways: fleets[n]!.gateways, processes: count, question: manySessions(`w${count}`) };
    });
    const measured = await ask(stage, contenders);
    const names = counts.map(nameOfWorkers);
    const answered = sum(measured, names);
    return {
      title: "Completions in 64 kept sessions, by the workers of one gateway",
      rows: measured.rows(`c=${concurrency}`, first),
      targets: [wholeTarget("workers", answered, await countTurns(database, answered))],
      figures: Object.fromEntries(names.map((name) => [`kept, ${name}, to one`, measured.ratio(name, first)])),
    };
  } finally {
    await Promise.all(fleets.map((fleet) => fleet.stop()));
  }
}

function ask({ server, stub, effort }: Stage, contenders: readonly Contender[]): Promise<Measured> {
  return measure(contenders, { postgres: server.pid, stub: stub.pid }, { ...effort, concurrency, check: isStubCompletion });
}

function sum({ answered }: Measured, names: readonly string[]): number {
  return names.reduce((all, name) => all + (answered.get(name) ?? 0), 0);
}

async function nothingKept(location: string): Promise<{ isMet: boolean }> {
  return { isMet: (await countTurns(location, 0)).isWhole };
}

/** How many runs a second of CPU time is enough for. */
const perCore = (pick: (sample: Sample) => number) => (sample: Sample) => 1000 / pick(sample);
const perGatewayCore = perCore(({ gatewayMs }) => gatewayMs);
const perPostgresCore = perCore(({ postgresMs }) => postgresMs);

function withCores(rows: readonly Row[], { medianOf }: Measured, contenders: readonly Contender[]): Row[] {
  return rows.map((row, n) => {
    const name = contenders[n]?.name ?? "";
    const onPostgres = name === fileName ? {} : { "Postgres core carries": round(medianOf(name, perPostgresCore)) };
    return {
      ...row,
      cells: { ...row.cells, "gateway core carries": round(medianOf(name, perGatewayCore)), ...onPostgres },
    };
  });
}

function keptFigures({ ratio, medianOf }: Measured): { [name: string]: number } {
  const most = nameOf(3);
  return {
    ...Object.fromEntries(counts.slice(1).map((count) => [`kept, ${nameOf(count)}, to one`, ratio(nameOf(count), first)])),
    "kept, file, to one on Postgres": ratio(fileName, first),
    "kept runs/s that a core of gateways carries": medianOf(most, perGatewayCore),
    "kept runs/s that a core of Postgres carries": medianOf(most, perPostgresCore),
    "idle while three processes are asked": medianOf(most, ({ idleShare }) => idleShare),
  };
}
