import { ExitCode, RagctlError } from "../../errors.ts";
import type { NativeTransfer } from "../../sharding/native/index.ts";
import type { ShardStep } from "../../sharding/plan/contract.ts";
import type { TransferMethod } from "../../stores/contract.ts";
import { halfDone } from "../trouble.ts";
import { requestChange, type ChangeOutcome } from "./change.ts";
import type { NativeLook, NativeRunDeps } from "./contract.ts";
import { progressMark, transferProgress } from "./progress.ts";
import { stepState, type StepAction } from "./step-state.ts";

/**
 * Brings one step to its end: looks, does what is next, looks again. Everything that it knows comes from looking, so that a
 * new process goes on where another was killed.
 * @param look a fresh look at the cluster
 * @returns whether anything had to be done
 * @throws RagctlError exit 7 where a guard forbids it for longer than `patienceMs`; exit 5 where transfers fail or stall
 *   again and again; the signal's reason
 */
export async function runStep(step: ShardStep, look: () => Promise<NativeLook>, deps: NativeRunDeps): Promise<boolean> {
  const run = new StepRun(step, deps);
  for (;;) {
    const seen = await look();
    if (await run.advance(seen)) return run.acted;
  }
}

const firstPollMs = 100;

class StepRun {
  acted = false;
  readonly #step: ShardStep;
  readonly #deps: NativeRunDeps;
  /** Transfers that were begun, or found running, and did not do it. */
  #tried = 0;
  /** Changes asked for, of whatever outcome: each goes through another node. */
  #asked = 0;
  #drops = 0;
  #polls = 0;
  #method: string | undefined;
  #following = false;
  #lastProblem: string | undefined;
  /** What stands still since when: an obstacle, or a transfer. */
  #waiting: { mark: string; sinceMs: number } | undefined;
  /** A change whose effect has not been seen yet. */
  #pending: { outcome: ChangeOutcome; sinceMs: number } | undefined;
  #aborted: string | undefined;

  constructor(step: ShardStep, deps: NativeRunDeps) {
    this.#step = step;
    this.#deps = deps;
  }

