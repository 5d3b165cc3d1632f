/**
 * `npm start`: the gateway with the quickstart config, unless another one is named. Plain JavaScript, so that the
 * gateway runs in this very process and gets its signals.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.env.OPENCLAW_CONFIG_PATH ||= fileURLToPath(new URL("../examples/quickstart.json5", import.meta.url));
process.argv.splice(2, 0, "gateway");
if (!existsSync(new URL("../dist/src/main.js", import.meta.url))) {
  process.stderr.write("Nothing is built yet: run `npm ci` first.\n");
  process.exit(1);
}
await import("../dist/src/main.js");
