/**
 * The API reference, opened in a real browser without a network: it shows every operation with its samples, and asks
 * nothing of anybody. Needs Chromium or Chrome on this machine; without one it says so and is skipped.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Browser, chromium, type Page } from "playwright-core";
import { printSkipped } from "../clients/processes.ts";
import { contract, contractOperations } from "../support/contract-check.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { root } from "./documents.ts";

const places = [
  process.env["CHROME_PATH"] ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/opt/google/chrome/chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const executablePath = places.find((path) => path !== "" && existsSync(path));
if (executablePath === undefined)
  printSkipped("the API reference in a browser, because there is no Chromium here (CHROME_PATH names one).");
const withBrowser = executablePath === undefined ? describe.skip : describe;

type OperationNode = { readonly summary: string; readonly tags: readonly string[]; readonly "x-codeSamples"?: { source: string }[] };
const nodeOf = ({ path, method }: { path: string; method: string }): OperationNode =>
  (contract["paths"] as unknown as { [path: string]: { [method: string]: OperationNode } })[path]?.[method.toLowerCase()] as OperationNode;

withBrowser("the API reference", () => {
  let browser: Browser;
  let gateway: TestGateway;

  beforeAll(async () => {
    // Quick when the page is up to date.
    execFileSync(process.execPath, ["--import", "tsx", join(root, "scripts/build-docs.ts")], { cwd: root });
    gateway = await startGateway();
    // As root, which containers are, Chromium has no sandbox; it opens only this one page.
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    browser = await chromium.launch({ executablePath: executablePath as string, args });
  });

  afterAll(() => browser?.close());

  /** The page and everything it asked for: itself and nothing else, or else what. */
  async function open(url: string, { offline }: { offline: boolean }): Promise<{ page: Page; requests: string[]; errors: string[] }> {
    const context = await browser.newContext({ offline, viewport: { width: 1400, height: 1000 } });
    const page = await context.newPage();
    const requests: string[] = [];
    const errors: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => (message.type() === "error" ? errors.push(message.text()) : undefined));
    await page.goto(url);
    // This line is drawn by the page's own code, when all else is.
    await page.getByText("API docs by").first().waitFor();
    return { page, requests, errors };
  }

  test("shows every operation with its samples, offline, and no request leaves the machine", async () => {
    const url = pathToFileURL(join(root, "dist/docs/index.html")).href;
    const { page, requests, errors } = await open(url, { offline: true });
    for (const operation of contractOperations) {
      const { summary, tags } = nodeOf(operation);
      await page.goto(`${url}#/${tags[0]}/${operation.id.toLowerCase()}`);
      await page.locator("#redoc h2, #redoc h1").filter({ hasText: summary }).first().waitFor();
      const text = await page.locator("#redoc").innerText();
      expect(text).toContain(operation.path);
    }
    await page.goto(`${url}#/chat/createchatcompletion`);
    await page.getByText("Whoever talks, in the caller's own words.").first().waitFor();
    expect(await page.locator("#redoc").innerText()).toContain(`"What is 6 * 7?"`);
    expect(requests.filter((request) => !request.startsWith("file://") && !/^(?:blob|data):/.test(request))).toEqual([]);
    expect(errors).toEqual([]);
    await page.context().close();
  });

  test("links to the guides beside it, but not where the gateway serves it alone", async () => {
    const site = await open(pathToFileURL(join(root, "dist/docs/index.html")).href, { offline: true });
    expect(await site.page.locator("#guides").isVisible()).toBe(true);
    await site.page.getByRole("link", { name: "Compatibility" }).click();
    expect(await site.page.locator("h1").innerText()).toBe("Compatibility with OpenAI's API");
    await site.page.context().close();

    const served = await open(`${gateway.url}/docs`, { offline: false });
    expect(await served.page.locator("#guides").isVisible()).toBe(false);
    expect(served.requests.filter((request) => !request.startsWith(gateway.url) && !/^(?:blob|data):/.test(request))).toEqual([]);
    await served.page.context().close();
  });
});
