import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadSeries } from "../../src/load/export/series.ts";
import { chaosHtml } from "../../src/report/html/chaos-html.ts";
import { loadHtml } from "../../src/report/html/load-html.ts";
import { sampleExperiment } from "../helpers/experiment-result.ts";
import { noStatistics, sampleRun } from "../helpers/load-result.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";

const executablePath = serviceBinary("chromium");

/** Runs that are drawn differently: with a fault, without, long ones, ones that say little. */
const runs = {
  troubled: () => sampleRun(),
  calm: () => sampleRun({ seconds: 10, fault: false }),
  "half an hour": () => sampleRun({ seconds: 1800, ratePerSec: 10 }),
  "without a single answer": () => {
    const { result } = sampleRun({ seconds: 5, ratePerSec: 20, fault: false });
    const brief = { p50: null, p95: null, p99: null, max: null };
    const { histograms: _, ...rest } = result;
    const dead = {
      ...rest,
      verdict: "fail" as const,
      interrupted: true,
      counts: { ...result.counts, completed: 100, ok: 0, errors: 100 },
      errorsByCause: { connect: 100 },
      responseTimeUs: noStatistics,
      serviceTimeUs: noStatistics,
      scheduleLagUs: noStatistics,
      perNode: [],
      recall: [],
      windows: result.windows.map((window) => ({
        second: window.second,
        seconds: window.seconds,
        counts: { ...window.counts, ok: 0, errors: 20 },
        errorsByCause: { connect: 20 },
        droppedByCause: {},
        responseTimeUs: brief,
        serviceTimeUs: brief,
        scheduleLagUs: brief,
        perNode: {},
        perScenario: {},
        perCache: {},
      })),
    };
    return { result: dead, series: loadSeries(dead) };
  },
  "long names": () => {
    const { result } = sampleRun({ seconds: 20, ratePerSec: 50 });
    const long = "a-name-that-somebody-found-worth-its-length-".repeat(4);
    const renamed = {
      ...result,
      reasons: [long.repeat(3)],
      target: { ...result.target, cluster: long, collection: long } as typeof result.target,
      events: result.events.map((event) => ({ ...event, name: `${event.name} ${long}` })),
      perNode: result.perNode.map((node) => ({ ...node, node: `${long}${node.node}` })),
      thresholds: result.thresholds.map((threshold) => ({ ...threshold, expression: `${long}.${threshold.expression}` })),
      audit: result.audit.map((each) => Object.assign(each, { message: long })),
    };
    return { result: renamed, series: loadSeries(renamed) };
  },
} as const;

const pages = {
  ...(Object.fromEntries(
    Object.entries(runs).map(([name, run]) => [name, () => loadHtml({ ...run(), version: "0.1.0", runId: "a-run" })]),
  ) as Record<keyof typeof runs, () => string>),
  "an experiment": () => chaosHtml({ ...sampleExperiment(), version: "0.1.0", runId: "a-run" }),
  "an experiment of long names": () => {
    const { experiment, series } = sampleExperiment({ seconds: 30 });
    const long = "a-name-that-somebody-found-worth-its-length-".repeat(4);
    const steps = experiment.steps.map((step) => Object.assign(step, { name: long, message: long }));
    const timeline = experiment.timeline.map((each) =>
      Object.assign(each, { name: each.name === "measure" ? "measure" : `${each.name} ${long}` }),
    );
    const named = {
      ...experiment,
      steps,
      timeline,
      reasons: [long],
      cluster: long,
      load: { ...experiment.load, events: timeline },
    };
    return chaosHtml({ experiment: named, series, version: "0.1.0" });
  },
} as const;
type PageName = keyof typeof pages;

// What runs in the page is text: the DOM's types are not those of this project.

/** Shapes that are not within their chart's plot, two pixels aside. */
const outsideOfPlots = `
[...document.querySelectorAll("svg.chart")].flatMap((svg) => {
  const [left, top, right, bottom] = svg.getAttribute("data-plot").split(" ").map(Number);
  return [...svg.querySelectorAll(".line, .dot, .bar, .ribbon, .band rect, .hit")].flatMap((shape) => {
    const box = shape.getBBox();
    const within = box.x >= left - 2.1 && box.y >= top - 2.1 && box.x + box.width <= right + 2.1 && box.y + box.height <= bottom + 2.1;
    return within ? [] : [svg.getAttribute("aria-label") + ": " + shape.outerHTML.slice(0, 120)];
  });
})`;

/** Pairs of texts of one chart that cover each other; line boxes are taller than their letters. */
const overlappingTexts = `
[...document.querySelectorAll("svg.chart")].flatMap((svg) => {
  const texts = [...svg.querySelectorAll("text")].map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
  return texts.flatMap((a, index) =>
    texts.slice(index + 1).filter((b) => {
      const across = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const down = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      return across > 1 && down > a.box.height * 0.35;
    }).map((b) => a.text + " / " + b.text));
})`;

