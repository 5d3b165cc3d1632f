/**
 * What is only looked at when somebody asks: how much there is to do at the moment, and how the process is. Besides, how
 * long the event loop keeps timers waiting, which takes a timer.
 *
 * Names without `clawgate_` are those that other programs on Node and elsewhere have, so that known dashboards show them.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import Counter from "prom-client/lib/counter.js";
import Gauge from "prom-client/lib/gauge.js";
import Histogram from "prom-client/lib/histogram.js";
import type Registry from "prom-client/lib/registry.js";
import type { RunsConfig } from "../config/config.ts";
import type { RunLoad } from "../service/run-queue.ts";

/** What is to be looked at. */
export interface Surroundings {
  load(): RunLoad;
  runLimits(): RunsConfig;
  /** WebSockets. */
  connections(): number;
  readonly version: string;
}

const probeMs = 50;

/** Returns how to stop measuring. */
export function addGauges(registry: Registry, around: Surroundings): () => void {
  const registers = [registry];
  const gauge = (name: string, help: string, look: () => number): void =>
    void new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(look());
      },
    });
  gauge("clawgate_runs_active", "Runs at work.", () => around.load().running);
  gauge("clawgate_runs_active_limit", "Runs that may be at work at a time.", () => around.runLimits().maxConcurrent);
  gauge("clawgate_runs_queued", "Runs that wait, for their session or for others to end.", () => around.load().waiting);
  gauge("clawgate_runs_queued_limit", "Runs that may wait.", () => around.runLimits().maxQueued);
  gauge("clawgate_sessions_occupied", "Sessions with a run, at work or waiting.", () => around.load().sessions);
  gauge("clawgate_websocket_connections", "WebSockets that are open.", () => around.connections());
  new Gauge({ name: "clawgate_build_info", help: "Always 1.", labelNames: ["version", "node_version"], registers }).set(
    { version: around.version, node_version: process.version },
    1,
  );
  addProcess(registry, gauge);
  return measureLoopDelay(registry);
}

function addProcess(registry: Registry, gauge: (name: string, help: string, look: () => number) => void): void {
  const registers = [registry];
  new Counter({
    name: "process_cpu_seconds_total",
    help: "Processor time, of the user and of the system.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  gauge("process_resident_memory_bytes", "Memory.", () => process.memoryUsage.rss());
  gauge("process_start_time_seconds", "When the process began, in seconds since 1970.", () => performance.timeOrigin / 1000);
  gauge("nodejs_heap_size_used_bytes", "Memory of JavaScript objects.", () => process.memoryUsage().heapUsed);
  // Only Linux says how many files a process has open.
  if (existsSync("/proc/self/fd")) addFiles(registry);
}

function addFiles(registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: "process_open_fds",
    help: "Open files and sockets.",
    registers,
    async collect() {
      // One of them is the folder that is being read.
      this.set((await readdir("/proc/self/fd")).length - 1);
    },
  });
  new Gauge({
    name: "process_max_fds",
    help: "Files and sockets that may be open.",
    registers,
    async collect() {
      const soft = /^Max open files\s+(\d+)/m.exec(await readFile("/proc/self/limits", "utf8"))?.[1];
      this.set(Number(soft ?? Infinity));
    },
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