  /** One turn; true when the step is done. */
  async advance(look: NativeLook): Promise<boolean> {
    const state = stepState(this.#step, look);
    if (state.kind !== "ready" && state.kind !== "blocked") this.#pending = undefined;
    switch (state.kind) {
      case "done":
        return true;
      case "running":
        this.acted = true;
        await this.#follow(state.transfer, look);
        return false;
      case "busy":
        this.#giveUpAfter(this.#deps.timing.stallMs, `busy ${progressMark(state.transfer, look)}`, () =>
          refused(
            "shard-busy",
            `shard ${state.transfer.shardId} has been in a transfer from ${state.transfer.from} to ${state.transfer.to} that does not get on`,
          ),
        );
        break;
      case "blocked":
        this.#block(state.code, state.message);
        break;
      case "ready":
        if (await this.#attempt(state.action, look)) return false;
    }
    await this.#sleep();
    return false;
  }

  /** Asks for the next change, unless an earlier one may still take effect; true where it asked. */
  async #attempt(action: StepAction, look: NativeLook): Promise<boolean> {
    if (this.#following) {
      this.#following = false;
      this.#tried++;
      this.#lastProblem ??= "the store ended the transfer";
    }
    if (this.#pending && !this.#settled(look)) return false;
    const { consensus } = look;
    if (!consensus.quorum) {
      this.#block("no-quorum", `the cluster's consensus has no quorum: ${consensus.problem}`);
      return false;
    }
    const { attempts } = this.#deps.timing;
    if ((action.kind === "drop" ? this.#drops : this.#tried) >= attempts) throw this.#exhausted(action);
    if (action.kind === "drop") this.#drops++;
    this.#waiting = undefined;
    this.#aborted = undefined;
    this.acted = true;
    const method = this.#nextMethod();
    // Without one, it is the store's default, which only a look at the transfer tells.
    this.#method = method;
    const change = action.kind === "drop" || method === undefined ? action : { ...action, method };
    const outcome = await requestChange(this.#step.id, change, look, this.#deps, this.#asked++);
    this.#pending = { outcome, sinceMs: this.#now() };
    if (outcome.kind !== "agreed") this.#lastProblem = outcome.message;
    // After a refusal, the cluster gets time to come to itself before it is looked at anew.
    if (outcome.kind === "refused") await this.#deps.access.clock.sleep(this.#deps.timing.settleMs, this.#deps.hardSignal);
    else await this.#sleep();
    return true;
  }

  /**
   * Whether the last change has had its time to show. One that was agreed on, or not answered, may appear later in the views
   * of other peers or be agreed on after all; to ask again before that could begin a second transfer onto a replica that
   * serves by then.
   */
  #settled({ consensus }: NativeLook): boolean {
    const { outcome, sinceMs } = this.#pending!;
    const { settleMs } = this.#deps.timing;
    const waitedMs = this.#now() - sinceMs;
    const over = outcome.kind === "refused" || waitedMs >= (consensus.pendingOperations === 0 ? settleMs : 3 * settleMs);
    if (!over) return false;
    this.#pending = undefined;
    this.#tried++;
    this.#lastProblem ??= "the store agreed to it, and no transfer was seen";
    return true;
  }

  async #follow(transfer: NativeTransfer, look: NativeLook): Promise<void> {
    this.#following = true;
    this.#method = transfer.method ?? this.#method;
    this.#deps.onProgress({ step: this.#step.id, ...transferProgress(transfer, look) });
    const key = `${transfer.from} ${transfer.to} ${transfer.method}`;
    if (this.#stoodStill(`run ${key} ${progressMark(transfer, look)}`) >= this.#deps.timing.stallMs) {
      if (this.#aborted === key)
        throw halfDone(
          `${transferText(transfer)} stands still, and could not be aborted: ${this.#lastProblem ?? "the store does not say why"}`,
          "transfer-stuck",
        );
      this.#aborted = key;
      this.#waiting = undefined;
      this.#lastProblem = `it stood still for ${Math.round(this.#deps.timing.stallMs / 1000)} s`;
      this.#deps.note(`${transferText(transfer)} (${transfer.method}) stands still: aborted, to be tried another way`);
      const { shardId, from, to } = transfer;
      const outcome = await requestChange(this.#step.id, { kind: "abort", shardId, from, to }, look, this.#deps, this.#asked++);
      if (outcome.kind !== "agreed") this.#lastProblem = outcome.message;
    }
    await this.#sleep();
  }

  #block(code: string, message: string): void {
    this.#giveUpAfter(this.#deps.timing.patienceMs, `blocked ${code}`, () => refused(code, message));
  }

  #giveUpAfter(limitMs: number, mark: string, error: () => RagctlError): void {
    if (this.#stoodStill(mark) >= limitMs) throw error();
  }

  /** For how long it has been the same. */
  #stoodStill(mark: string): number {
    if (this.#waiting?.mark !== mark) this.#waiting = { mark, sinceMs: this.#now() };
    return this.#now() - this.#waiting.sinceMs;
  }

  /** The first as configured, and after that always another than the one that failed. */
  #nextMethod(): TransferMethod | undefined {
    if (this.#tried === 0) return this.#deps.method;
    return this.#method === "stream_records" ? "snapshot" : "stream_records";
  }

  #exhausted({ shardId, kind, from, ...rest }: StepAction): RagctlError {
    const where = "to" in rest ? `from ${from} to ${rest.to}` : `on ${from}`;
    const verb = { move: "moved", replicate: "copied", drop: "dropped" }[kind];
    return halfDone(
      `shard ${shardId} could not be ${verb} ${where} in ${this.#deps.timing.attempts} attempts; the last time: ${this.#lastProblem ?? "no reason was given"}`,
      "shard-change-failed",
    );
  }

  #now(): number {
    return this.#deps.access.clock.monotonicUs() / 1000;
  }

  /** Small shards take no second: the first looks follow each other closely. */
  #sleep(): Promise<void> {
    const ms = Math.min(this.#deps.timing.pollMs, firstPollMs * 2 ** this.#polls++);
    return this.#deps.access.clock.sleep(ms, this.#deps.hardSignal);
  }
}

function transferText({ shardId, from, to }: NativeTransfer): string {
  return `the transfer of shard ${shardId} from ${from} to ${to}`;
}

const hints: Partial<Record<string, string>> = {
  "no-quorum": "Bring enough nodes back; then --resume goes on.",
  "last-replica": "Bring another replica of it back first, then --resume.",
  "too-few-copies": "Wait until the other replicas serve again, then --resume.",
  "source-not-active": "Wait until the store has recovered it, then --resume; or plan again.",
  "shard-elsewhere": "Somebody else moved it: plan again.",
  "shard-gone": "The collection was changed: plan again.",
};

function refused(code: string, message: string): RagctlError {
  return new RagctlError(message, {
    code,
    exitCode: ExitCode.refused,
    hint: hints[code] ?? "Once that has passed, the same command with --resume goes on.",
  });
}
