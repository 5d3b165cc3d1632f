/**
 * What is only looked at when somebody asks: how much there is to do at the moment, and how the process is. Besides, how
 * long the event loop keeps timers waiting, which takes a timer.
 *
 * Names without `clawgate_` are those that other programs on Node and elsewhere have, so that known dashboards show them.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import Counter from "prom-client/lib/counter.js";
import Gauge from "prom-client/lib/gauge.js";
import Histogram from "prom-client/lib/histogram.js";
import type Registry from "prom-client/lib/registry.js";
import type { RunsConfig } from "../config/config.ts";
import type { RunLoad } from "../service/run-queue.ts";

/** How what the config file says stands to what holds. */
export interface ConfigFileState {
  /** What it said when it was read last could be used. */
  readonly isUsable: boolean;
  /** Some of it holds only after a restart. */
  readonly needsRestart: boolean;
}

/** What is to be looked at. */
export interface Surroundings {
  load(): RunLoad;
  runLimits(): RunsConfig;
  /** WebSockets. */
  connections(): number;
  configFile(): ConfigFileState;
  readonly version: string;
}

const probeMs = 50;

type Look = () => number | Promise<number>;

/** Returns how to stop measuring. */
export function addGauges(registry: Registry, around: Surroundings): () => void {
  const registers = [registry];
  const gauge = (name: string, help: string, look: Look): void =>
    void new Gauge({
      name,
      help,
      registers,
      async collect() {
        try {
          this.set(await look());
        } catch {
          // Where no file can be opened any more, all that needs none is still worth knowing.
          this.remove();
        }
      },
    });
  gauge("clawgate_runs_active", "Runs at work.", () => around.load().running);
  gauge("clawgate_runs_active_limit", "Runs that may be at work at a time.", () => around.runLimits().maxConcurrent);
  gauge("clawgate_runs_queued", "Runs that wait, for their session or for others to end.", () => around.load().waiting);
  gauge("clawgate_runs_queued_limit", "Runs that may wait.", () => around.runLimits().maxQueued);
  gauge("clawgate_sessions_occupied", "Sessions with a run, at work or waiting.", () => around.load().sessions);
  gauge("clawgate_websocket_connections", "WebSockets that are open.", () => around.connections());
  gauge("clawgate_config_last_reload_successful", "1 unless the config file was wrong or gone when it was read last.", () =>
    Number(around.configFile().isUsable),
  );
  gauge("clawgate_config_restart_pending", "1 while some of what the config file says waits for a restart.", () =>
    Number(around.configFile().needsRestart),
  );
  new Gauge({ name: "clawgate_build_info", help: "Always 1.", labelNames: ["version", "node_version"], registers }).set(
    { version: around.version, node_version: process.version },
    1,
  );
  addProcess(registry, gauge);
  return measureLoopDelay(registry);
}

function addProcess(registry: Registry, gauge: (name: string, help: string, look: Look) => void): void {
  new Counter({
    name: "process_cpu_seconds_total",
    help: "Processor time, of the user and of the system.",
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  gauge("process_resident_memory_bytes", "Memory.", () => process.memoryUsage.rss());
  gauge("process_start_time_seconds", "When the process began, in seconds since 1970.", () => performance.timeOrigin / 1000);
  gauge("nodejs_heap_size_used_bytes", "Memory of JavaScript objects.", () => getHeapStatistics().used_heap_size);
  // Only Linux says how many files a process has open.
  if (!existsSync("/proc/self/fd")) return;
  // One of them is the folder that is being read.
  gauge("process_open_fds", "Open files and sockets.", async () => (await readdir("/proc/self/fd")).length - 1);
  gauge("process_max_fds", "Files and sockets that may be open.", async () => {
    const limits = await readFile("/proc/self/limits", "utf8");
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  });
}

/** As a histogram, which any number of readers may read; `perf_hooks` has one that must be reset for each of them. */
function measureLoopDelay(registry: Registry): () => void {
  const delay = new Histogram({
    name: "clawgate_event_loop_delay_seconds",
    help: "How much too late a timer of 50 ms was.",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  let expectedAt = performance.now() + probeMs;
  const probe = setInterval(() => {
    const now = performance.now();
    delay.observe(Math.max(0, now - expectedAt) / 1000);
    expectedAt = now + probeMs;
  }, probeMs).unref();
  return () => clearInterval(probe);
}
