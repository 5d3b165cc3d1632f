/**
 * Addresses that callers and models name: the public ones are fetched, within limits, and nothing else is even connected
 * to. Servers of a test are on the loopback, so where something is to be fetched 127.0.0.1 is declared public.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { FetchLimits } from "../../src/domain/agent.ts";
import { guardedFetch, GuardedFetcher } from "../../src/runtime/guarded-fetch.ts";
import { isPublicAddress } from "../../src/runtime/public-address.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

const limits: FetchLimits = { allowHosts: ["*"], maxBytes: 100_000, maxRedirects: 3, timeoutMs: 20_000 };
const idle = new AbortController().signal;

let server: WebServer;
/** Every socket that anything in this process opens as a client. */
let sockets = 0;
const onSocket = (): void => void sockets++;

beforeAll(async () => {
  subscribe("net.client.socket", onSocket);
  server = await startWebServer();
});
beforeEach(() => {
  server.answer((_req, res) => void res.end("hello"));
  sockets = 0;
});
afterAll(() => {
  unsubscribe("net.client.socket", onSocket);
  return server.close();
});

/** To this one every name is 127.0.0.1, unless `names` says otherwise; that address is public, others as they are. */
function fetcherOf(names: { [name: string]: string[] } = {}) {
  const asked: string[] = [];
  const fetcher = new GuardedFetcher({
    lookup: (name) => {
      asked.push(name);
      const addresses = names[name] ?? ["127.0.0.1"];
      return Promise.resolve(addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })));
    },
    isAllowedAddress: (address) => address === "127.0.0.1" || isPublicAddress(address),
  });
  return {
    asked,
    get: (url: string, more: Partial<FetchLimits> = {}, signal = idle) => fetcher.fetch(url, { ...limits, ...more }, signal),
  };
}

const at = (host: string, path = "/"): string => `http://${host}:${server.port}${path}`;
const redirect = (res: ServerResponse, location: string, status = 302): void => void res.writeHead(status, { location }).end("moved");

