/**
 * `clawgate doctor`: looks at everything a gateway needs, in the order in which it would fail, and says what to do.
 *
 * It repairs nothing, and prints no secret. Each check is told all it needs and never throws.
 */
import type { Config } from "../config/config.ts";
import { ConfigError, loadConfig } from "../config/load.ts";
import { type Origins, readOrigins } from "../config/origins.ts";
import { locateConfig } from "../config/source.ts";
import { commandName } from "../config/terminal.ts";
import { checkDatabase } from "./doctor-database.ts";
import { checkAuth, checkEndpoint, checkPort } from "./doctor-gateway.ts";
import { checkModels } from "./doctor-models.ts";
import { checkTools } from "./doctor-tools.ts";
import { exitCodes } from "./exit-codes.ts";
import { type Finding, printFinding } from "./findings.ts";
import type { DoctorFlags } from "./flags.ts";

export async function runDoctor({ config: configPath, json }: DoctorFlags): Promise<number> {
  const findings: Finding[] = [];
  let exitCode: number = exitCodes.ok;
  for await (const finding of examine(configPath)) {
    findings.push(finding);
    if (finding.status === "fail") exitCode = finding.name === configCheck ? exitCodes.config : exitCodes.failed;
    if (!json) printFinding(finding);
  }
  if (json) console.log(JSON.stringify({ ok: exitCode === exitCodes.ok, findings }));
  return exitCode;
}

const configCheck = "config";

/** A broken config ends it: nothing else can be known then. */
async function* examine(configPath: string | undefined): AsyncGenerator<Finding> {
  let config: Config;
  let origins: Origins;
  try {
    config = await loadConfig({ configPath });
    origins = readOrigins(config, configPath);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    for (const issue of thrown.issues) yield { status: "fail", name: configCheck, message: issue };
    for (const warning of thrown.warnings) yield { status: "warn", name: configCheck, message: warning };
    return;
  }
  yield* checkConfig(config);
  yield await checkPort(config);
  yield* checkAuth(config, origins);
  yield checkEndpoint(config);
  yield await checkDatabase(config);
  yield* await checkModels(config, origins);
  yield* await checkTools(config);
}

function* checkConfig({ path, warnings }: Config): Generator<Finding> {
  if (path !== undefined) yield { status: "ok", name: configCheck, message: path };
  else {
    const message = `there is no ${locateConfig(undefined).path}, so all is default`;
    yield { status: "warn", name: configCheck, message, fix: `write one with \`${commandName()} init\`` };
  }
  for (const warning of warnings) yield { status: "warn", name: configCheck, message: warning };
}
