import { createWriteStream, existsSync, type WriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Problem } from "../../src/errors.ts";
import type { Pusher } from "../../src/load/export/push.ts";
import type { LoadProgress, LoadResult } from "../../src/load/result.ts";
import { loadProgressNote } from "../../src/report/load-progress.ts";
import type { RunEvent } from "../../src/runs/contract.ts";
import type { Runtime } from "../../src/runtime.ts";
import { scrubbedJson, scrubber } from "../../src/secrets.ts";
import type { LoadScreen } from "../../src/ui/load-view.ts";
import type { CommandContext } from "../define.ts";
import { flag, type FlagValues } from "../flags.ts";

/** Files that a result can be rendered to, at the end of a run or later. */
export const reportFlags = {
  html: flag.file({ description: "one self-contained page: verdict, charts, distribution, machine" }),
  markdown: flag.file({ description: "summary for a pull request" }),
  csv: flag.file({ description: "the windows, one a row" }),
  junit: flag.file({ description: "thresholds as test cases" }),
  hlog: flag.file({ description: "HdrHistogram log, for other tools to merge" }),
  hgrm: flag.file({ description: "percentile distribution as HdrHistogram prints it" }),
};

/** What a run can tell on its way. */
export const liveFlags = {
  ndjson: flag.file({ description: "progress as one line of JSON a second; - is stderr" }),
  prometheus: flag.string({
    description: "push every second's figures: remote write, or a Pushgateway (…/metrics/job/NAME)",
    placeholder: "url",
  }),
};

type ReportValues = FlagValues<typeof reportFlags>;
type LiveValues = FlagValues<typeof liveFlags>;
type ReportName = keyof typeof reportFlags;
const reportNames = Object.keys(reportFlags) as ReportName[];

/** What is wrong with where the outputs should go: told before anything is sent. */
export function outputProblems(values: ReportValues & Partial<LiveValues>, runtime: Runtime): Problem[] {
  const files = { ...Object.fromEntries(reportNames.map((name) => [name, values[name]])), ndjson: values.ndjson };
  const problems = Object.entries(files).flatMap(([name, file]): Problem[] => {
    if (file === undefined || file === "-") return [];
    const folder = dirname(resolve(runtime.cwd, file));
    return existsSync(folder) ? [] : [{ path: `--${name}`, message: `there is no folder ${folder}` }];
  });
  if (values.prometheus !== undefined && !/^https?:$/.test(parsed(values.prometheus)?.protocol ?? ""))
    problems.push({ path: "--prometheus", message: `expected an http or https URL, got "${values.prometheus}"` });
  return problems;
}

function parsed(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}

/** Writes every file that was asked for. A file that cannot be written is a warning: the result stands. */
export async function writeReports(
  values: ReportValues,
  result: LoadResult,
  { runtime, warn }: Pick<CommandContext, "runtime" | "warn">,
  runId?: string,
): Promise<string[]> {
  const wanted = reportNames.filter((name) => values[name] !== undefined);
  if (wanted.length === 0) return [];
  const clean = JSON.parse(scrubbedJson(result, scrubber(runtime))) as LoadResult;
  const written: string[] = [];
  for (const name of wanted) {
    const file = resolve(runtime.cwd, values[name]!);
    try {
      const text = await renderers[name](clean, runtime.versions.ragctl, runId);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
      written.push(file);
    } catch (error) {
      warn(`--${name}: ${file} was not written: ${(error as Error).message}`);
    }
  }
  return written;
}

/** Loaded on demand: most runs want none of them. */
const renderers: Record<ReportName, (result: LoadResult, version: string, runId?: string) => Promise<string>> = {
  html: async (result, version, runId) => {
    const [{ loadHtml }, { loadSeries }] = await Promise.all([
      import("../../src/report/html/load-html.ts"),
      import("../../src/load/export/series.ts"),
    ]);
    return loadHtml({ result, series: loadSeries(result), version, ...(runId !== undefined && { runId }) });
  },
  markdown: async (result) => (await import("../../src/report/load-markdown.ts")).loadMarkdown(result),
  csv: async (result) => (await import("../../src/report/load-csv.ts")).loadCsv(result),
  junit: async (result) => (await import("../../src/report/load-junit.ts")).loadJunit(result),
  hlog: async (result, version) => (await import("../../src/load/export/hlog.ts")).histogramLog(result, version),
  hgrm: async (result) => (await import("../../src/load/export/hgrm.ts")).percentileDistribution(result),
};

