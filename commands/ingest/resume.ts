import { usageError } from "../../src/errors.ts";
import type { GlobalFlags } from "../define.ts";
import { kebab } from "../flags.ts";
import type { ResumeState } from "../../src/ingest/journal/contract.ts";
import type { Runtime } from "../../src/runtime.ts";

/** What a command line of ingest said: enough to say it again. */
export interface SaidInput<F> {
  positionals: string[];
  flags: F;
}

/** A run of before that is gone on with. */
export interface Resumed<F> {
  /** What it was asked to do. */
  input: SaidInput<F>;
  /** Where its paths are relative to. */
  cwd: string;
  cluster: string;
  /** What it wrote into. */
  collection: string;
  run: string;
  /** Undefined where nothing of it is known to be done. */
  state: ResumeState | undefined;
}

/**
 * `--resume [RUN]`: the run, and what it was asked to do.
 * @param given names of the flags of this command line
 * @throws RagctlError exit 2 where there is no such run, or more was said than which
 */
export async function readResumed<F>(
  runtime: Pick<Runtime, "stateDir">,
  positionals: readonly string[],
  given: ReadonlySet<string>,
): Promise<Resumed<F>> {
  const more = [...given].filter((name) => name !== "resume" && !globalNames.has(name));
  const problems = more.map((name) => ({
    path: `--${kebab(name)}`,
    message: "cannot be given with --resume: the run goes on as it was begun",
  }));
  if (positionals.length > 1)
    problems.push({ path: "--resume", message: `takes one run, or none for the latest, got ${positionals.length} words` });
  if (problems.length > 0) throw usageError(problems);
  const { readIngestRun, readResumeState } = await import("../../src/ingest/journal/resume.ts");
  const found = readIngestRun(runtime.stateDir, positionals[0] ?? "latest");
  const { begin, detail } = found;
  return {
    input: begin.input as SaidInput<F>,
    cwd: begin.cwd,
    cluster: begin.cluster,
    collection: begin.collection,
    run: detail.summary.id,
    state: readResumeState(runtime.stateDir, found),
  };
}

const globalNames: ReadonlySet<string> = new Set<keyof GlobalFlags>([
  "config",
  "cluster",
  "json",
  "quiet",
  "yes",
  "input",
  "color",
  "verbose",
]);
