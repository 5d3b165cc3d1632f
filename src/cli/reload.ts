/**
 * Reads the config again when its file changes, and on SIGHUP. What is wrong is said and changes nothing, and neither does a
 * file that is gone.
 *
 * Deliberately absent: what of a config can change while the program runs (`program.ts`).
 */
import { statSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { ConfigError, loadConfig, type LoadOptions } from "../config/load.ts";
import { locateConfig } from "../config/source.ts";
import { watchConfig } from "../config/watch.ts";
import type { Opened } from "./open.ts";

export interface ReloadListener {
  /** A secret was made up now. */
  onSecret(secret: string): void;
  /** Another config holds. */
  onConfig(config: Config): void;
}

/** Returns how to stop. */
export function keepReloading(opened: Opened, options: LoadOptions, listener: ReloadListener): () => Promise<void> {
  const reload = new Reload(opened, options, listener);
  const onSignal = (): void => reload.ask();
  process.on("SIGHUP", onSignal);
  // Also where there is none yet: it may come.
  const stopWatching = watchConfig(reload.path, () => reload.run());
  return async () => {
    process.off("SIGHUP", onSignal);
    await stopWatching();
    await reload.settled();
  };
}

class Reload {
  readonly path: string;
  readonly #opened: Opened;
  readonly #options: LoadOptions;
  readonly #listener: ReloadListener;
  /** The one that has not begun yet: it will see what there is then, for all who want it now. */
  #next: Promise<void> | undefined;
  #last = Promise.resolve();
  /** Somebody waits for a word, whatever comes of it. */
  #isAsked = false;
  #hadFile: boolean;
  /** What was read last could not be used, and the log says so. */
  #isBroken = false;
  #warnings: readonly string[];

  constructor(opened: Opened, options: LoadOptions, listener: ReloadListener) {
    const { path, warnings } = opened.program.config;
    this.path = locateConfig(options.configPath).path;
    this.#opened = opened;
    this.#options = options;
    this.#listener = listener;
    this.#hadFile = path !== undefined;
    this.#warnings = warnings;
  }

  ask(): void {
    // Of a hundred signals at once, one or two are enough.
    if (!this.#isAsked) this.#opened.log.info("SIGHUP: the config is read again");
    this.#isAsked = true;
    void this.run();
  }

  /** Never rejects. */
  run(): Promise<void> {
    this.#next ??= this.#last = this.#last.then(() => {
      this.#next = undefined;
      const isAsked = this.#isAsked;
      this.#isAsked = false;
      return this.#readAgain(isAsked);
    });
    return this.#next;
  }

  settled(): Promise<void> {
    return this.#last;
  }

  async #readAgain(isAsked: boolean): Promise<void> {
    const { log } = this.#opened;
    try {
      const config = this.#hadFile && isGone(this.path) ? undefined : await loadConfig(this.#options);
      if (config === undefined || (this.#hadFile && config.path === undefined)) {
        this.#refuse();
        // Defaults in its place would take agents and tokens from everybody who is using them.
        log.warn({ config: this.path }, "the config file is gone, and the last good config stays");
      } else {
        this.#apply(config, isAsked);
      }
    } catch (thrown) {
      this.#refuse();
      if (thrown instanceof ConfigError) log.error({ problems: thrown.issues }, "the config is wrong, and the last good one stays");
      else log.error({ err: thrown }, "the config could not be applied, and the last good one stays");
    }
  }

  #refuse(): void {
    this.#isBroken = true;
    this.#opened.program.refuseConfig();
  }

  #apply(config: Config, isAsked: boolean): void {
    const { program, log } = this.#opened;
    const before = program.config.gateway.auth;
    const { changed, unchanged } = program.apply(config);
    for (const key of unchanged) log.warn({ key }, "this change of the config needs a restart");
    for (const warning of config.warnings) if (!this.#warnings.includes(warning)) log.warn(warning);
    const line = { config: config.path };
    if (changed.length > 0) this.#listener.onConfig(program.config);
    if (changed.length > 0) log.info({ ...line, changed }, "config applied");
    else if (this.#isBroken) log.info(line, "the config can be used again, and nothing in it has changed");
    else if (unchanged.length === 0) log[isAsked ? "info" : "debug"](line, "the config was read again, and nothing in it has changed");
    this.#warnings = config.warnings;
    this.#hadFile = config.path !== undefined;
    this.#isBroken = false;
    log.level = program.config.log.level;
    const { auth } = program.config.gateway;
    if (auth.isGenerated && auth.secret !== undefined && auth.secret !== before.secret) this.#listener.onSecret(auth.secret);
  }
}

/** A pipe that the config was read from at start is gone as well: whoever opens it again waits for its writer. */
function isGone(path: string): boolean {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined || found.isFIFO();
  } catch {
    // Something else is the matter, and whoever reads it says what.
    return false;
  }
}
