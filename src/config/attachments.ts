/**
 * What the endpoint takes of images and files, from the keys of `gateway.http.endpoints.chatCompletions`.
 *
 * Images by address need two keys, a switch and a list of hosts: switched on without a list they stay off, and a warning says so.
 */
import type { FetchLimits } from "../domain/agent.ts";
import type { Findings } from "./config-error.ts";
import type { AttachmentsConfig } from "./config.ts";
import { readHostNames } from "./host-names.ts";
import type { ConfigFile } from "./schema.ts";

type ChatCompletionsFile = ConfigFile["gateway"]["http"]["endpoints"]["chatCompletions"];
type ImagesFile = ChatCompletionsFile["images"];

const imageTypes = ["image/png", "image/jpeg", "image/gif", "image/webp"] as const;
const imagesPath = ["gateway", "http", "endpoints", "chatCompletions", "images"] as const;

export function buildAttachments(file: ChatCompletionsFile, findings: Findings): AttachmentsConfig {
  const { maxImageParts, maxTotalImageBytes, images, files } = file;
  return {
    maxImageParts,
    maxTotalImageBytes,
    imageUrls: readImageUrls(images, findings),
    maxImageBytes: images.maxBytes,
    imageTypes: readImageTypes(images.allowedMimes, findings),
    maxFileParts: files.maxParts,
    maxFileBytes: files.maxBytes,
    maxFileCharacters: files.maxChars,
  };
}

function readImageUrls(
  { allowUrl, urlAllowlist, maxBytes, maxRedirects, timeoutMs }: ImagesFile,
  findings: Findings,
): FetchLimits | undefined {
  const allowHosts = readHostNames(urlAllowlist, [...imagesPath, "urlAllowlist"], findings);
  if (!allowUrl) {
    if (urlAllowlist.length > 0) findings.warn([...imagesPath, "urlAllowlist"], "has no effect without allowUrl: true.");
    return undefined;
  }
  if (urlAllowlist.length === 0) {
    findings.warn(
      [...imagesPath, "allowUrl"],
      'no image is fetched without hosts: list them in urlAllowlist, or ["*"] for any public one.',
    );
    return undefined;
  }
  return { allowHosts, maxBytes, maxRedirects, timeoutMs };
}

/** OpenClaw's files may name kinds that it converts, such as image/heic; here those are left out with a warning. */
function readImageTypes(named: readonly string[] | undefined, findings: Findings): AttachmentsConfig["imageTypes"] {
  if (named === undefined) return imageTypes;
  const path = [...imagesPath, "allowedMimes"];
  const wanted = new Set(named.map((name) => name.trim().toLowerCase()).map((name) => (name === "image/jpg" ? "image/jpeg" : name)));
  const taken = imageTypes.filter((type) => wanted.has(type));
  const others = [...wanted].filter((name) => !imageTypes.some((type) => type === name));
  if (taken.length === 0) {
    findings.error(path, `must name one of ${imageTypes.join(", ")} at least; to take no images at all, set maxImageParts to 0.`);
  } else if (others.length > 0) {
    findings.warn(path, `not taken here, left out: ${others.join(", ")}. There are: ${imageTypes.join(", ")}.`);
  }
  return taken;
}
