/**
 * Reads the config again when its file changes, and on SIGHUP. What is wrong is said and changes nothing.
 *
 * Deliberately absent: what of a config can change while the program runs (`program.ts`).
 */
import { ConfigError, loadConfig, type LoadOptions } from "../config/load.ts";
import { locateConfig } from "../config/source.ts";
import { watchConfig } from "../config/watch.ts";
import type { Opened } from "./open.ts";

/** `onSecret` is told of a secret that was made up now. Returns how to stop. */
export function keepReloading({ program, log }: Opened, options: LoadOptions, onSecret: (secret: string) => void): () => Promise<void> {
  let reloading = Promise.resolve();
  const reload = (): Promise<void> => (reloading = reloading.then(() => applyNow({ program, log }, options, onSecret)));
  const onSignal = (): void => {
    log.info("SIGHUP: the config is read again");
    void reload();
  };
  process.on("SIGHUP", onSignal);
  // Also where there is none yet: it may come.
  const stopWatching = watchConfig(locateConfig(options.configPath).path, reload);
  return async () => {
    process.off("SIGHUP", onSignal);
    await stopWatching();
    await reloading;
  };
}

async function applyNow({ program, log }: Opened, options: LoadOptions, onSecret: (secret: string) => void): Promise<void> {
  try {
    const before = program.config.gateway.auth;
    const config = await loadConfig(options);
    const { isNew, unchanged } = program.apply(config);
    for (const key of unchanged) log.warn({ key }, "this change of the config needs a restart");
    if (!isNew) return;
    for (const warning of config.warnings) log.warn(warning);
    log.info({ config: config.path }, "config applied");
    log.level = config.log.level;
    const { auth } = program.config.gateway;
    if (auth.isGenerated && auth.secret !== undefined && auth.secret !== before.secret) onSecret(auth.secret);
  } catch (thrown) {
    if (thrown instanceof ConfigError) log.error({ problems: thrown.issues }, "the config is wrong, and the last good one stays");
    else log.error({ err: thrown }, "the config could not be applied, and the last good one stays");
  }
}