describe("an address that is not public is refused and never connected to", () => {
  test.each([
    ["loopback", "http://127.0.0.1:PORT/"],
    ["loopback, short", "http://127.1:PORT/"],
    ["loopback, another one", "http://127.255.255.254:PORT/"],
    ["loopback, decimal", "http://2130706433:PORT/"],
    ["loopback, hexadecimal", "http://0x7f000001:PORT/"],
    ["loopback, hexadecimal parts", "http://0x7f.0.0.0x1:PORT/"],
    ["loopback, octal", "http://0177.0.0.1:PORT/"],
    ["loopback, octal without dots", "http://017700000001:PORT/"],
    ["loopback, wide digits", "http://１２７.０.０.１:PORT/"],
    ["loopback, encoded", "http://%31%32%37.0.0.1:PORT/"],
    ["loopback, a dot at the end", "http://127.0.0.1.:PORT/"],
    ["loopback, backslashes", "http:\\\\127.0.0.1:PORT\\"],
    ["this host", "http://0.0.0.0:PORT/"],
    ["this host, short", "http://0:PORT/"],
    ["localhost", "http://localhost:PORT/"],
    ["localhost, upper case and a dot", "http://LocalHost.:PORT/"],
    ["IPv6 loopback", "http://[::1]:PORT/"],
    ["IPv6 loopback, long", "http://[0:0:0:0:0:0:0:1]:PORT/"],
    ["IPv6 unspecified", "http://[::]:PORT/"],
    ["mapped loopback", "http://[::ffff:127.0.0.1]:PORT/"],
    ["mapped loopback, hexadecimal", "http://[::ffff:7f00:1]:PORT/"],
    ["compatible loopback", "http://[::127.0.0.1]:PORT/"],
    ["translated loopback", "http://[::ffff:0:127.0.0.1]:PORT/"],
    ["NAT64 loopback", "http://[64:ff9b::127.0.0.1]:PORT/"],
    ["local NAT64 loopback", "http://[64:ff9b:1::127.0.0.1]:PORT/"],
    ["6to4 loopback", "http://[2002:7f00:1::1]:PORT/"],
    ["Teredo loopback", "http://[2001:0:7f00:1::1]:PORT/"],
    ["metadata", "http://169.254.169.254/latest/meta-data/"],
    ["metadata, decimal", "http://2852039166/"],
    ["metadata, mapped", "http://[::ffff:169.254.169.254]/"],
    ["metadata, IPv6", "http://[fd00:ec2::254]/"],
    ["metadata, Azure's host", "http://168.63.129.16/"],
    ["metadata, Oracle's", "http://192.0.0.192/"],
    ["metadata, Alibaba's", "http://100.100.100.200/"],
    ["private 10/8", "https://10.0.0.1/"],
    ["private 172.16/12", "https://172.31.255.1/"],
    ["private 192.168/16", "http://192.168.1.1/"],
    ["private, translated", "http://[64:ff9b::10.0.0.1]/"],
    ["shared by a carrier", "http://100.64.0.1/"],
    ["benchmarking", "http://198.19.0.1/"],
    ["documentation", "http://203.0.113.9/"],
    ["multicast", "http://224.0.0.1/"],
    ["broadcast", "http://255.255.255.255/"],
    ["reserved", "http://240.0.0.1/"],
    ["unique local", "http://[fc00::1]/"],
    ["link local", "http://[fe80::1]/"],
    ["site local", "http://[fec0::1]/"],
    ["IPv6 multicast", "http://[ff02::1]/"],
    ["IPv6 documentation", "http://[2001:db8::1]/"],
    ["IPv6 discard", "http://[100::1]/"],
    ["given to nobody", "http://[4000::1]/"],
  ])("%s: %s", async (_name, url) => {
    const asked = guardedFetch(url.replace("PORT", String(server.port)), limits, idle);
    await expect(asked).rejects.toMatchObject({ name: "FetchRefused", reason: "address", message: expect.stringContaining("not public") });
    expect([sockets, server.connections]).toEqual([0, 0]);
  });

  test("whatever a name says: private, or public and private at once", async () => {
    const names = {
      "private.example": ["10.0.0.1"],
      "mixed.example": ["127.0.0.1", "192.168.0.1"],
      "six.example": ["::1"],
      "none.example": [],
    };
    for (const name of Object.keys(names)) await expect(fetcherOf(names).get(at(name))).rejects.toMatchObject({ reason: "address" });
    expect(sockets).toBe(0);
  });

  test("nor is what is no address at all", () => {
    for (const address of ["", "localhost", "127.1", "0x7f.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "::g", "1.2.3.4/8"]) {
      expect([address, isPublicAddress(address)]).toEqual([address, false]);
    }
  });

  test("public ones pass the rule", () => {
    for (const address of ["1.1.1.1", "8.8.8.8", "93.184.215.14", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450::1"]) {
      expect([address, isPublicAddress(address)]).toEqual([address, true]);
    }
  });
});

describe("what is no address on the web is refused", () => {
  test.each([
    ["file:///etc/passwd", "scheme"],
    ["ftp://example.org/", "scheme"],
    ["gopher://127.0.0.1:6379/_FLUSHALL", "scheme"],
    ["data:text/plain,hi", "scheme"],
    ["javascript:alert(1)", "scheme"],
    ["unix:/var/run/docker.sock", "scheme"],
    ["http://user:secret@example.org/", "url"],
    ["http://user@example.org/", "url"],
    ["", "url"],
    ["example.org", "url"],
    ["//example.org/", "url"],
    ["http://", "url"],
    ["http://[::1%25eth0]/", "url"],
    ["http://127.0.0.1%00.example.org/", "url"],
    ["http://1.2.3.4.5/", "url"],
  ])("%s", async (url, reason) => {
    const refused = await guardedFetch(url, limits, idle).catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ name: "FetchRefused", reason });
    expect(String(refused)).not.toContain("secret");
    expect(sockets).toBe(0);
  });
});

describe("a name that changes its address", () => {
  test("is looked up once, and the connection goes to the address that was checked", async () => {
    const addresses = [["127.0.0.1"], ["10.0.0.1"]];
    let lookups = 0;
    const fetcher = new GuardedFetcher({
      lookup: () => Promise.resolve((addresses[lookups++] ?? []).map((address) => ({ address, family: 4 }))),
      isAllowedAddress: (address) => address === "127.0.0.1",
    });
    const { body } = await fetcher.fetch(at("rebind.example"), limits, idle);
    expect([body.toString(), lookups, sockets]).toEqual(["hello", 1, 1]);
    await expect(fetcher.fetch(at("rebind.example"), limits, idle)).rejects.toMatchObject({ reason: "address" });
    expect([lookups, sockets]).toEqual([2, 1]);
  });

  test("is looked up and checked again when it redirects to itself", async () => {
    const answers = [["127.0.0.1"], ["10.0.0.1"]];
    const fetcher = new GuardedFetcher({
      lookup: () => Promise.resolve((answers.shift() ?? []).map((address) => ({ address, family: 4 }))),
      isAllowedAddress: (address) => address === "127.0.0.1",
    });
    server.answer((_req, res) => redirect(res, "/again"));
    await expect(fetcher.fetch(at("rebind.example"), limits, idle)).rejects.toMatchObject({ reason: "address" });
    expect([server.requests.length, sockets]).toEqual([1, 1]);
  });
});

