/** When the watcher of the config file says that it has changed, whatever way it is changed, and when it does not. */
import { execFileSync } from "node:child_process";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { watchConfig } from "../../src/config/watch.ts";
import { makeFolder } from "../support/gateway.ts";

const watching: (() => Promise<void>)[] = [];

afterAll(() => Promise.all(watching.map((stop) => stop())));

/** What the file said each time that the watcher called. */
class Seen {
  readonly contents: string[] = [];
  readonly stop: () => Promise<void>;
  #wake: () => void = () => undefined;

  constructor(path: string) {
    this.stop = watchConfig(path, () => {
      this.contents.push(readFileSync(path, "utf8"));
      this.#wake();
      return Promise.resolve();
    });
    watching.push(this.stop);
  }

  async until(content: string): Promise<void> {
    while (this.contents.at(-1) !== content) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

async function watched(content = "first"): Promise<{ folder: string; path: string; seen: Seen }> {
  const folder = await makeFolder();
  const path = join(folder, "openclaw.json");
  await writeFile(path, content);
  const seen = new Seen(path);
  await seen.until(content);
  return { folder, path, seen };
}

describe("a changed config file is noticed", () => {
  test("when it is written in place", async () => {
    const { path, seen } = await watched();
    await writeFile(path, "second");
    await seen.until("second");
    expect(seen.contents).toEqual(["first", "second"]);
  });

  test("when another file takes its place, as editors do it", async () => {
    const { folder, path, seen } = await watched();
    for (const content of ["second", "third"]) {
      await writeFile(join(folder, "draft"), content);
      await rename(join(folder, "draft"), path);
      await seen.until(content);
    }
  });

  test("when it is emptied and written again, and by then only once", async () => {
    const { path, seen } = await watched();
    await writeFile(path, "");
    await writeFile(path, "second");
    await seen.until("second");
    expect(seen.contents).toEqual(["first", "second"]);
  });

  test("when it is gone for a while", async () => {
    const { path, seen } = await watched();
    await rm(path);
    await writeFile(path, "second");
    await seen.until("second");
    expect(seen.contents).toEqual(["first", "second"]);
  });

  test("when a link on the way to it leads elsewhere, as in a volume of Kubernetes", async () => {
    const folder = await makeFolder();
    for (const version of ["..1", "..2"]) {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, "openclaw.json"), version);
    }
    await symlink("..1", join(folder, "..data"));
    await symlink("..data/openclaw.json", join(folder, "openclaw.json"));
    const seen = new Seen(join(folder, "openclaw.json"));
    await seen.until("..1");
    await symlink("..2", join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
    await seen.until("..2");
  });

  test("when it comes to be, and its folder with it", async () => {
    const folder = join(await makeFolder(), "new");
    const seen = new Seen(join(folder, "openclaw.json"));
    await mkdir(folder);
    await writeFile(join(folder, "openclaw.json"), "at last");
    await seen.until("at last");
    expect(seen.contents).toEqual(["at last"]);
  });

  test("however much is written beside it meanwhile", async () => {
    const { folder, path, seen } = await watched();
    let isOver = false;
    const busy = (async () => {
      for (let n = 0; !isOver; n++) await writeFile(join(folder, "clawgate.db-wal"), String(n));
    })();
    await writeFile(path, "second");
    await seen.until("second");
    isOver = true;
    await busy;
    expect(seen.contents).toEqual(["first", "second"]);
  });
});

test("a file that is touched, or removed and put back, has not changed", async () => {
  const { path, seen } = await watched();
  await writeFile(path, "first");
  await rm(path);
  await writeFile(path, "first");
  // What comes later is told later, so nothing is on its way any more.
  await writeFile(path, "second");
  await seen.until("second");
  expect(seen.contents).toEqual(["first", "second"]);
});

test("a file that is gone is told of once, and a pipe in its place is never opened", async () => {
  const path = join(await makeFolder(), "openclaw.json");
  await writeFile(path, "first");
  const calls: (() => void)[] = [];
  let count = 0;
  const stop = watchConfig(path, () => {
    count++;
    for (const wake of calls.splice(0)) wake();
    return Promise.resolve();
  });
  watching.push(stop);
  const called = async (times: number): Promise<void> => {
    while (count < times) await new Promise<void>((resolve) => calls.push(resolve));
  };
  await called(1);
  await rm(path);
  await called(2);
  execFileSync("mkfifo", [`${path}.pipe`]);
  await writeFile(path, "second");
  await called(3);
  await rm(path);
  await rename(`${path}.pipe`, path);
  await called(4);
  // Whoever had opened the pipe would still wait for its writer.
  await stop();
  expect(count).toBe(4);
});

test("nothing is told once the watching has stopped", async () => {
  const { path, seen } = await watched();
  await seen.stop();
  const other = new Seen(path);
  await writeFile(path, "second");
  await other.until("second");
  expect(seen.contents).toEqual(["first"]);
});
