/** Images by address, and what the configuration changes. The rest is shown over HTTP, in `test/http/attachments.test.ts`. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { AttachmentsConfig } from "../../src/config/config.ts";
import type { Attachment, SentMessage } from "../../src/domain/attachment.ts";
import { GuardedFetcher } from "../../src/runtime/guarded-fetch.ts";
import { AttachmentService } from "../../src/service/attachments.ts";
import { gif, jpeg, pngOf } from "../support/attachments.ts";

const config: AttachmentsConfig = {
  maxImageParts: 8,
  maxTotalImageBytes: 5000,
  imageUrls: { allowHosts: ["127.0.0.1"], maxBytes: 4000, maxRedirects: 1, timeoutMs: 10_000 },
  maxImageBytes: 4000,
  imageTypes: ["image/png", "image/jpeg", "image/gif", "image/webp"],
  maxFileParts: 8,
  maxFileBytes: 1000,
  maxFileCharacters: 100,
};

const never = new AbortController().signal;
const onLoopback = new GuardedFetcher({ isAllowedAddress: () => true });
const image = (source: Attachment["source"], param = "there"): Attachment => ({ type: "attachment", kind: "image", source, param });
const user = (...content: (Attachment | { type: "text"; text: string })[]): SentMessage => ({ role: "user", content });

describe("an image by its address", () => {
  let server: Server;
  let asked: string[];
  let answer: RequestListener;
  const at = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

  beforeEach(async () => {
    asked = [];
    answer = (_request, response) => response.end(pngOf());
    server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.accept}`);
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const read = (change: Partial<AttachmentsConfig>, ...images: Attachment[]) =>
    new AttachmentService({ ...config, ...change }, { fetcher: onLoopback }).read([user(...images)], never);

  test("is fetched, and what it is its bytes tell", async () => {
    answer = (_request, response) => response.setHeader("content-type", "image/png").end(gif());
    const [message] = await read({}, { ...image({ url: at("/a.png") }), detail: "high" });
    expect(message?.content).toEqual([{ type: "image", mediaType: "image/gif", data: gif().toString("base64"), detail: "high" }]);
    expect(asked).toEqual(["/a.png image/png, image/jpeg, image/gif, image/webp"]);
  });

  test("is refused and nobody is asked where no hosts are configured, or not this one", async () => {
    const refused = {
      code: "unsupported_parameter",
      param: "there",
      message: expect.stringMatching(
        /^Images are not fetched from this address\. .*urlAllowlist, both in gateway\.http\.endpoints\.chatCompletions\.images\.$/,
      ),
    };
    await expect(read({ imageUrls: undefined }, image({ url: at("/") }))).rejects.toMatchObject(refused);
    const elsewhere = { ...config.imageUrls!, allowHosts: ["example.org"] };
    await expect(read({ imageUrls: elsewhere }, image({ url: at("/") }))).rejects.toMatchObject(refused);
    expect(asked).toEqual([]);
  });

  test("that is not public is refused and nobody is asked", async () => {
    const guarded = new AttachmentService(config);
    await expect(guarded.read([user(image({ url: at("/") }))], never)).rejects.toMatchObject({
      code: "invalid_value",
      param: "there",
      message: expect.stringContaining("not public"),
    });
    expect(asked).toEqual([]);
  });

  test.each<[string, RequestListener, RegExp]>([
    ["is not there", (_request, response) => response.writeHead(404).end(pngOf()), /status 404/],
    ["is too large", (_request, response) => response.end(pngOf({ size: 4001 })), /more than 4000 bytes/],
    ["is a page", (_request, response) => response.end("<html>"), /not an image/],
    ["is empty", (_request, response) => response.end(), /not an image/],
    ["is cut off", (_request, response) => void response.writeHead(200, { "content-length": 99 }).destroy(), /could not be fetched/],
  ])("that %s is refused at its place", async (_name, listener, message) => {
    answer = listener;
    const error = { code: "invalid_value", param: "there", message: expect.stringMatching(message) };
    await expect(read({}, image({ url: at("/") }))).rejects.toMatchObject(error);
  });

  test("counts towards all images of the request", async () => {
    answer = (_request, response) => response.end(pngOf({ size: 2501 }));
    const both = [image({ data: pngOf({ size: 2500 }) }, "first"), image({ url: at("/") }, "second")];
    await expect(read({}, ...both)).rejects.toMatchObject({ code: "invalid_value", param: "second" });
    expect(await read({ maxTotalImageBytes: 5001 }, ...both)).toHaveLength(1);
  });

  test("is not asked for when another image is refused anyway", async () => {
    const tooLarge = image({ data: pngOf({ size: 4001 }) }, "second");
    await expect(read({}, image({ url: at("/") }, "first"), tooLarge)).rejects.toMatchObject({ param: "second" });
    await expect(read({ maxImageParts: 1 }, image({ url: at("/") }), image({ url: at("/") }, "second"))).rejects.toMatchObject({
      param: "second",
    });
    expect(asked).toEqual([]);
  });

  test("is given up when the caller goes", async () => {
    const leaving = new AbortController();
    const reason = new Error("gone");
    answer = () => leaving.abort(reason);
    const reading = new AttachmentService(config, { fetcher: onLoopback }).read([user(image({ url: at("/") }))], leaving.signal);
    await expect(reading).rejects.toBe(reason);
  });
});

describe("the configuration", () => {
  const read = (change: Partial<AttachmentsConfig>, part: Attachment) =>
    new AttachmentService({ ...config, ...change }).read([user(part)], never);

  test("may take fewer kinds of images; the sentence names those", async () => {
    const change = { imageTypes: ["image/png", "image/jpeg"] as const };
    expect(await read(change, image({ data: jpeg() }))).toHaveLength(1);
    await expect(read(change, image({ data: gif() }))).rejects.toThrow("This is not an image that models take. Send PNG or JPEG.");
    await expect(read({ imageTypes: ["image/png"] }, image({ data: gif() }))).rejects.toThrow("Send PNG.");
  });

  test("may take none at all", async () => {
    await expect(read({ maxImageParts: 0 }, image({ data: pngOf() }))).rejects.toThrow("No images are taken here.");
    const file: Attachment = { type: "attachment", kind: "file", source: { data: Buffer.from("a") }, param: "there" };
    await expect(read({ maxFileParts: 0 }, file)).rejects.toThrow("No files are taken here.");
    expect(await read({ maxImageParts: 0 }, file)).toHaveLength(1);
  });
});

test("messages without attachments stay the same objects, at the same places", async () => {
  const plain: SentMessage = { role: "user", content: [{ type: "text", text: "hi" }] };
  const answer: SentMessage = { role: "assistant", content: "yes", toolCalls: [] };
  const service = new AttachmentService(config);
  const read = await service.read([plain, user(image({ data: pngOf() })), answer, plain], never);
  expect(read).toHaveLength(4);
  expect([read[0] === plain, read[2] === answer, read[3] === plain]).toEqual([true, true, true]);
  expect(read[1]?.content).toMatchObject([{ type: "image", mediaType: "image/png" }]);
});

test("whoever has gone already is told so by the signal's own reason", async () => {
  const reason = new Error("gone");
  await expect(new AttachmentService(config).read([], AbortSignal.abort(reason))).rejects.toBe(reason);
});
