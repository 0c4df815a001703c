import { createServer, type Server } from "node:http";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HistogramLogReader } from "hdr-histogram-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LoadResult } from "../../src/load/result.ts";
import { runCli } from "../helpers/fake-runtime.ts";

describe("a run writes what was asked for, and an old run can be rendered again", () => {
  let folder: string;
  let server: Server;
  let url: string;
  const pushes: { path: string; encoding: string | undefined; bytes: number }[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ragctl-outputs-"));
    server = createServer((request, response) => {
      let bytes = 0;
      request.on("data", (chunk: Buffer) => (bytes += chunk.length));
      request.on("end", () => {
        if (request.url!.startsWith("/api/v1/write"))
          pushes.push({ path: request.url!, encoding: request.headers["content-encoding"], bytes });
        response.writeHead(request.url === "/api/v1/write?refuse" ? 503 : 200).end("{}");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const read = (name: string) => readFile(join(folder, name), "utf8");
  const base = () => `load --url ${url}/search --rps 50 --duration 2s --warmup 200ms --timeout 20s --threshold errors<1%`;

  test("every file, from one run", async () => {
    const files =
      "--out run.json --html r.html --markdown r.md --csv r.csv --junit r.xml --hlog r.hlog --hgrm r.hgrm --ndjson r.ndjson";
    const line = `${base()} ${files} --prometheus ${url}/api/v1/write --json`;
    const { exitCode, json } = await runCli(line.split(" "), { cwd: folder });
    const { result, warnings } = json() as { result: LoadResult; warnings: string[] };
    expect(exitCode).toBe(0);
    expect(warnings).toEqual([]);
    expect(result).not.toHaveProperty("histograms");

    const html = await read("r.html");
    expect(html).toContain('<h1 class="pass" id="verdict">');
    expect(html).toContain("100 scheduled");
    expect(await read("r.md")).toMatch(/^### ✅ pass/);
    expect((await read("r.csv")).split("\n")).toHaveLength(4);
    expect(await read("r.xml")).toContain('<testcase classname="load.thresholds" name="errors&lt;1%"');
    expect(await read("r.hgrm")).toContain("Total count    =          100]");
    const reader = new HistogramLogReader(await read("r.hlog"));
    expect([reader.nextIntervalHistogram()!.totalCount, reader.nextIntervalHistogram()!.totalCount]).toEqual([50, 50]);
    const lines = (await read("r.ndjson")).trim().split("\n");
    expect(lines.length).toBeGreaterThanOrEqual(2);
    for (const each of lines) expect(JSON.parse(each)).toHaveProperty("counts.scheduled");
    expect(pushes.length).toBeGreaterThan(0);
    expect(pushes[0]).toMatchObject({ encoding: "snappy" });
    expect(pushes[0]!.bytes).toBeGreaterThan(200);
  });

  test("the same page from the file, and from the run that is stored", async () => {
    const strip = (html: string) => html.replaceAll(/ · run [^<]*/g, "");
    const fromFile = await runCli(["load", "report", "run.json", "--html", "again.html"], { cwd: folder });
    expect(fromFile.exitCode).toBe(0);
    expect(fromFile.stdout).toMatch(/^pass · /);
    expect(strip(await read("again.html"))).toBe(strip(await read("r.html")));
    const stored = await runCli(["load", "report", "latest", "--html", "stored.html", "--json"], { cwd: folder });
    expect(stored.exitCode).toBe(0);
    expect(await read("stored.html")).toBe(await read("r.html"));
  });

  test("what --json printed can be rendered as well, but for its histograms", async () => {
    const { stdout } = await runCli(["load", "report", "run.json", "--json"], { cwd: folder });
    await writeFile(join(folder, "printed.json"), stdout);
    const { exitCode, stderr } = await runCli(["load", "report", "printed.json", "--html", "p.html", "--hgrm", "p.hgrm"], {
      cwd: folder,
    });
    expect(exitCode).toBe(0);
    expect(await read("p.html")).toContain('id="verdict"');
    expect(stderr).toMatch(/warning: --hgrm: .*p\.hgrm was not written/);
  });

  test("a receiver that refuses is a warning, and the run passes", async () => {
    const { exitCode, json } = await runCli(`${base()} --prometheus ${url}/api/v1/write?refuse --json`.split(" "), {
      cwd: folder,
    });
    expect(exitCode).toBe(0);
    expect(json().warnings).toEqual([expect.stringMatching(/^the push to .*\/api\/v1\/write failed \(status 503\)/)]);
  });

  test("everything that is wrong with the outputs is said at once, before anything is sent", async () => {
    const { exitCode, json } = await runCli(
      `${base()} --html no/r.html --csv no/r.csv --ndjson no/r.ndjson --prometheus ftp://x --json`.split(" "),
      { cwd: folder },
    );
    expect(exitCode).toBe(2);
    const { details } = json().error;
    expect(details.map(({ path }: { path: string }) => path)).toEqual(["--html", "--csv", "--ndjson", "--prometheus"]);
  });

  test.each([
    ["nothing-of-the-kind", /there is no run "nothing-of-the-kind"/],
    ["broken.json", /broken\.json.*is not JSON/],
    ["other.json", /verdict/],
  ])("load report %s: exit 2", async (wanted, message) => {
    await writeFile(join(folder, "broken.json"), '{"verdict":');
    await writeFile(join(folder, "other.json"), '{"a":1}');
    const { exitCode, stderr } = await runCli(["load", "report", wanted], { cwd: folder });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
  });
});
