/**
 * What the figures of `npm run bench:scaling` mean, as docs/scaling.md says it: sentences that follow from numbers. Pure. What was not
 * measured is left out.
 */
import { round } from "../bench/report.ts";

type Figures = { readonly [name: string]: number };

export function formatReading(figures: Figures): string {
  const lines = [ratios(figures), end(figures), inOneSession(figures), lease(figures), trips(figures)];
  return lines.flatMap((line) => (line === undefined || line.includes("–") ? [] : [`- ${line}`])).join("\n");
}

function ratios(figures: Figures): string | undefined {
  const of = (name: string): string => round(figures[name] ?? NaN);
  return (
    `**Throughput**, one process being 1: two processes ${of("kept, 2 processes, to one")}, three ${of("kept, 3 processes, to one")}; without a session, ` +
    `where no database is asked, ${of("stateless, 2 processes, to one")} and ${of("stateless, 3 processes, to one")}. One process with a database ` +
    `file: ${of("kept, file, to one on Postgres")}.`
  );
}

/** More gateways help until either the machine or Postgres has nothing left. */
function end(figures: Figures): string {
  const gateways = figures["kept runs/s that a core of gateways carries"] ?? NaN;
  const postgres = figures["kept runs/s that a core of Postgres carries"] ?? NaN;
  const idle = figures["idle while three processes are asked"] ?? NaN;
  const bound =
    idle < 0.15
      ? `Here the machine was the limit: ${round(idle * 100)} % of its CPUs were idle while three were asked, so that they took the CPU from each other.`
      : `Here ${round(idle * 100)} % of the CPUs were idle while three were asked: runs waited for each other more than for a CPU.`;
  return (
    `**Where it ends.** ${bound} By CPU time a core carries ${round(gateways)} kept runs a second of gateways and ${round(postgres)} of Postgres: ` +
    `${round(postgres / gateways)} cores of gateways keep one core of Postgres busy. With gateways on machines of their own it is Postgres that ends it, ` +
    `at that many runs a second for each of its cores.`
  );
}

function inOneSession(figures: Figures): string {
  const of = (name: string): string => round(figures[name] ?? NaN);
  return (
    `**One session** gains nothing from more gateways, because its runs take turns: through three it gets ${of("one session, three processes, to one")} of what ` +
    `it gets through one. Handing it over takes ${of("handover, ms")} ms a run, and ${of("handover without notices, ms")} ms where no notice is heard.`
  );
}

function lease(figures: Figures): string {
  const of = (name: string): string => round(figures[name] ?? NaN);
  return (
    `**The lease** costs a run ${of("lease, ms per run")} ms on Postgres, ${round(100 * (figures["lease, share of a run"] ?? NaN))} % of a run whose model ` +
    `answers at once, and ${of("lease in a file, ms per run")} ms in a file.`
  );
}

function trips(figures: Figures): string {
  const of = (name: string): string => round(figures[name] ?? NaN);
  return (
    `**Round trips**: a kept run that continues its session is ${of("round trips per run")} to the database, in ${of("transactions per run")} transactions and ` +
    `reads beside them; ${of("round trips to claim the lease")} of them claim the lease, and ${of("round trips to show and free it")} show it and give it back in ` +
    `transactions that there would be without it.`
  );
}
