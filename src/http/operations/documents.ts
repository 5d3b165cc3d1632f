/** `getContract`: the contract as it is enforced. `getDocs`: the same for people, one self-contained page made by the build. */
import { readFile } from "node:fs/promises";
import type { Operations } from "../contract.ts";

export interface DocumentParts {
  readonly contractDocument: { readonly [key: string]: unknown };
  readonly docsPagePath: string;
}

export function getContract({ contractDocument }: DocumentParts): Operations["getContract"] {
  return () => Promise.resolve({ status: 200, type: "application/json", body: contractDocument });
}

export function getDocs({ docsPagePath }: DocumentParts): Operations["getDocs"] {
  return async () => ({ status: 200, type: "text/html", body: await readFile(docsPagePath) });
}
