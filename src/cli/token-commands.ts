/** `clawgate tokens …` and what its flags mean. Its work is in `tokens.ts`, loaded when it is asked for. */
import { type Command, InvalidArgumentError } from "commander";
import { configFlag, configHelp, type End, jsonLines, teach, toCount } from "./command-help.ts";
import type { TokensAddFlags, TokensFlags } from "./flags.ts";

export function addTokens(program: Command, end: End): void {
  const tokens = program
    .command("tokens")
    .description("Named tokens beside those of the config: make them, and take them back at once.")
    // Some of these commands take something away: none is put into the mouth of whoever meant another.
    .showSuggestionAfterError(false)
    .showHelpAfterError("(run 'clawgate tokens --help' to see what there is)");
  addAdd(tokens, end);
  const load = () => import("./tokens.ts");
  const list = tokens
    .command("list")
    .description("List the named tokens, those of the config too, with what they may and where they are from.")
    .option("--json", jsonLines)
    .action(async (flags: TokensFlags) => end(await (await load()).listTokens(flags)));
  teach(list, [["clawgate tokens list --json | jq -r '.tokens[].name'", ""]]);
  const revoke = tokens
    .command("revoke <name>")
    .description("Take a token back: no gateway knows it any more, its connections are closed and its runs cancelled.")
    .action(async (name: string, flags: TokensFlags) => end(await (await load()).revokeToken(name, flags)));
  teach(revoke, [["clawgate tokens revoke laptop", ""]]);
  const rotate = tokens
    .command("rotate <name>")
    .description("Give a token another secret: the old one is refused from now on, and connections with it are closed.")
    .option("--json", jsonLines)
    .action(async (name: string, flags: TokensFlags) => end(await (await load()).rotateToken(name, flags)));
  teach(rotate, [["clawgate tokens rotate laptop", ""]]);
  for (const command of [list, revoke, rotate]) command.option(configFlag, configHelp);
  teach(tokens, [
    ["clawgate tokens add laptop", ""],
    ["clawgate tokens revoke laptop", ""],
  ]);
}

function addAdd(tokens: Command, end: End): void {
  const add = tokens
    .command("add <name>")
    .description("Make a token and print its secret, this once. Its sessions are those of its name.")
    .option("--agents <ids>", "agents it may use, with commas between; default: all", toNames)
    .option("--models <names>", "models, <provider>/<model>, that it may name; default: all", toNames)
    .option("--expires <date>", "when it ends: 2027-01-31, or 2027-01-31T18:00:00Z; default: never")
    .option("--requests-per-minute <number>", "runs it may begin in a minute", toCount)
    .option("--tokens-per-minute <number>", "tokens of models in a minute", toCount)
    .option("--max-concurrent-runs <number>", "runs at work at a time", toCount)
    .option("--monthly-tokens <number>", "tokens of models in a month", toCount)
    .option("--monthly-budget <amount>", "what its runs may cost in a month, in the unit of the models' prices", toAmount)
    .option("--json", jsonLines)
    .option(configFlag, configHelp)
    .action(async (name: string, flags: TokensAddFlags) => end(await (await import("./tokens.ts")).addToken(name, flags)));
  teach(add, [
    ["clawgate tokens add laptop", "may do what the gateway's own may, in sessions of its own"],
    ["clawgate tokens add kiosk --agents main --requests-per-minute 10", ""],
    ["clawgate tokens add guest --expires 2027-01-31 --json | jq -r .token", ""],
  ]);
}

function toNames(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.includes("")) throw new InvalidArgumentError("It is a list of names with commas between.");
  return names;
}

function toAmount(text: string): number {
  const amount = Number(text);
  if (!Number.isFinite(amount) || amount <= 0) throw new InvalidArgumentError("It is a number above 0.");
  return amount;
}
