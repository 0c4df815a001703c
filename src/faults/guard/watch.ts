import type { ClusterConfig } from "../../config/schema.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { Runtime } from "../../runtime.ts";
import { judgedFrom, startCanary, type Canary } from "./canary.ts";
import type { StopWatch } from "./during.ts";
import type { StoppedBy } from "./result.ts";
import { askCommand } from "./stop-command.ts";
import type { StopConditions } from "./stop-conditions.ts";

const lookEveryMs = 500;
const commandEveryMs = 2_000;
/** The canary must have so many answers before anything is broken, and gets so long for them. */
const steadyMs = 10_000;

interface Deps {
  runtime: Runtime;
  /** Replaced in tests. */
  canary?: typeof startCanary;
  command?: typeof askCommand;
}

/**
 * Watches stop conditions from before the first blow: what is broken already is a reason not to begin.
 * @throws RagctlError exit 7 where a condition holds already; 2 or 3 where nothing can be measured. Nothing was injected then.
 */
export async function watchConditions(conditions: StopConditions, cluster: ClusterConfig, deps: Deps): Promise<StopWatch> {
  const { runtime } = deps;
  const { clock, signal } = runtime;
  const { limits, command, collection } = conditions;
  const ask = deps.command ?? askCommand;
  const stop = new AbortController();
  const ended = new AbortController();
  const canary = limits.length > 0 ? await (deps.canary ?? startCanary)({ cluster, collection }, runtime) : undefined;
  const look = (): string | undefined => canary?.broken(limits);
  try {
    const before =
      (command && (await ask(command, cluster.name, runtime, signal))) ?? (canary && (await steadyState(canary, look)));
    if (before) throw holdsAlready(before);
    signal.throwIfAborted();
  } catch (error) {
    await canary?.end();
    throw error;
  }
  const every = async (ms: number, kind: StoppedBy["kind"], why: () => Promise<string | undefined>) => {
    while (!ended.signal.aborted && !stop.signal.aborted) {
      await clock.sleep(ms, ended.signal, { ref: false }).catch(() => undefined);
      if (ended.signal.aborted) return;
      const reason = await why();
      if (reason !== undefined && !ended.signal.aborted) stop.abort({ kind, reason } satisfies StoppedBy);
    }
  };
  const watching = Promise.all([
    ...(canary ? [every(lookEveryMs, "objective", async () => look())] : []),
    ...(command ? [every(commandEveryMs, "command", () => ask(command, cluster.name, runtime, ended.signal))] : []),
  ]);
  return {
    signal: stop.signal,
    async end() {
      ended.abort(new Error("nothing lasts any more"));
      await watching;
      await canary?.end();
    },
  };

  async function steadyState(of: Canary, broken: () => string | undefined): Promise<string | undefined> {
    const endUs = clock.monotonicUs() + steadyMs * 1000;
    while (of.answers < judgedFrom && clock.monotonicUs() < endUs) await clock.sleep(100, signal);
    return of.answers < judgedFrom ? `canary searches bring ${of.answers} answers in ${steadyMs / 1000} s` : broken();
  }
}

/** What a stopped fault, or experiment, ends with. guard: the cluster changed under it. The others: the verdict is bad. */
export function exitCodeOfStop({ kind }: StoppedBy): typeof ExitCode.refused | typeof ExitCode.failed {
  return kind === "guard" ? ExitCode.refused : ExitCode.failed;
}

function holdsAlready(reason: string): RagctlError {
  return new RagctlError(`what shall stop it holds already, so nothing was begun: ${reason}`, {
    code: "stop-condition-holds",
    exitCode: ExitCode.refused,
    hint: "the steady state comes first: ragctl status, ragctl smoke",
  });
}