describe("a redirect", () => {
  test.each([
    ["http://[::1]:PORT/", "address"],
    ["http://127.0.0.2:PORT/", "address"],
    ["//0x7f000002:PORT/", "address"],
    ["http://[::ffff:127.0.0.1]:PORT/", "address"],
    ["http://169.254.169.254/latest/meta-data/", "address"],
    ["http://inside.example/", "address"],
    ["https://inside.example/", "address"],
    ["file:///etc/passwd", "scheme"],
    ["http://user:pw@public.example:PORT/", "url"],
    ["http://", "url"],
  ])("to %s is refused like that address itself", async (location, reason) => {
    server.answer((_req, res) => redirect(res, location.replace("PORT", String(server.port))));
    const asked = fetcherOf({ "inside.example": ["10.1.2.3"] }).get(at("public.example"));
    await expect(asked).rejects.toMatchObject({ name: "FetchRefused", reason });
    expect([server.requests.length, sockets]).toEqual([1, 1]);
  });

  test.each([301, 302, 303, 307, 308])("with %d is followed, and where it ends is told", async (status) => {
    server.answer((req, res) => (req.url === "/a/b" ? redirect(res, "../c?d=1", status) : void res.end("there")));
    const { asked, get } = fetcherOf();
    expect(await get(at("public.example", "/a/b"))).toMatchObject({ status: 200, url: at("public.example", "/c?d=1") });
    expect(server.requests.map(({ path }) => path)).toEqual(["/a/b", "/c?d=1"]);
    expect(asked).toEqual(["public.example", "public.example"]);
  });

  test("to a host that is not on the list is refused", async () => {
    server.answer((_req, res) => redirect(res, at("other.example")));
    await expect(fetcherOf().get(at("public.example"), { allowHosts: ["public.example"] })).rejects.toMatchObject({ reason: "host" });
    expect(server.requests.length).toBe(1);
  });

  test("is followed as often as allowed and no more", async () => {
    server.answer((_req, res) => redirect(res, "/again"));
    for (const maxRedirects of [0, 2]) {
      server.requests.length = 0;
      await expect(fetcherOf().get(at("public.example"), { maxRedirects })).rejects.toMatchObject({ reason: "redirects" });
      expect(server.requests.length).toBe(maxRedirects + 1);
    }
  });

  test("that leads nowhere is a reply like any other", async () => {
    server.answer((_req, res) => void res.writeHead(304).end());
    expect((await fetcherOf().get(at("public.example"))).status).toBe(304);
    server.answer((_req, res) => void res.writeHead(302).end("where?"));
    expect((await fetcherOf().get(at("public.example"))).body.toString()).toBe("where?");
  });
});

describe("a reply", () => {
  test("is its status, label, bytes and address, whatever the status", async () => {
    server.answer((_req, res) => void res.writeHead(404, { "content-type": "Text/Plain; charset=x" }).end(Buffer.from([0, 255])));
    expect(await fetcherOf().get(at("public.example", "/x#part"))).toEqual({
      status: 404,
      contentType: "Text/Plain; charset=x",
      body: Buffer.from([0, 255]),
      url: at("public.example", "/x#part"),
    });
  });

  test("is asked for without cookies, credentials or anything else that tells who asks", async () => {
    server.answer((req, res) => (req.url === "/" ? redirect(res.setHeader("set-cookie", "a=b"), "/next") : void res.end()));
    await fetcherOf().get(at("public.example"));
    for (const { headers } of server.requests) {
      expect(headers).toEqual({
        host: `public.example:${server.port}`,
        connection: expect.anything(),
        accept: "*/*",
        "accept-encoding": "identity",
        "user-agent": "clawgate",
      });
    }
    expect(server.requests.length).toBe(2);
  });

  test("with more than the allowed bytes is refused, though it never ends", async () => {
    server.answer((_req, res) => {
      const write = (): void => {
        while (!res.destroyed && res.write(Buffer.alloc(16_384)));
      };
      res.on("drain", write);
      write();
    });
    await expect(fetcherOf().get(at("public.example"))).rejects.toMatchObject({
      reason: "size",
      message: expect.stringContaining("100000"),
    });
    await server.isIdle();
  });

  test("with exactly the allowed bytes is taken", async () => {
    server.answer((_req, res) => void res.end(Buffer.alloc(100_000)));
    expect((await fetcherOf().get(at("public.example"))).body.length).toBe(100_000);
  });

  test("that was compressed all the same is unpacked, and its unpacked bytes count", async () => {
    const packers = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync };
    for (const [encoding, pack] of Object.entries(packers)) {
      server.answer((_req, res) => void res.writeHead(200, { "content-encoding": encoding }).end(pack("hello, unpacked")));
      expect((await fetcherOf().get(at("public.example"))).body.toString()).toBe("hello, unpacked");
      server.answer((_req, res) => void res.writeHead(200, { "content-encoding": encoding }).end(pack(Buffer.alloc(2_000_000))));
      await expect(fetcherOf().get(at("public.example"))).rejects.toMatchObject({ reason: "size" });
    }
    server.answer((_req, res) => void res.writeHead(200, { "content-encoding": "gzip, gzip" }).end("?"));
    await expect(fetcherOf().get(at("public.example"))).rejects.toMatchObject({ reason: "unreachable" });
    server.answer((_req, res) => void res.writeHead(200, { "content-encoding": "gzip" }).end("not gzip at all"));
    await expect(fetcherOf().get(at("public.example"))).rejects.toMatchObject({ reason: "unreachable" });
  });

  test("leaves no connection behind", async () => {
    await fetcherOf().get(at("public.example"));
    await server.isIdle();
    expect(server.connections).toBe(1);
  });
});

