/**
 * The text format of Prometheus, read: its families, their samples, and how much those have grown. Strict: a line that is
 * neither a comment, a sample nor empty is an error.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { TestGateway } from "../support/gateway.ts";

export interface Sample {
  readonly name: string;
  readonly labels: { readonly [name: string]: string };
  readonly value: number;
}

export interface Exposition {
  readonly text: string;
  /** By name: counter, gauge or histogram. */
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];
}

type Labels = Sample["labels"];

const samplePattern = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|\+Inf)$/;

export function parseExposition(text: string): Exposition {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type) types.set(type[1]!, type[2]!);
    if (line === "" || line.startsWith("# TYPE ") || line.startsWith("# HELP ")) continue;
    const [, name, labels = "", value] = samplePattern.exec(line) ?? [];
    if (name === undefined) throw new Error(`Not a sample: ${line}`);
    samples.push({ name, labels: parseLabels(labels, line), value: value === "+Inf" ? Infinity : Number(value) });
  }
  return { text, types, samples };
}

function parseLabels(text: string, line: string): Labels {
  const labels: { [name: string]: string } = {};
  const rest = text.replaceAll(/(\w+)="((?:[^"\\\n]|\\["\\n])*)",?/g, (_, name: string, value: string) => {
    labels[name] = value;
    return "";
  });
  if (rest !== "") throw new Error(`Not labels: ${line}`);
  return labels;
}

export async function scrape({ url }: Pick<TestGateway, "url">): Promise<Exposition> {
  return parseExposition(await (await fetch(`${url}/metrics`)).text());
}

/** The sum of all samples of this name that have these labels, and maybe others. */
export function total({ samples }: Exposition, name: string, labels: Labels = {}): number {
  return samples
    .filter((sample) => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

/** What identifies each series. */
export function seriesOf({ samples }: Exposition): string[] {
  return samples.map(({ name, labels }) => `${name}${JSON.stringify(labels)}`).sort();
}

/** Asks until it is so: what a reply's end counts may be counted a moment after its reader has it. */
export async function scrapeUntil(gateway: Pick<TestGateway, "url">, isSo: (exposition: Exposition) => boolean): Promise<Exposition> {
  for (let tries = 0; tries < 600; tries++) {
    const exposition = await scrape(gateway);
    if (isSo(exposition)) return exposition;
    await sleep(50);
  }
  throw new Error(`The metrics never came to say it:\n${(await scrape(gateway)).text}`);
}
