/**
 * The chart of a run for the README: two groups of bars, throughput as a share of the plain proxy's and the time to the
 * first token. Drawn by hand, without script or anything loaded, readable on a light and on a dark page. Pure.
 */
import type { BenchResults } from "./report.ts";

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly text: string;
  readonly isOurs: boolean;
}

const width = 720;
const left = 250;
const barHeight = 16;
const lineHeight = 24;
const groupGap = 40;

const style = `
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .head { font-weight: 600; }
    .ours { fill: #0b57d0; }
    .other { fill: #8b949e; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .ours { fill: #6ea8fe; }
      .other { fill: #7d8590; }
    }
  `;

export function drawChart(results: BenchResults): string {
  const figures = Object.assign({}, ...results.scenarios.map((scenario) => scenario.figures ?? {})) as { [name: string]: number | null };
  const groups = [
    { title: "Requests per second, as a share of a plain node:http proxy (more is better)", bars: throughputBars(figures) },
    { title: "Time to the first token, one stream at a time (less is better)", bars: firstTokenBars(figures) },
  ].filter(({ bars }) => bars.length > 0);
  let y = 0;
  const drawn = groups.map(({ title, bars }) => {
    const most = Math.max(...bars.map(({ value }) => value));
    y += groupGap;
    const lines = [`  <text class="head" x="12" y="${y - 14}">${escapeXml(title)}</text>`];
    for (const bar of bars) {
      lines.push(...drawBar(bar, y, most));
      y += lineHeight;
    }
    return lines.join("\n");
  });
  const height = y + 12;
  const label = groups.flatMap(({ title, bars }) => [`${title}: ${bars.map(({ name, text }) => `${name} ${text}`).join(", ")}.`]).join(" ");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `  <title>${escapeXml(label)}</title>`,
    `  <style>${style}</style>`,
    ...drawn,
    "</svg>\n",
  ].join("\n");
}

function drawBar({ name, value, text, isOurs }: Bar, y: number, most: number): string[] {
  const length = Math.max(2, Math.round(((width - left - 90) * value) / most));
  return [
    `  <text x="${left - 10}" y="${y + 13}" text-anchor="end">${escapeXml(name)}</text>`,
    `  <rect class="${isOurs ? "ours" : "other"}" x="${left}" y="${y}" width="${length}" height="${barHeight}" rx="2"/>`,
    `  <text x="${left + length + 8}" y="${y + 13}">${escapeXml(text)}</text>`,
  ];
}

type Figures = { readonly [name: string]: number | null };

function throughputBars(figures: Figures): Bar[] {
  const wanted = [
    ["Clawgate, 8 at a time", "req/s, gateway / proxy, c=8", true],
    ["Clawgate, 64 at a time", "req/s, gateway / proxy, c=64", true],
    ["Clawgate, 60 KB with tools, 8", "req/s of 60 KB, gateway / proxy, c=8", true],
    ["Clawgate, in a session, 8", "req/s in a session, gateway / proxy, c=8", true],
    ["Portkey, 8 at a time", "req/s, Portkey / proxy, c=8", false],
    ["Portkey, 64 at a time", "req/s, Portkey / proxy, c=64", false],
  ] as const;
  const bars = wanted.flatMap(([name, figure, isOurs]) => barOf(figures, name, figure, isOurs, ""));
  return bars.length === 0 ? [] : [{ name: "node:http proxy", value: 1, text: "1", isOurs: false }, ...bars];
}

function firstTokenBars(figures: Figures): Bar[] {
  return [
    ...barOf(figures, "no gateway", "first token, direct, c=1, ms", false, " ms"),
    ...barOf(figures, "node:http proxy", "first token, proxy, c=1, ms", false, " ms"),
    ...barOf(figures, "Clawgate", "first token, gateway, c=1, ms", true, " ms"),
  ];
}

/** None where it was not measured. */
function barOf(figures: Figures, name: string, figure: string, isOurs: boolean, unit: string): Bar[] {
  const value = figures[figure];
  return typeof value === "number" ? [{ name, value, text: `${Number(value.toPrecision(2))}${unit}`, isOurs }] : [];
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