describe("time", () => {
  test("is up for a server that says nothing, one that never ends, and a name that is never found", async () => {
    const scripts: ((res: ServerResponse) => void)[] = [() => undefined, (res) => void res.write("a")];
    for (const script of scripts) {
      server.answer((_req, res) => script(res));
      const asked = fetcherOf().get(at("public.example"), { timeoutMs: 100 });
      await expect(asked).rejects.toMatchObject({ reason: "time", message: expect.stringContaining("100 ms") });
      await server.isIdle();
    }
    const endless = new GuardedFetcher({ lookup: () => new Promise(() => undefined) });
    await expect(endless.fetch(at("public.example"), { ...limits, timeoutMs: 20 }, idle)).rejects.toMatchObject({ reason: "time" });
  });

  test("counts redirects too", async () => {
    server.answer((req, res) => (req.url === "/" ? redirect(res, "/slow") : undefined));
    // Long enough for the redirect to be followed on a busy machine.
    await expect(fetcherOf().get(at("public.example"), { timeoutMs: 2_000 })).rejects.toMatchObject({ reason: "time" });
    expect(server.requests.length).toBe(2);
  });

  test("ends at once with the signal's reason when it aborts", async () => {
    const stop = new AbortController();
    const reason = new Error("the run ended");
    server.answer(() => stop.abort(reason));
    await expect(fetcherOf().get(at("public.example"), {}, stop.signal)).rejects.toBe(reason);
    await server.isIdle();
    await expect(fetcherOf().get(at("public.example"), {}, stop.signal)).rejects.toBe(reason);
    expect(sockets).toBe(1);
  });
});

test("a server that is not there is unreachable", async () => {
  server.answer((req) => req.socket.destroy());
  await expect(fetcherOf().get(at("public.example"))).rejects.toMatchObject({ reason: "unreachable" });
  const unknown = new GuardedFetcher({ lookup: () => Promise.reject(Object.assign(new Error("no"), { code: "ENOTFOUND" })) });
  await expect(unknown.fetch("http://nowhere.example/", limits, idle)).rejects.toMatchObject({
    reason: "unreachable",
    message: "The address could not be reached (ENOTFOUND).",
  });
});

describe("the list of hosts", () => {
  test.each([
    ["example.org", "example.org", true],
    ["example.org", "EXAMPLE.org.", true],
    ["example.org", "www.example.org", false],
    ["example.org", "example.org.evil.example", false],
    ["*.example.org", "www.example.org", true],
    ["*.example.org", "a.b.example.org", true],
    ["*.example.org", "example.org", false],
    ["*.example.org", "evilexample.org", false],
    ["münchen.example", "xn--mnchen-3ya.example", true],
    ["*.münchen.example", "www.münchen.example", true],
    ["*", "anything.example", true],
    ["127.0.0.1", "127.0.0.1", true],
  ])("%s lets %s through: %s", async (entry, host, passes) => {
    const asked = fetcherOf().get(at(host), { allowHosts: [entry] });
    await (passes ? expect(asked).resolves.toMatchObject({ status: 200 }) : expect(asked).rejects.toMatchObject({ reason: "host" }));
    expect(sockets).toBe(passes ? 1 : 0);
  });

  test("that is empty lets nothing through", async () => {
    await expect(fetcherOf().get(at("example.org"), { allowHosts: [] })).rejects.toMatchObject({ reason: "host" });
  });
});
