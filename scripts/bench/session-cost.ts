/**
 * (i) What a request costs the gateway when it has a session, beside one that has none, with few and with many sessions
 * stored: gateways on prepared databases, asked in turn. The conversations that are had are deleted after each round, so
 * that a database stays as large as it says. CPU is the gateway's own, so the ratios hold on a busy machine.
 */
import { dirname, join } from "node:path";
import { cpuMs, writtenBytes, type ServerProcess } from "../server-process.ts";
import { Client } from "./load.ts";
import { median, quantile, round, type Row, type ScenarioResult } from "./report.ts";
import { ask, type Question } from "./requests.ts";
import { storeSessions, usedBytes } from "./stored-sessions.ts";
import { databaseName, startGateway, token, writeConfig, type Subjects } from "./subjects.ts";

const turns = 5;
const concurrency = 4;
const most = 1.1;
const warmUps = 2;
const agent = "counting";

export interface SessionEffort {
  readonly rounds: number;
  /** Conversations in one round, of `turns` requests each. */
  readonly sessions: number;
}

interface Contender {
  readonly name: string;
  readonly stored: number;
  readonly hasSession: boolean;
}

/** Each has a gateway and a database of its own, so that none is better practised than another. */
interface Subject extends Contender {
  readonly gateway: ServerProcess;
  readonly database: string;
  readonly samples: Sample[];
}

/** The first twice: how far the two are apart is what the machine makes of the same thing. */
const contenders: readonly Contender[] = [
  { name: "0 stored", stored: 0, hasSession: true },
  { name: "0 stored, once more", stored: 0, hasSession: true },
  { name: "1000 stored", stored: 1_000, hasSession: true },
  { name: "20000 stored", stored: 20_000, hasSession: true },
  { name: "no session", stored: 0, hasSession: false },
];

/** Of one round, per request. */
interface Sample {
  readonly cpuMicroseconds: number;
  readonly p50Ms: number;
  readonly writtenBytes: number;
  readonly grownBytes: number;
  readonly inputBytes: number;
}

export async function sessionCost({ stub }: Subjects, { rounds, sessions }: SessionEffort): Promise<ScenarioResult> {
  const subjects: Subject[] = [];
  try {
    for (const contender of contenders) subjects.push(await prepare(stub.url, contender));
    // Every other round goes backwards: none is always the one that comes after another.
    for (let n = -warmUps; n < rounds; n++) {
      for (const subject of n % 2 === 0 ? subjects : subjects.toReversed()) {
        const sample = await measure(subject, sessions);
        if (n >= 0) subject.samples.push(sample);
      }
    }
    return resultOf(subjects, `${rounds} rounds of ${sessions} conversations of ${turns} requests`);
  } finally {
    await Promise.all(subjects.map(({ gateway }) => gateway.stop()));
  }
}

async function prepare(upstreamUrl: string, contender: Contender): Promise<Subject> {
  const configPath = writeConfig(upstreamUrl);
  const database = join(dirname(configPath), databaseName);
  await storeSessions(database, contender.stored);
  return { ...contender, database, gateway: await startGateway(configPath), samples: [] };
}

async function measure({ gateway, database, hasSession }: Subject, sessions: number): Promise<Sample> {
  const client = new Client(gateway.url, concurrency);
  const keys = Array.from({ length: sessions }, (_, n) => `agent:${agent}:bench-${n}`);
  const latencies: number[] = [];
  let inputBytes = 0;
  const queue = [...keys];
  const converse = async (): Promise<void> => {
    for (let key = queue.shift(); key !== undefined; key = queue.shift()) {
      for (let turn = 0; turn < turns; turn++) {
        const { text, endMs } = await client.send(questionOf(hasSession ? key : undefined));
        latencies.push(endMs);
        inputBytes += inputOf(text);
      }
    }
  };
  const before = { cpu: cpuMs(gateway.pid), written: writtenBytes(gateway.pid), used: usedBytes(database) };
  await Promise.all(Array.from({ length: concurrency }, converse));
  const after = { cpu: cpuMs(gateway.pid), written: writtenBytes(gateway.pid), used: usedBytes(database) };
  await client.close();
  if (hasSession) for (const key of keys) await remove(gateway, key);
  const count = latencies.length;
  return {
    cpuMicroseconds: (((after.cpu ?? NaN) - (before.cpu ?? NaN)) * 1000) / count,
    p50Ms: median(latencies),
    writtenBytes: ((after.written ?? NaN) - (before.written ?? NaN)) / count,
    grownBytes: (after.used - before.used) / count,
    inputBytes: inputBytes / count,
  };
}

function questionOf(session: string | undefined): Question {
  const question = ask(`openclaw:${agent}`, { token });
  if (session === undefined) return question;
  return { ...question, headers: { ...question.headers, "x-openclaw-session-key": session } };
}

/** What the model was sent for a reply: it says so itself. */
function inputOf(text: string): number {
  const { usage } = JSON.parse(text) as { usage?: { prompt_tokens: number } };
  if (!usage) throw new Error(`A reply without usage: ${text.slice(0, 500)}`);
  return usage.prompt_tokens;
}

async function remove({ url }: ServerProcess, key: string): Promise<void> {
  const reply = await fetch(`${url}/v1/sessions/${key}`, { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
  if (reply.status !== 200) throw new Error(`Deleting ${key} answered ${reply.status}: ${await reply.text()}`);
  await reply.body?.cancel();
}

function resultOf(subjects: readonly Subject[], what: string): ScenarioResult {
  const none = subjects[0]?.samples ?? [];
  const ratiosOf = ({ samples }: Subject, pick: (sample: Sample) => number): number[] =>
    samples.map((sample, n) => pick(sample) / (none[n] ? pick(none[n]) : NaN));
  const cpuOf = ({ cpuMicroseconds }: Sample): number => cpuMicroseconds;
  const rows = subjects.map((subject): Row => {
    const { name, samples } = subject;
    const cpus = samples.map(cpuOf).sort((a, b) => a - b);
    const of = (pick: (sample: Sample) => number): string => round(median(samples.map(pick)));
    const ratios = ratiosOf(subject, cpuOf).sort((a, b) => a - b);
    return {
      what: name,
      server: "gateway",
      cells: {
        "CPU µs/req": of(cpuOf),
        quartiles: `${round(quantile(cpus, 0.25))}–${round(quantile(cpus, 0.75))}`,
        "/ 0 stored": round(median(ratios)),
        "its quartiles": `${round(quantile(ratios, 0.25))}–${round(quantile(ratios, 0.75))}`,
        "p50 ms": of(({ p50Ms }) => p50Ms),
        "written B/req": of((sample) => sample.writtenBytes),
        "database grows B/req": of((sample) => sample.grownBytes),
        "model reads B/req": of((sample) => sample.inputBytes),
      },
    };
  });
  const targets = subjects
    .filter(({ stored }) => stored > 0)
    .map((subject) => {
      const ratio = median(ratiosOf(subject, cpuOf));
      return {
        name: `CPU per request with ${subject.name} at most ${most} × with none`,
        isMet: ratio <= most,
        measured: `${round(ratio)} ×`,
      };
    });
  return { title: `(i) request with a session, stub upstream, not streamed, ${what}, c=${concurrency}, interleaved`, rows, targets };
}
