/**
 * The `gateway` section: port, address, who may call, and the endpoint's limits.
 * Nothing is listened on: a port that is taken shows when the program opens.
 */
import { describe, expect, test } from "@jest/globals";
import { isLoopbackHost } from "../../src/config/gateway.ts";
import { load, problems } from "./config-file.ts";

const auth = (auth: object, more: object = {}) => ({ gateway: { auth, ...more } });

describe("port", () => {
  const file = { gateway: { port: 4000 } };

  test("--port wins over OPENCLAW_GATEWAY_PORT, that over the file", async () => {
    const env = { OPENCLAW_GATEWAY_PORT: "5000" };
    expect((await load(file, env, { port: 6000 })).gateway.port).toBe(6000);
    expect((await load(file, env)).gateway.port).toBe(5000);
    expect((await load(file, { OPENCLAW_GATEWAY_PORT: "" })).gateway.port).toBe(4000);
  });

  test("0 is allowed everywhere: the system chooses", async () => {
    expect((await load(file, {}, { port: 0 })).gateway.port).toBe(0);
    expect((await load(file, { OPENCLAW_GATEWAY_PORT: "0" })).gateway.port).toBe(0);
    expect((await load({ gateway: { port: 0 } })).gateway.port).toBe(0);
  });

  test.each(["65536", "-1", "80x", "1e3", "99999"])("OPENCLAW_GATEWAY_PORT=%s is an error", async (value) => {
    expect(await problems({}, { OPENCLAW_GATEWAY_PORT: value })).toEqual([
      "OPENCLAW_GATEWAY_PORT: must be a whole number from 0 to 65535.",
    ]);
  });

  test.each([65536, -1, 1.5, Number.NaN])("--port %s is an error", async (port) => {
    expect(await problems({}, {}, { port })).toEqual(["--port: must be a whole number from 0 to 65535."]);
  });
});

describe("address", () => {
  const secret = auth({ token: "t" });

  test.each([
    ["loopback", "127.0.0.1"],
    ["auto", "127.0.0.1"],
    ["lan", "0.0.0.0"],
  ])("bind %s listens on %s", async (bind, host) => {
    expect((await load(auth({ token: "t" }, { bind }))).gateway.host).toBe(host);
    expect((await load(secret, {}, { bind })).gateway.host).toBe(host);
  });

  test("bind custom listens on customBindHost, and needs it", async () => {
    expect((await load(auth({ token: "t" }, { bind: "custom", customBindHost: "10.1.2.3" }))).gateway.host).toBe("10.1.2.3");
    expect(await problems(secret, {}, { bind: "custom" })).toEqual([
      "gateway.customBindHost: bind is custom, so this key must hold the address to listen on.",
    ]);
    expect(await problems(auth({ token: "t" }, { bind: "custom", customBindHost: "[::1]:80" }))).toEqual([
      "gateway.customBindHost: must be an IP address or a host name, without port and brackets.",
    ]);
  });

  test("an address in place of a bind name says what to do", async () => {
    expect(await problems({}, {}, { bind: "0.0.0.0" })).toEqual([
      "--bind: must be one of loopback, lan, auto, custom; for an address of your own, set gateway.customBindHost and use custom.",
    ]);
    expect(await problems({ gateway: { bind: "0.0.0.0" } })).toEqual(['gateway.bind: must be one of "loopback", "lan", "auto", "custom".']);
  });

  test.each(["127.0.0.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1", "localhost", "LOCALHOST"])("%s is loopback", (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });

  test.each(["0.0.0.0", "::", "10.0.0.1", "127.evil.example", "localhost.evil.example", "::1%eth0", ""])("%s is not loopback", (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });

  test("trusted proxies are addresses or ranges", async () => {
    const trustedProxies = ["10.0.0.0/8", "::1", "fd00::/8", "192.168.1.1"];
    expect((await load({ gateway: { trustedProxies } })).gateway.trustedProxies).toEqual(trustedProxies);
    expect(await problems({ gateway: { trustedProxies: ["10.0.0.0/33", "proxy"] } })).toEqual([
      "gateway.trustedProxies[0]: must be an IP address or a CIDR range such as 10.0.0.0/8.",
      "gateway.trustedProxies[1]: must be an IP address or a CIDR range such as 10.0.0.0/8.",
    ]);
  });
});