/** WCAG's contrast of the first such element with the page. */
const contrastOf = `(selector) => {
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((part) => Number(part) / 255)
      .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const element = document.querySelector(selector);
  const style = getComputedStyle(element);
  const a = luminance(element.closest("svg") ? style.fill : style.color);
  const b = luminance(getComputedStyle(document.body).backgroundColor);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}`;

describe.skipIf(executablePath === undefined)(`the HTML report in a browser${skipReason("chromium")}`, () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ragctl-html-"));
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  interface Opened {
    page: Page;
    /** What the console said, and errors that nobody caught. */
    problems: string[];
    requests: string[];
  }

  async function open(name: PageName, width = 1280, colorScheme: "light" | "dark" = "light"): Promise<Opened> {
    const file = join(folder, `${name}.html`);
    if (!existsSync(file)) await writeFile(file, pages[name]());
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const problems: string[] = [];
    const requests: string[] = [];
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    return { page, problems, requests };
  }

  test.each(Object.keys(pages) as PageName[])("%s: nothing to load, nothing to complain, the verdict first", async (name) => {
    const { page, problems, requests } = await open(name);
    expect(problems).toEqual([]);
    expect(requests).toEqual([page.url()]);
    const verdict = page.locator("#verdict");
    expect(await verdict.isVisible()).toBe(true);
    expect(await verdict.textContent()).toMatch(/pass|fail|inconclusive/);
    const box = (await verdict.boundingBox())!;
    expect(box.y).toBeLessThan(150);
    expect(box.height).toBeGreaterThan(30);
    await page.close();
  });

  test.each(Object.keys(pages) as PageName[])("%s: what is drawn lies within its plot", async (name) => {
    const { page } = await open(name);
    const outside = await page.evaluate<string[]>(outsideOfPlots);
    expect(outside).toEqual([]);
    const main = await page.locator("main").innerHTML();
    expect(main).not.toMatch(/NaN|Infinity|undefined|\bnull\b|\[object/);
    await page.close();
  });

  test.each([
    ["troubled", 1280],
    ["troubled", 390],
    ["half an hour", 1280],
    ["long names", 1280],
    ["long names", 390],
    ["without a single answer", 820],
    ["an experiment", 1280],
    ["an experiment", 390],
    ["an experiment of long names", 1280],
    ["an experiment of long names", 390],
  ] as const)("%s at %d px: nothing is wider than the page, and no text covers another", async (name, width) => {
    const { page } = await open(name, width);
    const pageWidth = await page.evaluate<number>("document.documentElement.scrollWidth");
    const overlaps = await page.evaluate<string[]>(overlappingTexts);
    expect(pageWidth).toBeLessThanOrEqual(width);
    expect(overlaps).toEqual([]);
    await page.close();
  });

  test("the mouse over one chart shows the same second in all of them", async () => {
    const { page, problems } = await open("troubled");
    await page.locator("#latency svg").scrollIntoViewIfNeeded();
    const box = (await page.locator("#latency .hit[data-second='30']").boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const tip = page.locator("#tip");
    expect(await tip.isVisible()).toBe(true);
    expect(await tip.textContent()).toMatch(/^0:30\np99 {2}[\d.]+ ms\np95 {2}[\d.]+ ms\np50 {2}[\d.]+ ms$/);
    const shown = await page.evaluate<number>(
      `[...document.querySelectorAll(".cross")].filter((line) => getComputedStyle(line).visibility === "visible").length`,
    );
    expect(shown).toBe(await page.locator("svg.time").count());
    await page.mouse.move(2, 2);
    expect(await tip.isVisible()).toBe(false);
    expect(problems).toEqual([]);
    await page.close();
  });

  test("dark and light differ, and both can be read", async () => {
    const contrast = (page: Page, selector: string) => page.evaluate<number>(`(${contrastOf})(${JSON.stringify(selector)})`);
    const backgrounds = [];
    for (const scheme of ["light", "dark"] as const) {
      const { page } = await open("troubled", 1280, scheme);
      backgrounds.push(await page.evaluate<string>("getComputedStyle(document.body).backgroundColor"));
      for (const selector of ["#verdict", ".lead", "td", "th", ".state.bad", ".state.good", ".what"])
        expect(await contrast(page, selector), `${scheme} ${selector}`).toBeGreaterThan(4.5);
      for (const selector of ["text.tick", "text.event", "text.name"])
        expect(await contrast(page, selector), `${scheme} ${selector}`).toBeGreaterThan(3);
      await page.close();
    }
    expect(new Set(backgrounds).size).toBe(2);
  });

  test("it prints on a few pages of paper, light even for a dark reader", async () => {
    const { page } = await open("troubled", 1280, "dark");
    const pdf = await page.pdf({ format: "A4", printBackground: true });
    const pages = pdf.toString("latin1").match(/\/Type\s*\/Page\b/g)!.length;
    expect(pages).toBeGreaterThanOrEqual(2);
    expect(pages).toBeLessThanOrEqual(5);
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    expect(await page.evaluate<string>("getComputedStyle(document.body).backgroundColor")).toBe("rgb(255, 255, 255)");
    await page.close();
  });
});
