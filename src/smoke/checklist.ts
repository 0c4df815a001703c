import { ExitCode, RagctlError } from "../errors.ts";
import type { Clock } from "../runtime.ts";
import type { SmokeCheck, SmokeResult } from "./result.ts";

/** Runs checks one after the other and keeps what came of each. */
export class Checklist {
  readonly checks: SmokeCheck[] = [];
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #onCheck: ((name: string) => void) | undefined;

  constructor(deps: { clock: Clock; signal: AbortSignal; onCheck?: ((name: string) => void) | undefined }) {
    this.#clock = deps.clock;
    this.#signal = deps.signal;
    this.#onCheck = deps.onCheck;
  }

  passed(name: string): boolean {
    return this.checks.some((check) => check.name === name && check.ok);
  }

  /**
   * @param needs a check without which this one says nothing: unless it passed, this one is skipped, which is not ok
   * @param body gives what it saw; throws RagctlError where that is not good. Anything else it throws is a bug, and passed on.
   * @param cleansUp runs after an interrupt, too
   */
  async run(name: string, options: { needs?: string; cleansUp?: boolean }, body: () => Promise<string>): Promise<void> {
    if (!options.cleansUp) this.#signal.throwIfAborted();
    if (options.needs !== undefined && !this.passed(options.needs)) {
      this.checks.push({ name, ok: false, outcome: "skipped", detail: `skipped: ${options.needs} did not pass`, durationMs: 0 });
      return;
    }
    this.#onCheck?.(name);
    const startedUs = this.#clock.monotonicUs();
    const outcome = await this.#outcomeOf(body, options.cleansUp === true);
    this.checks.push({ name, ...outcome, durationMs: (this.#clock.monotonicUs() - startedUs) / 1000 });
  }

  async #outcomeOf(body: () => Promise<string>, cleansUp: boolean): Promise<Omit<SmokeCheck, "name" | "durationMs">> {
    try {
      return { ok: true, outcome: "ok", detail: await body() };
    } catch (error) {
      // What an interrupt cut short failed for no fault of the cluster.
      if (!cleansUp) this.#signal.throwIfAborted();
      if (!(error instanceof RagctlError) || error.exitCode === ExitCode.bug) throw error;
      const outcome =
        error.exitCode === ExitCode.unreachable
          ? "unreachable"
          : error.exitCode === ExitCode.inconclusive
            ? "inconclusive"
            : "failed";
      return { ok: false, outcome, detail: error.message, ...(error.hint ? { hint: error.hint } : {}) };
    }
  }
}

/** Pass: all ok. Inconclusive: nothing is wrong but what the load generator itself may have spoilt. Fail: otherwise. */
export function verdictOf(checks: readonly SmokeCheck[]): SmokeResult["verdict"] {
  if (checks.every(({ ok }) => ok)) return "pass";
  return checks.every(({ ok, outcome }) => ok || outcome === "inconclusive") ? "inconclusive" : "fail";
}

/** 3 where something did not answer, 4 where it answered wrong, 6 where this machine was the limit. */
export function exitCodeOf({ verdict, checks }: Pick<SmokeResult, "verdict" | "checks">): ExitCode {
  if (verdict === "pass") return ExitCode.ok;
  if (verdict === "inconclusive") return ExitCode.inconclusive;
  return checks.some(({ outcome }) => outcome === "unreachable") ? ExitCode.unreachable : ExitCode.failed;
}
