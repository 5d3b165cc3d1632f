/** argv → command → exit code. */
import { runCli } from "./cli/cli.ts";

// Whoever read the output has gone (`| head`), or the terminal has: that is no error of this program's.
process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
  if (code !== "EPIPE" && code !== "EIO") throw new Error(`stdout cannot be written to (${code})`);
});

process.exitCode = await runCli(process.argv.slice(2));