describe("secrets", () => {
  test("--token wins over the file, the file over the environment", async () => {
    const env = { OPENCLAW_GATEWAY_TOKEN: "from-env" };
    expect((await load(auth({ token: "from-file" }), env, { token: "from-flag" })).gateway.auth.secret).toBe("from-flag");
    expect((await load(auth({ token: "from-file" }), env)).gateway.auth.secret).toBe("from-file");
    expect((await load({}, env)).gateway.auth).toMatchObject({ mode: "token", secret: "from-env", isGenerated: false });
    expect((await load({}, { OPENCLAW_GATEWAY_PASSWORD: "p" })).gateway.auth).toMatchObject({ mode: "password", secret: "p" });
  });

  test.each([{ mode: "password", password: "p" }, { mode: "none" }, { token: "t", password: "p" }])(
    "--token forces mode token over %p",
    async (file) => {
      expect((await load(auth(file), {}, { token: "x" })).gateway.auth).toMatchObject({ mode: "token", secret: "x" });
    },
  );

  test("the mode follows from the one secret of the file, whatever the environment holds", async () => {
    const env = { OPENCLAW_GATEWAY_TOKEN: "e", OPENCLAW_GATEWAY_PASSWORD: "e" };
    expect((await load(auth({ password: "p" }), env)).gateway.auth).toMatchObject({ mode: "password", secret: "p" });
    expect((await load(auth({ token: "t" }), env)).gateway.auth).toMatchObject({ mode: "token", secret: "t" });
  });

  test("both secrets without a mode are an error, in the file and in the environment", async () => {
    expect(await problems(auth({ token: "t", password: "p" }))).toEqual([
      'gateway.auth.mode: both a token and a password are configured: set mode to "token" or "password".',
    ]);
    expect(await problems({}, { OPENCLAW_GATEWAY_TOKEN: "t", OPENCLAW_GATEWAY_PASSWORD: "p" })).toEqual([
      "gateway.auth.mode: both OPENCLAW_GATEWAY_TOKEN and OPENCLAW_GATEWAY_PASSWORD are set: " +
        'set mode to "token" or "password", or unset one of them.',
    ]);
  });

  test("both secrets with a mode are fine: the mode chooses", async () => {
    expect((await load(auth({ mode: "password", token: "t", password: "p" }))).gateway.auth.secret).toBe("p");
    const env = { OPENCLAW_GATEWAY_TOKEN: "t", OPENCLAW_GATEWAY_PASSWORD: "p" };
    expect((await load(auth({ mode: "password" }), env)).gateway.auth.secret).toBe("p");
  });

  test("on loopback a token is made up: 32 random bytes", async () => {
    for (const file of [{}, auth({ mode: "token" })]) {
      const { auth: made } = (await load(file)).gateway;
      expect(made).toMatchObject({ mode: "token", isGenerated: true, secret: expect.stringMatching(/^[\w-]{43}$/) });
    }
  });

  test.each([{}, { auth: { mode: "token" } }, { auth: { mode: "token", password: "p" } }])(
    "a gateway others can reach refuses to start without a token: %p",
    async (gateway) => {
      const found = await problems({ gateway: { auth: { mode: "token" }, ...gateway } }, {}, { bind: "lan" });
      expect(found).toEqual([
        "gateway.auth.token: other machines can reach this gateway, so it needs a secret: " +
          "set gateway.auth.token or OPENCLAW_GATEWAY_TOKEN, or bind it to loopback.",
      ]);
    },
  );

  test("mode none is for loopback only", async () => {
    expect((await load(auth({ mode: "none" }))).gateway.auth).toEqual({
      mode: "none",
      isGenerated: false,
      tokens: [],
      rateLimit: undefined,
    });
    expect(await problems(auth({ mode: "none" }), { OPENCLAW_GATEWAY_TOKEN: "t" }, { bind: "lan" })).toEqual([
      "gateway.auth.mode: none is for loopback only: use token or password, or bind the gateway to loopback.",
    ]);
  });

  test("mode none with a secret beside it warns that the secret is not used", async () => {
    expect((await load(auth({ mode: "none", token: "t" }))).warnings).toEqual([
      "gateway.auth.token: not used, because gateway.auth.mode is none.",
    ]);
  });

  test("mode password without a password is an error, also on loopback", async () => {
    expect(await problems(auth({ mode: "password", token: "t" }))).toEqual([
      "gateway.auth.password: mode is password, but there is none: set gateway.auth.password or OPENCLAW_GATEWAY_PASSWORD.",
    ]);
  });

  test("empty and blank secrets are errors wherever they come from", async () => {
    const inFile = ": must not be empty: give it a value or leave the key out.";
    const inEnv = ": is set but empty: give it a value or unset it.";
    expect(await problems(auth({ token: "" }))).toEqual([`gateway.auth.token${inFile}`]);
    expect(await problems(auth({ password: " \n" }))).toEqual([`gateway.auth.password${inFile}`]);
    expect(await problems({}, { OPENCLAW_GATEWAY_TOKEN: " " })).toEqual([`OPENCLAW_GATEWAY_TOKEN${inEnv}`]);
    expect(await problems({}, { OPENCLAW_GATEWAY_PASSWORD: "" })).toEqual([`OPENCLAW_GATEWAY_PASSWORD${inEnv}`]);
    expect(await problems({}, {}, { token: "  " })).toEqual(["--token: must not be empty: give a token or leave the flag out."]);
  });

  test("a blank variable beside a real secret does no harm", async () => {
    const env = { OPENCLAW_GATEWAY_TOKEN: "t", OPENCLAW_GATEWAY_PASSWORD: "" };
    expect((await load({}, env)).gateway.auth).toMatchObject({ mode: "token", secret: "t" });
  });

  test("white space around a secret is not part of it: no header could carry it", async () => {
    expect((await load({}, { OPENCLAW_GATEWAY_TOKEN: "t\n" })).gateway.auth.secret).toBe("t");
    expect((await load(auth({ password: " p " }))).gateway.auth.secret).toBe("p");
  });

  test("no secret is ever part of a message", async () => {
    const found = await problems(
      {
        gateway: { port: "x", bind: "custom", auth: { token: "hunter2", pasword: "hunter2" } },
        models: { providers: { local: { baseUrl: "http://u:hunter2@h/v1", apiKey: ["hunter2"], headers: { "x y": "hunter2" } } } },
        agents: { entries: { main: { model: "openai/x" } } },
        session: { database: "mysql://u:hunter2@h/d", databaseListenUrl: "postgres://u:hunter2@h:port/d" },
      },
      { OPENCLAW_GATEWAY_TOKEN: "hunter2", OPENAI_BASE_URL: "hunter2", OPENAI_API_KEY: "hunter2" },
    );
    expect(found.length).toBeGreaterThan(4);
    expect(found.join("\n")).not.toContain("hunter2");
  });
});

