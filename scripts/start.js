/**
 * `npm start`: the gateway with the quickstart config, unless another one is named. Plain JavaScript, so that the
 * gateway runs in this very process and gets its signals.
 */
import { fileURLToPath } from "node:url";

process.env.OPENCLAW_CONFIG_PATH ||= fileURLToPath(new URL("../examples/quickstart.json5", import.meta.url));
process.argv.splice(2, 0, "gateway");
await import("../dist/src/main.js");