/** Shows and tells a run while it goes. */
export interface LoadWatch {
  onProgress(progress: LoadProgress): void;
  onWindow(window: LoadResult["windows"][number]): void;
  onEvent(event: RunEvent): void;
  /** A warning; while the view is drawn it waits. */
  warn(text: string): void;
  /** Takes the display away, and sends and closes what is open; once, however the run ended. */
  end(): Promise<void>;
}

/**
 * @param title what is loaded, in a few words
 * @param total operations that are due, where that is known before
 */
export async function watchLoad(
  values: LiveValues,
  { title, total, labels }: { title: string; total: number | undefined; labels: Record<string, string> },
  { runtime, globals, progress, warn }: CommandContext,
): Promise<LoadWatch> {
  const { stderr, clock } = runtime;
  // The view redraws itself, so warnings wait until it is gone.
  const held: string[] = [];
  let ended = false;
  const draws = stderr.isTTY && !globals.quiet && !globals.json && runtime.env["TERM"] !== "dumb";
  const screen: LoadScreen | undefined =
    draws && stderr.stream
      ? (await import("../../src/ui/load-view.ts")).showLoad(scrubber(runtime)(title), stderr.stream)
      : undefined;
  const task = screen ? undefined : progress.start("load", { ...(total !== undefined && { total }), unit: "operations" });
  const say = (text: string) => void (screen && !ended ? held.push(text) : warn(text));
  const lines = await ndjsonSink(values.ndjson, runtime, say);
  const pusher = await pusherFor(values.prometheus, labels, say);
  let saidMs = Number.NEGATIVE_INFINITY;
  return {
    onProgress(now) {
      screen?.update(now);
      task?.update(now.counts.completed, loadProgressNote(now));
      if (lines && now.elapsedMs - saidMs >= 995) {
        saidMs = now.elapsedMs;
        lines.write(clock.nowMs(), now);
      }
    },
    onWindow(window) {
      screen?.window(window.responseTimeUs.p99);
      pusher?.window(window);
    },
    onEvent(event) {
      if (event.name === "measure" && event.phase === "start") pusher?.startedAt(event.at);
    },
    warn: say,
    async end() {
      if (ended) return;
      screen?.end();
      task?.end();
      await Promise.all([lines?.end(), pusher?.end()]);
      ended = true;
      for (const text of held) warn(text);
    },
  };
}

async function pusherFor(
  url: string | undefined,
  labels: Record<string, string>,
  warn: (text: string) => void,
): Promise<Pusher | undefined> {
  if (url === undefined) return undefined;
  const { createPusher } = await import("../../src/load/export/push.ts");
  return createPusher({ url: new URL(url), labels, warn });
}

async function ndjsonSink(file: string | undefined, runtime: Runtime, warn: (text: string) => void) {
  if (file === undefined) return undefined;
  const { progressLineJson } = await import("../../src/report/load-ndjson.ts");
  const stream: WriteStream | undefined = file === "-" ? undefined : createWriteStream(resolve(runtime.cwd, file));
  let failed = false;
  stream?.on("error", (error) => {
    if (!failed) warn(`--ndjson: ${file} cannot be written: ${error.message}`);
    failed = true;
  });
  return {
    write(atMs: number, progress: LoadProgress) {
      const line = progressLineJson(atMs, progress);
      if (stream) stream.write(line);
      else runtime.stderr.write(line);
    },
    end: () =>
      new Promise<void>((done) => {
        if (!stream || failed) return done();
        stream.once("error", () => done());
        stream.end(done);
      }),
  };
}
