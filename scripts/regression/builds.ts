/**
 * An earlier commit as a built program in a folder that goes with this process. It runs on the dependencies that are
 * installed here, also when the commit had others: what is compared is the code.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** There is nothing to compare with, and why. */
export class NothingToCompare extends Error {}

export interface Commit {
  readonly hash: string;
  /** As one names it: `abc1234 What it did`. */
  readonly title: string;
}

/** Unless told which: the last commit while something in the folder is not committed, else the one before it. */
export function findCommit(root: string, against: string | undefined): Commit {
  const git = (...args: string[]): string => {
    try {
      return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    } catch {
      // Whoever names a commit means it.
      if (against !== undefined) throw new Error(`There is no commit ${against} here.`);
      throw new NothingToCompare("There is no earlier commit here: no history, or not so much of it.");
    }
  };
  const revision = against ?? (git("status", "--porcelain") === "" ? "HEAD~1" : "HEAD");
  const [hash = "", title = ""] = git("log", "-1", "--format=%H%n%h %s", `${revision}^{commit}`).split("\n");
  return { hash, title };
}

/** Returns the folder. */
export function buildCommit(root: string, { hash, title }: Commit): string {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-regression-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const build = join(folder, "build");
  mkdirSync(build);
  const archive = join(folder, "commit.tar");
  execFileSync("git", ["archive", "--output", archive, hash], { cwd: root });
  execFileSync("tar", ["-xf", archive, "-C", build]);
  symlinkSync(join(root, "node_modules"), join(build, "node_modules"));
  try {
    // Whether its types are right was looked at when it was committed.
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [compiler, "-p", "tsconfig.build.json", "--noCheck"], { cwd: build, stdio: "ignore" });
  } catch {
    throw new NothingToCompare(`${title} cannot be built with what is installed here.`);
  }
  return build;
}

/** Whoever is to be measured must be built. */
export function isBuilt(folder: string): boolean {
  return existsSync(join(folder, "dist/src/main.js"));
}
