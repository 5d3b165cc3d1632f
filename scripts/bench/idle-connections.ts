/**
 * (j) What WebSocket connections that ask for nothing cost HTTP, and how much memory each of them takes. One gateway of the
 * same build for every crowd, and two without any: by how much these two differ is the noise.
 */
import { fileURLToPath } from "node:url";
import { fileLimit, plainEnvironment, startServer, type ServerProcess } from "../server-process.ts";
import { Client } from "./load.ts";
import { heldKb, probeFlags } from "./loop-delay.ts";
import { round, type Row, type ScenarioResult } from "./report.ts";
import { ask } from "./requests.ts";
import { isCompletion } from "./scenarios.ts";
import { startGateway, token, writeConfig } from "./subjects.ts";
import { type Contender, measureThroughput, type Effort } from "./throughput.ts";

const concurrency = 8;
const limits = { kbEach: 20, ratio: 0.95 };
/** What a gateway has open besides. */
const otherFiles = 200;
const [nobody, noise] = ["no connections", "no connections, again"];

type Hearing = "all" | "named";

/** A gateway and those who are connected to it. */
interface Place extends Contender {
  readonly kbEach?: number;
}

interface Measured {
  readonly rows: readonly Row[];
  /** Requests per second of a contender's over those without connections. */
  readonly ratioOf: (name: string) => number;
}

export async function idleConnections(upstreamUrl: string, count: number, effort: Effort): Promise<ScenarioResult> {
  const title = `(j) completion, builtin model, beside ${count} idle WebSocket connections`;
  const mayOpen = fileLimit();
  if (mayOpen < count + otherFiles) return { title: `${title}: skipped, a process may open ${mayOpen} files only`, rows: [], targets: [] };
  const started: ServerProcess[] = [];
  const place = async (name: string, hears?: Hearing): Promise<Place> => {
    const server = await startGateway(writeConfig(upstreamUrl), probeFlags);
    started.unshift(server);
    const contender = { name, server, question: ask("openclaw", { token }) };
    await warmUp(server);
    // Each is weighed, be it that nobody is connected to it: a collection that was asked for leaves another machine code behind.
    const before = await heldKb(server);
    if (hears) started.unshift(await startCrowd(server, hears, count));
    const kbEach = ((await heldKb(server)) - before) / count;
    // Sockets of another kind make Node compile anew what it does with all of them.
    await warmUp(server);
    return hears ? { ...contender, kbEach } : contender;
  };
  try {
    const [none, again] = [await place(nobody), await place(noise)];
    const deaf = await place(`${count} that hear of nothing`, "named");
    const idle = await measure([none, again, deaf], effort);
    // By themselves: what these are told takes time of whoever is measured next to them.
    const hearing = await place(`${count} that hear of every run`, "all");
    const told = await measure([none, hearing], effort);
    // To the mean of both that have none.
    const ratio = idle.ratioOf(deaf.name) / ((1 + idle.ratioOf(noise)) / 2);
    const most = Math.max(deaf.kbEach ?? NaN, hearing.kbEach ?? NaN);
    return {
      title,
      rows: [...idle.rows, ...told.rows.slice(1)],
      targets: [
        {
          name: `${count} idle connections: HTTP within noise, at least ${limits.ratio} of without`,
          isMet: ratio >= limits.ratio,
          measured: `${round(ratio)} (noise ${round(idle.ratioOf(noise))})`,
        },
        { name: `${count} idle connections: under ${limits.kbEach} KB each`, isMet: most < limits.kbEach, measured: `${round(most)} KB` },
      ],
    };
  } finally {
    for (const server of started) await server.stop();
  }
}

async function measure(places: readonly Place[], effort: Effort): Promise<Measured> {
  const measured = await measureThroughput(places, concurrency, effort, { check: isCompletion });
  const ratioOf = (name: string): number => 1 / measured.ratioTo(name);
  const cellsOf = ({ server, cells: { [`${nobody} / it`]: _, "its CPU / ours": __, ...cells } }: Row): Row["cells"] => {
    const kbEach = places.find(({ name }) => name === server)?.kbEach;
    const ratio = server === nobody ? {} : { "to none": round(ratioOf(server)) };
    return { ...cells, ...ratio, ...(kbEach === undefined ? {} : { "KB each": round(kbEach) }) };
  };
  return { rows: measured.rows.map((row) => ({ ...row, cells: cellsOf(row) })), ratioOf };
}

/** What runs hot is compiled before anything is measured. */
async function warmUp({ url }: ServerProcess): Promise<void> {
  const client = new Client(url, concurrency);
  await client.load(ask("openclaw", { token }), { concurrency, seconds: 20, maxCount: 3000 }, isCompletion);
  await client.close();
}

function startCrowd({ url }: ServerProcess, hears: Hearing, count: number): Promise<ServerProcess> {
  const program = fileURLToPath(new URL("crowd.ts", import.meta.url));
  return startServer(["--import", "tsx", program, url, token, String(count), hears], { env: plainEnvironment({}), readsStderr: true });
}
