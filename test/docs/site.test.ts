/** The documentation site as a static host would serve it. What a browser makes of it is test/docs/page.test.ts. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { externalLoads, problemsOfSite } from "../../scripts/docs-check.ts";
import { makeFolder } from "../support/gateway.ts";
import { documentPaths, root } from "./documents.ts";

const site = join(root, "dist/docs");
let pages: string[];

beforeAll(() => {
  execFileSync(process.execPath, ["--import", "tsx", join(root, "scripts/build-docs.ts")], { cwd: root });
  pages = readdirSync(site, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".html"));
});

const read = (page: string): string => readFileSync(join(site, page), "utf8");

test("each document is a page of the site", () => {
  const titles = new Set(pages.map((page) => /<h1 id[^>]*>(.*?)<\/h1>/.exec(read(page))?.[1]));
  const missing = documentPaths().filter((path) => {
    const heading = /^# (.+)$/m.exec(readFileSync(join(root, path), "utf8"))?.[1] ?? "";
    return !titles.has(heading.replaceAll("&", "&amp;").replaceAll("'", "&#39;")) && !titles.has(heading);
  });
  expect(missing).toEqual([]);
});

test("no page loads anything from elsewhere, and every link between pages leads somewhere", () => {
  expect(pages.length).toBeGreaterThan(10);
  expect(problemsOfSite(site)).toEqual([]);
  expect(read("guide.html")).toContain('href="clients.html"');
  expect(read("decisions/index.html")).toContain('href="../guide.html"');
  expect(existsSync(join(site, "files/openapi.yaml"))).toBe(true);
});

test("the notes for those who edit the documents are not on the pages", () => {
  expect(pages.filter((page) => page !== "index.html" && read(page).includes("<!--"))).toEqual([]);
});

describe("the check of the site", () => {
  test("finds what would be loaded", () => {
    expect(externalLoads('<script src="https://cdn.example/x.js"></script>')).toHaveLength(1);
    expect(externalLoads('<link rel="stylesheet" href="//cdn.example/x.css">')).toHaveLength(1);
    expect(externalLoads('<img alt="" src="http://example.org/x.png">')).toHaveLength(1);
    expect(externalLoads("<style>@import url(https://example.org/x.css)</style>")).not.toEqual([]);
    expect(externalLoads('<a href="https://example.org/">elsewhere</a><img src="data:image/png;base64,AA==">')).toEqual([]);
  });

  test("finds links that lead nowhere", async () => {
    const folder = await makeFolder();
    mkdirSync(join(folder, "sub"));
    writeFileSync(join(folder, "a.html"), '<h1 id="top">A</h1><a href="sub/b.html#here">b</a><a href="#top">up</a><a href="c.html">c</a>');
    writeFileSync(
      join(folder, "sub/b.html"),
      '<a href="../a.html#bottom">a</a><a href="../../etc/passwd">out</a><a href="https://example.org">x</a>',
    );
    expect(problemsOfSite(folder)).toEqual([
      "a.html links to sub/b.html#here, which is not there",
      "a.html links to c.html, which is not there",
      "sub/b.html links to ../a.html#bottom, which is not there",
      "sub/b.html links to ../../etc/passwd, which is not there",
    ]);
  });
});
