import { createServer, type Server, type ServerResponse } from "node:http";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { main } from "../../commands/main.ts";
import { loadResultSchema, type LoadResult } from "../../src/load/result.ts";
import { fakeRuntime, runCli } from "../helpers/fake-runtime.ts";

let folder: string;
let server: Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ragctl-load-"));
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

type Answer = (response: ServerResponse, requestNumber: number) => void;

/** A real server on loopback; `answer` sees each request with its body read. */
async function serve(answer: Answer): Promise<{ url: string; seen: () => number }> {
  let seen = 0;
  const started = createServer((request, response) => {
    request.resume();
    request.on("end", () => answer(response, seen++));
  });
  started.keepAliveTimeout = 60_000;
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(started.address() as AddressInfo).port}/search`, seen: () => seen };
}

const ok: Answer = (response) => response.end("{}");

/** @param line as typed, without quotes */
async function load(line: string): Promise<{ exitCode: number; result: LoadResult; stderr: string }> {
  const { exitCode, json, stderr } = await runCli(["load", "--json", ...line.split(" ")], { cwd: folder });
  const document = json();
  return { exitCode, result: document.result, stderr: stderr + JSON.stringify(document.error ?? "") };
}

function expectIdentities({ counts, errorsByCause, droppedByCause }: LoadResult): void {
  const sum = (byCause: Record<string, number>) => Object.values(byCause).reduce((total, count) => total + count, 0);
  expect(counts.scheduled).toBe(counts.sent + counts.dropped);
  expect(counts.sent).toBe(counts.completed + counts.unfinished);
  expect(counts.completed).toBe(counts.ok + counts.errors);
  expect(sum(errorsByCause)).toBe(counts.errors);
  expect(sum(droppedByCause)).toBe(counts.dropped);
}

describe("ragctl load --url", () => {
  test("a healthy server: everything that was due is sent and ok; the result keeps to its schema, in the file too", async () => {
    const { url, seen } = await serve(ok);
    await writeFile(join(folder, "body.json"), JSON.stringify({ vector: Array.from({ length: 384 }, () => 0.5) }));
    const { exitCode, result } = await load(
      `--rps 100 --duration 2s --warmup 500ms --url ${url} --body body.json --out run.json --threshold max<1h --threshold errors<1% --timeout 20s --workers 2`,
    );
    expect(exitCode).toBe(0);
    expect(loadResultSchema.parse(result).verdict).toBe("pass");
    expect(result.counts).toEqual({ scheduled: 200, sent: 200, completed: 200, ok: 200, errors: 0, dropped: 0, unfinished: 0 });
    expect(result.rates.targetPerSec).toBe(100);
    expect(result.responseTimeUs.n).toBe(200);
    expect(result.scheduleLagUs.n).toBe(200);
    expect(result.responseTimeUs.unsupported).toContain("p99");
    expect(result.generator).toMatchObject({ colocated: true, workers: [{}, {}] });
    expect(result.windows.map((window) => window.counts.scheduled)).toEqual([100, 100]);
    expect(result.windows[0]).not.toHaveProperty("responseHistogram");
    // Preflight, warm-up, run.
    expect(seen()).toBe(1 + 50 + 200);
    const written = loadResultSchema.parse(JSON.parse(await readFile(join(folder, "run.json"), "utf8")));
    expect(written.counts).toEqual(result.counts);
    expect(written.windows[0]!.responseHistogram).toMatch(/^[A-Za-z0-9+/]+=*$/);
  });

  test("bad answers, resets and silence are errors by cause, and the identities hold", async () => {
    const { url } = await serve((response, number) => {
      if (number % 10 === 1) response.writeHead(503).end("busy");
      else if (number % 10 === 2) response.socket?.resetAndDestroy();
      else if (number % 10 !== 3) response.end("{}");
    });
    const { exitCode, result } = await load(`--rps 100 --duration 2s --warmup 0s --timeout 700ms --url ${url}`);
    expect(exitCode).toBe(4);
    expect(result.verdict).toBe("fail");
    expectIdentities(result);
    expect(result.counts.scheduled).toBe(200);
    for (const cause of ["status-503", "reset", "timeout"]) expect(result.errorsByCause[cause]).toBeGreaterThanOrEqual(10);
    expect(result.responseTimeUs.n).toBe(result.counts.ok);
    expect(result.thresholds).toMatchObject([{ expression: "errors<1%", source: "default", ok: false }]);
  });

  test("a target that stops answering in the run: full house and timeouts, for its own account", async () => {
    const { url } = await serve((response, number) => {
      if (number < 50) response.end("{}");
    });
    const { exitCode, result } = await load(
      `--rps 200 --duration 2s --warmup 0s --timeout 1500ms --max-in-flight 100 --threshold p95<200ms --url ${url}`,
    );
    expectIdentities(result);
    expect(result.counts.dropped).toBeGreaterThan(0);
    expect(result.droppedByCause["in-flight-target"]).toBe(result.counts.dropped);
    expect(exitCode).toBe(4);
    expect(result.thresholds[0]).toMatchObject({ ok: false, actual: null });
  });

  test("a cap that a fast target fills: inconclusive, exit 6", async () => {
    const { url } = await serve((response) => void setTimeout(() => response.end("{}"), 50));
    const { exitCode, result } = await load(`--rps 100 --duration 1s --warmup 0s --max-in-flight 2 --url ${url}`);
    expectIdentities(result);
    expect(result.droppedByCause["in-flight-generator"]).toBeGreaterThan(0);
    expect({ exitCode, verdict: result.verdict }).toEqual({ exitCode: 6, verdict: "inconclusive" });
  });

  test("nobody there: exit 3 with a sentence", async () => {
    const { exitCode, stderr } = await load(`--rps 100 --url http://127.0.0.1:9/`);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("could not be reached: connection refused");
  });

  test("a request that the target refuses: exit 3, one request sent", async () => {
    const { url, seen } = await serve((response) => response.writeHead(404).end());
    const { exitCode, stderr } = await load(`--rps 100 --url ${url}`);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("refused the request with status 404");
    expect(seen()).toBe(1);
  });

  test.each([
    [["--rps", "0"], "--rps"],
    [["--rps", "10", "--duration", "-1s"], "--duration"],
    [["--rps", "10", "--threshold", "p99<100"], "--threshold"],
    [["--rps", "10", "--threshold", "speed<1ms"], "unknown metric"],
    [["--rps", "10", "--k", "3"], "--k"],
    [["--rps", "10", "--header", "nonsense"], "--header"],
    [["--rps", "10", "--body", "no-such-file"], "--body"],
    [["--rps", "10", "--out", "no/such/folder/run.json"], "--out"],
    [["--rps", "10", "--method", "FETCH"], "--method"],
    [[], "--rps"],
    [["--rps", "0", "--duration", "0s", "--threshold", "p99<1", "--threshold", "x<2"], "4 problems"],
  ])("%j: exit 2, nothing sent", async (args, message) => {
    const { url, seen } = await serve(ok);
    const { exitCode, stderr } = await load([...args, "--url", url].join(" "));
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
    expect(seen()).toBe(0);
  });
});

