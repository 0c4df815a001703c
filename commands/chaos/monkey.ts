import { createWriteStream } from "node:fs";
import { resolve } from "node:path";
import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode, RagctlError } from "../../src/errors.ts";
import { monkeyResultSchema } from "../../src/experiments/monkey/result.ts";
import { monkeyReport } from "../../src/report/chaos-monkey.ts";
import { ndjson } from "../../src/report/ndjson.ts";
import { Interrupted, type Runtime } from "../../src/runtime.ts";
import type { RunEvent } from "../../src/runs/contract.ts";
import { confirmSevere } from "../confirm.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";

const defaultProfile = "office-hours";
const leashedHorizonMs = 24 * 3_600_000;

export default defineCommand({
  details:
    "Injects faults by chance: in working hours of a time zone, but for a calendar of exclusions; each interval draws once, and draws too close to each other give way. " +
    "When, what and on whom is decided by the seed alone, so that it can be repeated and looked at beforehand. On its leash, that is without --unleash, it only says what it would do. " +
    "Every fault passes the guards; it stops itself (exit 4) where an objective is broken.",
  positionals: [{ name: "profile", description: "a YAML, JSON or TS file, or a shipped one (default: office-hours)" }],
  flags: {
    unleash: flag.boolean({ description: "really does it" }),
    for: flag.positiveDurationMs({
      description: "how long it goes on, or looks ahead (default: until it is stopped; leashed, 1d)",
    }),
    seed: flag.count({ description: "another seed than the profile's" }),
    timeZone: flag.string({ description: "another time zone than the profile's", placeholder: "zone" }),
    allowDegraded: flag.boolean({ description: "even while the cluster is not whole" }),
    confirm: flag.string({ description: "the cluster's name, where nobody can be asked for it", placeholder: "name" }),
    ndjson: flag.file({ description: "each event as one line of JSON, as it happens; - is stderr" }),
  },
  examples: [
    ["ragctl chaos monkey", "what it would do until tomorrow"],
    ["ragctl chaos monkey --for 7d --seed 4 --json", "a week, as another seed has it"],
    ["ragctl chaos monkey ours.yaml --unleash --yes", "for real, until Ctrl-C"],
  ],
  resultSchema: monkeyResultSchema,
  async run({ positionals: [wanted = defaultProfile], flags }, context) {
    const { runtime, globals, note, warn } = context;
    const [{ readMonkeyProfile, withOverrides }, { exitCodeOfMonkey, runMonkey }, { openRun }, { healLeftovers }] =
      await Promise.all([
        import("../../src/experiments/monkey/schema.ts"),
        import("../../src/experiments/monkey/run.ts"),
        import("../../src/runs/index.ts"),
        import("../../src/faults/leftovers.ts"),
      ]);
    const read = await readMonkeyProfile(runtime.cwd, wanted);
    const profile = withOverrides(read.profile, { seed: flags.seed, timeZone: flags.timeZone });
    const cluster = await resolveCluster(runtime, globals);
    note(clusterLine(runtime, cluster));
    const leashed = !flags.unleash;
    if (!leashed) await confirmSevere(context, cluster, "a monkey off its leash", flags.confirm);
    await healLeftovers(runtime, warn);
    const horizonMs = flags.for ?? (leashed ? leashedHorizonMs : undefined);
    const lines = linesTo(flags.ndjson, runtime, warn);
    const run = leashed ? undefined : openRun(runtime, { command: `chaos monkey ${read.name}`, cluster: cluster.name, warn });
    const event = (each: Omit<RunEvent, "at"> & { at?: number }) => {
      run?.event(each);
      lines.write({ at: runtime.clock.nowMs(), ...each });
    };
    const input = { cluster, name: read.name, profile, horizonMs, leashed, allowDegraded: flags.allowDegraded };
    try {
      const result = await runMonkey(input, { runtime, note, event });
      const exitCode = runtime.signal.aborted ? interruptedBy(runtime) : exitCodeOfMonkey(result);
      run?.end({ exitCode, state: runtime.signal.aborted ? "interrupted" : "done", result });
      return { result, exitCode, next: leashed ? [`ragctl chaos monkey ${wanted} --unleash`] : ["ragctl chaos status"] };
    } catch (error) {
      run?.end({ exitCode: error instanceof RagctlError ? error.exitCode : ExitCode.bug, state: "failed" });
      throw error;
    } finally {
      await lines.end();
    }
  },
  human: monkeyReport,
});

function interruptedBy({ signal }: Runtime) {
  const terminated = signal.reason instanceof Interrupted && signal.reason.signalName === "SIGTERM";
  return terminated ? ExitCode.terminated : ExitCode.interrupted;
}

function linesTo(file: string | undefined, runtime: Runtime, warn: (text: string) => void) {
  if (file === undefined) return { write: () => undefined, end: async () => undefined };
  const stream = file === "-" ? undefined : createWriteStream(resolve(runtime.cwd, file), { flags: "a" });
  stream?.on("error", (error) => warn(`--ndjson: ${file} cannot be written: ${error.message}`));
  return {
    write: (event: RunEvent) => void (stream ?? runtime.stderr).write(ndjson([event])),
    end: () => new Promise<void>((done) => (stream ? stream.end(done) : done())),
  };
}