describe("limits", () => {
  test("failed logins are limited only when the key is set; left-out keys take the stated values", async () => {
    expect((await load()).gateway.auth.rateLimit).toBeUndefined();
    const defaults = { maxAttempts: 10, windowMs: 60000, lockoutMs: 300000, exemptLoopback: true };
    expect((await load(auth({ rateLimit: {} }))).gateway.auth.rateLimit).toEqual(defaults);
    expect((await load(auth({ rateLimit: { exemptLoopback: false } }))).gateway.auth.rateLimit).toEqual({
      ...defaults,
      exemptLoopback: false,
    });
  });

  const endpoint = (chatCompletions: object) => ({ gateway: { http: { endpoints: { chatCompletions } } } });

  test("the endpoint's keys arrive, the session header in lower case", async () => {
    const config = await load(endpoint({ enabled: true, maxBodyBytes: 10, keepAliveMs: 20, readerTimeoutMs: 30, sessionHeader: "X-Chat" }));
    expect(config.gateway.chatCompletions).toMatchObject({
      enabled: true,
      maxBodyBytes: 10,
      keepAliveMs: 20,
      readerTimeoutMs: 30,
      sessionHeader: "x-chat",
    });
  });

  test("the time a request may take to arrive is one of gateway.http", async () => {
    expect((await load({ gateway: { http: { requestTimeoutMs: 5 } } })).gateway.requestTimeoutMs).toBe(5);
  });

  test("a time that Node's timers cannot hold is refused", async () => {
    expect(await problems(endpoint({ keepAliveMs: 2_147_483_648 }))).toEqual([
      "gateway.http.endpoints.chatCompletions.keepAliveMs: must be at most 2147483647.",
    ]);
  });

  test("a header that carries secrets cannot name the session", async () => {
    expect(await problems(endpoint({ sessionHeader: "Authorization" }))).toEqual([
      "gateway.http.endpoints.chatCompletions.sessionHeader: must not be a header that carries secrets; name another one.",
    ]);
  });

  const attachments = async (chatCompletions: object) => {
    const { gateway, warnings } = await load(endpoint(chatCompletions));
    return { ...gateway.chatCompletions.attachments, warnings };
  };

  test("images and files have limits of their own; images by address are off", async () => {
    expect(await attachments({})).toEqual({
      maxImageParts: 8,
      maxTotalImageBytes: 14_680_064,
      imageUrls: undefined,
      maxImageBytes: 10_485_760,
      imageTypes: ["image/png", "image/jpeg", "image/gif", "image/webp"],
      maxFileParts: 8,
      maxFileBytes: 5_242_880,
      maxFileCharacters: 200_000,
      warnings: [],
    });
    const images = { allowUrl: true, urlAllowlist: [" Example.org", "*.example.net"], maxBytes: 3, maxRedirects: 0, timeoutMs: 4 };
    const files = { maxParts: 5, maxBytes: 6, maxChars: 7 };
    expect(await attachments({ maxImageParts: 1, maxTotalImageBytes: 2, images, files })).toMatchObject({
      maxImageParts: 1,
      maxTotalImageBytes: 2,
      imageUrls: { allowHosts: ["example.org", "*.example.net"], maxBytes: 3, maxRedirects: 0, timeoutMs: 4 },
      maxImageBytes: 3,
      maxFileParts: 5,
      maxFileBytes: 6,
      maxFileCharacters: 7,
      warnings: [],
    });
  });

  const imagesKey = "gateway.http.endpoints.chatCompletions.images";

  test("images by address need hosts: without, nothing is fetched and a warning says so", async () => {
    expect(await attachments({ images: { allowUrl: true } })).toMatchObject({
      imageUrls: undefined,
      warnings: [`${imagesKey}.allowUrl: no image is fetched without hosts: list them in urlAllowlist, or ["*"] for any public one.`],
    });
    expect(await attachments({ images: { urlAllowlist: ["*"] } })).toMatchObject({
      imageUrls: undefined,
      warnings: [`${imagesKey}.urlAllowlist: has no effect without allowUrl: true.`],
    });
  });

  test("hosts of images are host names only", async () => {
    expect(await problems(endpoint({ images: { allowUrl: true, urlAllowlist: ["*.example.org", "example.org:443"] } }))).toEqual([
      `${imagesKey}.urlAllowlist[1]: "example.org:443" must be a host name only, such as "example.org", "*.example.org" or "*": ` +
        "no scheme, user, port, path or blanks.",
    ]);
  });

  test("fewer kinds of images may be taken; a kind that is none of ours is left out with a warning", async () => {
    expect(await attachments({ images: { allowedMimes: ["IMAGE/JPG", "image/png", "image/heic"] } })).toMatchObject({
      imageTypes: ["image/png", "image/jpeg"],
      warnings: [
        `${imagesKey}.allowedMimes: not taken here, left out: image/heic. There are: image/png, image/jpeg, image/gif, image/webp.`,
      ],
    });
    expect(await problems(endpoint({ images: { allowedMimes: ["image/heic"] } }))).toEqual([
      `${imagesKey}.allowedMimes: must name one of image/png, image/jpeg, image/gif, image/webp at least; to take no images at all, set maxImageParts to 0.`,
    ]);
  });

  test("a misspelt key of images or files is an error", async () => {
    expect(await problems(endpoint({ images: { allowUrls: true }, files: { maxChar: 1 } }))).toEqual([
      `${imagesKey}.allowUrls: unknown key: did you mean "allowUrl"? Rename or remove it.`,
      'gateway.http.endpoints.chatCompletions.files.maxChar: unknown key: did you mean "maxChars"? Rename or remove it.',
    ]);
  });

  test("an alias must lead to an agent and must not hide a name of our own", async () => {
    const prefix = "gateway.http.endpoints.chatCompletions.modelAliases";
    expect(await problems(endpoint({ modelAliases: { "gpt-4o": "mian", "openclaw/x": "main", "a b": "!" } }))).toEqual([
      `${prefix}.gpt-4o: there is no agent "mian": did you mean "main"?`,
      `${prefix}["openclaw/x"]: is a form of the gateway's own model names; choose another alias.`,
      `${prefix}["a b"]: must be the id of an agent.`,
    ]);
  });
});
