/**
 * (m) Streams whose provider has begun and then says nothing: what each of them takes of the gateway's memory, and what they
 * cost a completion beside them. A gateway with them and one of the same build without, asked in turn.
 */
import { fileURLToPath } from "node:url";
import { fileLimit, memoryMb, plainEnvironment, startServer, type ServerProcess } from "../server-process.ts";
import { Client } from "./load.ts";
import { heldKb, probeFlags, worstDelay } from "./loop-delay.ts";
import { ask, models, type Question } from "./requests.ts";
import { round, targetsOf, type Row, type ScenarioResult } from "./report.ts";
import { isStubCompletion } from "./scenarios.ts";
import { startBaseline, startGateway, token, writeConfig, type Subjects } from "./subjects.ts";
import { measureThroughput, type Effort } from "./throughput.ts";

const concurrency = 8;
/** What a process has open besides, and what a completion needs. */
const otherFiles = 300;

interface Weight {
  readonly rssKb: number;
  readonly heldKb: number;
}

export async function heldStreams({ stub }: Subjects, wanted: number, effort: Effort): Promise<ScenarioResult> {
  // The gateway has two sockets for each.
  const mayHold = Math.floor((fileLimit() - otherFiles) / 2);
  const count = Math.min(wanted, mayHold);
  const bound = count < wanted ? `, not ${wanted}: a process may open ${fileLimit()} files only` : "";
  const started: ServerProcess[] = [];
  const gatewayOf = async (): Promise<ServerProcess> => {
    const config = writeConfig(stub.url, { maxConcurrent: count + 64 });
    const server = await startGateway(config, probeFlags);
    started.unshift(server);
    await warmUp(server, ask("openclaw:plain", { token }));
    return server;
  };
  const hold = async (server: ServerProcess, question: Question): Promise<Weight> => {
    const before = await weigh(server);
    started.unshift(await startCrowd(server, question, count));
    const after = await weigh(server);
    return { rssKb: (after.rssKb - before.rssKb) / count, heldKb: (after.heldKb - before.heldKb) / count };
  };
  try {
    const proxy = await startBaseline("proxy", stub.url);
    started.unshift(proxy);
    await warmUp(proxy, ask(models.plain));
    const proxied = await hold(proxy, ask(models.held, { stream: true }));
    // These end with those who hold them; the rest is measured without them.
    for (const server of started.splice(0)) await server.stop();
    const [none, busy] = [await gatewayOf(), await gatewayOf()];
    const each = await hold(busy, ask("openclaw:held", { stream: true, token }));
    const question = ask("openclaw:plain", { token });
    const names = { busy: `${count} idle streams`, none: "no streams" };
    const contenders = [
      { name: names.busy, server: busy, question, isProbed: true },
      { name: names.none, server: none, question, isProbed: true },
    ];
    const measured = await measureThroughput(contenders, concurrency, effort, { check: isStubCompletion });
    const cellsOf = ({ rssKb, heldKb }: Weight): Row["cells"] => ({ "RSS KB each": round(rssKb), "held KB each": round(heldKb) });
    const rows = measured.rows.map((row, n) => (n === 0 ? { ...row, cells: { ...row.cells, ...cellsOf(each) } } : row));
    return {
      title: `(m) completion, stub upstream, beside ${count} idle streams${bound}`,
      rows: [...rows, { what: "", server: `node:http proxy, ${count} idle streams`, cells: cellsOf(proxied) }],
      // A process that had room left grows by less than it holds.
      targets: targetsOf("memory per open stream", Math.max(each.rssKb, each.heldKb), { floor: 64, goal: 40, unit: " KB", isMost: true }),
      figures: {
        "idle streams": count,
        "memory per idle stream, KB": Math.max(each.rssKb, each.heldKb),
        "memory per idle stream of the proxy, KB": Math.max(proxied.rssKb, proxied.heldKb),
        "req/s beside idle streams / without": measured.ratioTo(names.none),
      },
      loopDelay: worstDelay([[`completion beside ${count} idle streams`, measured.loopDelay]]),
    };
  } finally {
    for (const server of started) await server.stop();
  }
}

async function weigh(server: ServerProcess): Promise<Weight> {
  // Collected first: what is weighed then is what stays.
  const held = await heldKb(server);
  return { heldKb: held, rssKb: (memoryMb(server.pid) ?? NaN) * 1024 };
}

/** What runs hot is compiled, and the heap has the size of a gateway at work. */
async function warmUp({ url }: ServerProcess, question: Question): Promise<void> {
  const client = new Client(url, concurrency);
  await client.load(question, { concurrency, seconds: 20, maxCount: 2000 }, isStubCompletion);
  await client.close();
}

function startCrowd({ url }: ServerProcess, { path, headers, body }: Question, count: number): Promise<ServerProcess> {
  const { host, origin } = new URL(url);
  const lines = Object.entries({ host, ...headers, "content-length": String(Buffer.byteLength(body)) }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const request = [`POST ${path} HTTP/1.1`, ...lines, "", body].join("\r\n");
  const program = fileURLToPath(new URL("stream-crowd.ts", import.meta.url));
  return startServer(["--import", "tsx", program, origin, String(count), request], {
    env: plainEnvironment({}),
    readsStderr: true,
    listenMs: 60_000,
  });
}
