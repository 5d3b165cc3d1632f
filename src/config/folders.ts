/** Folders that the file names: whether they are there. One that is not may still be made, so it is no error. */
import { statSync } from "node:fs";
import type { ConfigPath, Findings } from "./config-error.ts";

/** `folder` is absolute. */
export function checkFolder(folder: string | undefined, path: ConfigPath, findings: Findings): void {
  if (folder === undefined || isFolder(folder)) return;
  findings.warn(path, `there is no folder ${folder}; make it, or correct the path.`);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
