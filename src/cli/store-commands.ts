/** `clawgate store …` and what its flags mean. Its work is in `store.ts`, loaded when it is asked for. */
import type { Command } from "commander";
import { configFlag, configHelp, type End, teach } from "./command-help.ts";
import type { StoreFlags } from "./flags.ts";

export function addStore(program: Command, end: End): void {
  const store = program
    .command("store")
    .description("Move all that is kept to another database: from a file to Postgres, and back.")
    .showHelpAfterError("(run 'clawgate store --help' to see what there is)");
  const load = () => import("./store.ts");
  const write = store
    .command("export [file]")
    .description("Write all that is kept as lines of JSON, to a new file or to standard output. Gateways may go on meanwhile.")
    .action(async (file: string | undefined, flags: StoreFlags) => end(await (await load()).exportTo(file, flags)));
  teach(withDatabase(write), [
    ["clawgate store export backup.jsonl", ""],
    ["clawgate store export | gzip > backup.jsonl.gz", ""],
  ]);
  const read = store
    .command("import <file>")
    .description("Read an export, from a file or standard input (-), into an empty database: all of it or nothing.")
    .action(async (file: string, flags: StoreFlags) => end(await (await load()).importFrom(file, flags)));
  teach(withDatabase(read), [["OPENCLAW_DATABASE_URL=postgres://… clawgate store import backup.jsonl", ""]]);
  teach(store, [
    ["clawgate store export backup.jsonl", ""],
    ["clawgate store import backup.jsonl --database other.db", ""],
  ]);
}

function withDatabase(command: Command): Command {
  return command
    .option(
      "--database <where>",
      "a SQLite file or a postgres:// URL; default: that of the config. Others on this machine see a password here; " +
        "in the config or OPENCLAW_DATABASE_URL they do not",
    )
    .option(configFlag, configHelp);
}