describe("Ctrl-C", () => {
  test("once: drains and reports, exit 130", async () => {
    const { url, seen } = await serve((response) => void setTimeout(() => response.end("{}"), 300));
    const { exitCode, result } = await interrupted(url, seen, 1);
    expect(exitCode).toBe(130);
    expect(result.interrupted).toBe(true);
    expectIdentities(result);
    expect(result.counts).toMatchObject({ unfinished: 0, errors: 0 });
    expect(result.counts.ok).toBeGreaterThan(0);
    expect(result.counts.scheduled).toBeLessThan(50 * 60);
  });

  test("twice: reports at once what it has", async () => {
    const { url, seen } = await serve((response, number) => {
      if (number < 10) response.end("{}");
    });
    const { exitCode, result } = await interrupted(url, seen, 2);
    expect(exitCode).toBe(130);
    expectIdentities(result);
    expect(result.counts.unfinished).toBeGreaterThan(0);
  });

  /** A run of a minute, interrupted as soon as twenty operations have been answered or are waiting. */
  async function interrupted(url: string, seen: () => number, times: number): Promise<{ exitCode: number; result: LoadResult }> {
    const argv = ["load", "--json", "--rps", "50", "--duration", "60s", "--warmup", "0s", "--timeout", "30s", "--url", url];
    const runtime = fakeRuntime({ cwd: folder, argv });
    const ended = main(runtime);
    await expect.poll(seen, { timeout: 50_000 }).toBeGreaterThan(20);
    for (let i = 0; i < times; i++) runtime.interrupt();
    const exitCode = await ended;
    return { exitCode, result: JSON.parse(runtime.stdoutText()).result };
  }
});
