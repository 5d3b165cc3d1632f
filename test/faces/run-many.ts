/**
 * A process for the test of two processes: runs a number of runs at once on one session and prints a line for each as it ends,
 * `<label> <number> <status>`. Whatever it waits for, it begins when it is told to by a line on stdin.
 */
import { once } from "node:events";
import { writeSync } from "node:fs";
import { pino } from "pino";
import { loadConfig } from "../../src/config/load.ts";
import { mainPrincipal } from "../../src/domain/principal.ts";
import { foldRun } from "../../src/domain/run.ts";
import { openProgram } from "../../src/program.ts";

const [configPath = "", label = "", count = "0", session = ""] = process.argv.slice(2);
const program = openProgram(await loadConfig({ configPath }, { CLAWGATE_OLLAMA: "off" }), pino({ level: "silent" }));
await program.checkStore();
writeSync(1, `${label} ready\n`);
await once(process.stdin, "data");
process.stdin.destroy();
const ends: Promise<void>[] = [];
for (let number = 0; number < Number(count); number++) {
  const run = await program.runs.start(
    {
      principal: mainPrincipal,
      sessionKey: { value: session, param: "session" },
      messages: [{ role: "user", content: [{ type: "text", text: `${label} ${number}` }] }],
      tools: [],
      settings: {},
      isFolded: true,
    },
    new AbortController().signal,
  );
  ends.push(foldRun(run.events).then(({ end }) => void writeSync(1, `${label} ${number} ${end.status}\n`)));
}
await Promise.all(ends);
await program.close();
