/** The one place that loads code which the gateway does not ship: packages that the user installed and the config names. */
import { pathToFileURL } from "node:url";

/** `entry` is the absolute path of a module. */
export async function loadPackage(entry: string): Promise<object> {
  return (await import(pathToFileURL(entry).href)) as object;
}
