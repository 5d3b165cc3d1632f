/**
 * Keeps the documents true. Every command they show is run, on a gateway of its own with the quickstart config and the
 * built-in model, and what it prints is written under it; tables are made from the code they describe.
 * With --check nothing is written, and each block that is stale is named and shown.
 *
 *   <!-- command: NAME -->                        before the fenced block of a command; it is run as it stands there
 *   <!-- quote: NAME [first=N] [last=N] -->       before the fenced block that takes its output, or so many lines of it
 *   <!-- generated: NAME --> … <!-- end -->       around a table
 *
 * Commands run in the order of the documents, so that a later one may continue the session of an earlier one; the
 * request samples of the contract (`x-codeSamples`) run after them and must succeed. Only the address and the token are
 * put in; ids, times and paths are masked. Where they run is quotes-stage.ts, what the tables say quotes-tables.ts.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onStage, run, type Stage } from "./quotes-stage.ts";
import { tables } from "./quotes-tables.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const isCheck = process.argv.includes("--check");

/** As it is shown: JSON indented; of a long output the first and last so many lines, all of it when both are 0. */
function present(output: string, language: string, first: number, last: number): string {
  if (language === "json") return JSON.stringify(JSON.parse(output), undefined, 2);
  const lines = output.split("\n");
  if (first + last === 0 || first + last >= lines.length) return output;
  return [...lines.slice(0, first), "…", ...lines.slice(lines.length - last)].join("\n");
}

const commandBlock = /<!-- command: ([\w-]+) -->\n```(\w+)\n([\s\S]*?)\n```/g;
const quoteBlock = /(<!-- quote: ([\w-]+)(?: first=(\d+))?(?: last=(\d+))? -->\n```(\w*)\n)([\s\S]*?)```/g;
const generatedBlock = /(<!-- generated: ([\w-]+) -->\n)([\s\S]*?)(?=<!-- end -->)/g;

/** A document with all its blocks as they should be, and the names of those that were not. */
interface Renewed {
  readonly content: string;
  readonly stale: readonly { readonly name: string; readonly difference: string }[];
}

/** The lines that are to go and those that are to come. */
function compare(old: string, fresh: string): string {
  const [before, after] = [old.split("\n"), fresh.split("\n")];
  const gone = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`);
  const added = after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`);
  return [...gone, ...added].join("\n");
}

function renew(document: string, outputs: ReadonlyMap<string, string>): Renewed {
  const stale: { name: string; difference: string }[] = [];
  const put = (name: string, opening: string, old: string, fresh: string): string => {
    if (old !== fresh) stale.push({ name, difference: compare(old, fresh) });
    return opening + fresh;
  };
  const content = document
    .replaceAll(
      quoteBlock,
      (_whole, opening: string, name: string, first: string | undefined, last: string | undefined, language: string, old: string) => {
        const output = outputs.get(name);
        if (output === undefined) throw new Error(`The quote '${name}' has no command of that name.`);
        const shown = present(output, language, Number(first ?? 0), Number(last ?? 0));
        return put(name, opening, old, `${shown}\n`) + "```";
      },
    )
    .replaceAll(generatedBlock, (_whole, opening: string, name: string, old: string) => {
      const table = tables[name];
      if (!table) throw new Error(`There is no table '${name}'.`);
      return put(name, opening, old, `\n${table()}\n\n`);
    });
  return { content, stale };
}

function documentPaths(): string[] {
  const inDocs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" });
  return ["README.md", "CONTRIBUTING.md", ...inDocs.filter((name) => name.endsWith(".md")).map((name) => join("docs", name))].sort();
}

interface Sample {
  readonly lang: "Shell" | "JavaScript";
  readonly label: string;
  readonly source: string;
}
interface Contract {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { operationId?: string; "x-codeSamples"?: readonly Sample[] }>>>>;
}

/** Runs every request sample of the contract. One that is answered with an error, or prints nothing, is not fit to be shown. */
async function runSamples(stage: Stage): Promise<number> {
  const { paths } = JSON.parse(readFileSync(join(root, "generated/openapi.json"), "utf8")) as Contract;
  let count = 0;
  for (const { operationId, "x-codeSamples": samples = [] } of Object.values(paths).flatMap((item) => Object.values(item))) {
    for (const { lang, label, source } of samples) {
      const output = await run(lang === "JavaScript" ? "js" : "sh", source.trim(), stage);
      if (output === "" || /^(data: )?\{"error":/m.test(output))
        throw new Error(`The sample '${label}' of ${operationId} failed:\n${output}`);
      count++;
    }
  }
  return count;
}

await onStage(async (stage) => {
  if (!stage.hasCurl) console.log("curl is not here: its commands are carried out with node:http instead.");
  const outputs = new Map<string, string>();
  const documents = documentPaths().map((path) => ({ path, content: readFileSync(join(root, path), "utf8") }));
  for (const { path, content } of documents) {
    for (const [, name = "", language = "", command = ""] of content.matchAll(commandBlock)) {
      if (outputs.has(name)) throw new Error(`${path}: there are two commands '${name}'.`);
      outputs.set(name, await run(language, command, stage));
    }
  }
  for (const { path, content } of documents) {
    const { content: fresh, stale } = renew(content, outputs);
    for (const block of stale) {
      if (isCheck) console.error(`${path}: the block '${block.name}' is stale:\n${block.difference}`);
      else console.log(`${path}: wrote '${block.name}'`);
    }
    if (stale.length === 0) continue;
    if (!isCheck) writeFileSync(join(root, path), fresh);
    else process.exitCode = 1;
  }
  if (isCheck && process.exitCode) console.error("Run `node --import tsx scripts/quotes.ts`, read what it changed, and commit it.");
  const sampleCount = await runSamples(stage);
  console.log(`${outputs.size} commands were run for ${documents.length} documents, and ${sampleCount} samples for the contract.`);
});
