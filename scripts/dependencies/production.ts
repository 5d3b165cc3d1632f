/**
 * What is installed with the gateway, as package-lock.json has it: everything but what only its development needs.
 *
 * Deliberately absent: what is on this machine. Packages for other systems are listed too, installed here or not.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression; undefined when the package says none. */
  readonly licence: string | undefined;
  /** The gateway's own package.json asks for it. */
  readonly isDirect: boolean;
}

export interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

const modules = "node_modules/";

export function readLock(root: string): Lock {
  return JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
}

/** Without what only development needs, links to folders of this repository among it. */
export function withoutDevelopment({ packages, ...rest }: Lock): Lock {
  const { devDependencies: _left, ...own } = packages[""] ?? {};
  const kept = Object.entries(packages).filter(([path, { dev, link }]) => path.startsWith(modules) && !dev && !link);
  return { ...rest, packages: { "": own, ...Object.fromEntries(kept) } };
}

/** Each version once, by name. */
export function productionPackages(lock: Lock): InstalledPackage[] {
  const { packages } = withoutDevelopment(lock);
  const direct = Object.keys(packages[""]?.dependencies ?? {});
  const found = new Map<string, InstalledPackage>();
  for (const [path, { version, license: licence }] of Object.entries(packages)) {
    const name = path.slice(path.lastIndexOf(modules) + modules.length);
    if (path === "" || version === undefined) continue;
    const isDirect = path === modules + name && direct.includes(name);
    const known = found.get(`${name}@${version}`);
    found.set(`${name}@${version}`, { name, version, licence, isDirect: isDirect || known?.isDirect === true });
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}
