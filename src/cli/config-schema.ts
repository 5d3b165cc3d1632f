/** `clawgate config schema`: what may stand in the config file. It reads no config, so that it works with a broken one. */
import { readFile } from "node:fs/promises";
import { configSchemaPath } from "../config/package.ts";
import { exitCodes } from "./exit-codes.ts";

export async function printConfigSchema(): Promise<number> {
  console.log((await readFile(configSchemaPath, "utf8")).trimEnd());
  return exitCodes.ok;
}
