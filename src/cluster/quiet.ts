import { clearQuiet } from "../sharding/transitions.ts";
import type { RoutedDeps } from "./deps.ts";

const lookEveryMs = 500;
/** Several writes that fail together share a mark; the last of them may be this much younger than it. */
const slackMs = 500;

/**
 * Ends the quiet of nodes (ROUTING.md, "Late arrivals"): one request timeout after such a node was seen to answer again, by
 * compare-and-set, unless it was marked anew since. Every client does this; the first one wins.
 */
export class QuietKeeper {
  readonly #deps: RoutedDeps;
  readonly #closing = new AbortController();
  /** By collection, node and mark: when it was first seen to answer, monotonic ms. */
  readonly #answered = new Map<string, number>();
  #running = false;

  constructor(deps: RoutedDeps) {
    this.#deps = deps;
  }

  /** Begins to look, if some view has a quiet node and nobody looks yet. */
  kick(): void {
    if (this.#running || this.#closing.signal.aborted || this.#quiet().length === 0) return;
    this.#running = true;
    this.#look()
      .catch(() => undefined)
      .finally(() => (this.#running = false));
  }

  #quiet(): { collection: string; id: string; url: string; mark: number }[] {
    return this.#deps.watch.views.flatMap(({ collection, routing }) =>
      Object.entries(routing.table.nodes).flatMap(([id, { url, quiet }]) =>
        quiet === undefined ? [] : [{ collection, id, url, mark: quiet }],
      ),
    );
  }

  async #look(): Promise<void> {
    const { clock, nodes, watch, requestTimeoutMs } = this.#deps;
    const { signal } = this.#closing;
    for (let quiet = this.#quiet(); quiet.length > 0; quiet = this.#quiet()) {
      for (const { collection, id, url, mark } of quiet) {
        const name = `${collection} ${id} ${mark}`;
        const nowMs = clock.monotonicUs() / 1000;
        const since = this.#answered.get(name);
        if (since === undefined) {
          const { ok } = await nodes.ofTable(id, url).control.health({ timeoutMs: 1_000, signal });
          if (ok) this.#answered.set(name, clock.monotonicUs() / 1000);
        } else if (nowMs - since >= requestTimeoutMs + slackMs) {
          // The state store may be away: tried again at the next look.
          const done = await watch.change(collection, (table) => clearQuiet(table, id, mark)).catch(() => undefined);
          if (done !== undefined) this.#answered.delete(name);
        }
      }
      await clock.sleep(lookEveryMs, signal, { ref: false });
    }
  }

  close(): void {
    this.#closing.abort(new Error("the client is closed"));
  }
}
