/** argv → command → exit code. */
import { runCli } from "./cli/cli.ts";

// Whoever read the output has gone (`| head`): that is no error of this program's.
process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
  if (code !== "EPIPE") throw new Error(`stdout cannot be written to (${code})`);
});

process.exitCode = await runCli(process.argv.slice(2));
