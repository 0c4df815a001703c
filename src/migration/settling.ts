import { clearQuiet } from "../sharding/transitions.ts";
import type { MoverDeps } from "./contract.ts";
import type { NodeIo } from "./io.ts";
import type { TableAccess } from "./table.ts";
import { halfDone } from "./trouble.ts";

const lookEveryMs = 250;
/** The mark may be this much older than the last request that it stands for. */
const slackMs = 500;

/** Waits for what requests that nobody answered may still do to one node: it is over one request timeout after the node answers. */
export class Settling {
  readonly #io: NodeIo;
  readonly #table: TableAccess;
  readonly #deps: MoverDeps;
  readonly #node: string;
  #begun = false;
  #answeredAtMs: number | undefined;

  constructor(io: NodeIo, table: TableAccess, deps: MoverDeps, node: string) {
    this.#io = io;
    this.#table = table;
    this.#deps = deps;
    this.#node = node;
  }

  /** Starts to count where an earlier mover may have left requests on the way; it counts while the copy goes on. */
  begin(): void {
    if (!this.#deps.unclean || this.#begun) return;
    this.#begun = true;
    // A node that does not answer is asked again when it matters.
    this.#look().catch(() => undefined);
  }

  async #look(): Promise<void> {
    if (await this.#io.answers(this.#node)) this.#answeredAtMs ??= this.#deps.clock.nowMs();
  }

  /** Resolves when nothing of an earlier mover can land any more. */
  async over(): Promise<void> {
    if (!this.#begun) return;
    const { clock, signal, requestTimeoutMs } = this.#deps;
    while (this.#answeredAtMs === undefined) {
      await this.#look();
      if (this.#answeredAtMs === undefined) await clock.sleep(lookEveryMs, signal);
    }
    await clock.sleep(Math.max(0, this.#answeredAtMs + requestTimeoutMs + slackMs - clock.nowMs()), signal);
  }

  /**
   * Resolves when the node may be written to: it is not stale, and not quiet. A quiet one is settled here, if no client does it first;
   * a stale one is repaired by others.
   * @throws RagctlError exit 5 where that takes too long
   */
  async targetReady(name: string): Promise<void> {
    const { clock, signal, requestTimeoutMs, patienceMs, note } = this.#deps;
    const untilMs = clock.nowMs() + patienceMs;
    let answeredAtMs: number | undefined;
    let said = false;
    for (;;) {
      const entry = (await this.#table.read()).table.nodes[this.#node];
      if (!entry || (entry.state !== "stale" && entry.quiet === undefined)) return;
      if (!said) {
        const why =
          entry.state === "stale"
            ? "is stale: it waits for its repair"
            : "did not answer a write: it waits until that is settled";
        note(`${name}: ${this.#node} ${why}`);
      }
      said = true;
      if (entry.state !== "stale") {
        if (answeredAtMs === undefined) {
          if (await this.#io.answers(this.#node)) answeredAtMs = clock.nowMs();
        } else if (clock.nowMs() - answeredAtMs >= requestTimeoutMs + slackMs)
          await this.#table.change((table) => clearQuiet(table, this.#node, entry.quiet!));
      }
      if (clock.nowMs() >= untilMs)
        throw halfDone(
          entry.state === "stale"
            ? `${name}: node ${this.#node} is stale; ragctl shard repair ${this.#node} brings it back.`
            : `${name}: node ${this.#node} does not answer.`,
          "target-unavailable",
        );
      await clock.sleep(lookEveryMs, signal);
    }
  }
}
