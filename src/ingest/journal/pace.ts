import type { Clock } from "../../runtime.ts";
import type { Acknowledged } from "./acknowledged.ts";
import type { IngestJournal } from "./contract.ts";

/** Each time waits for the disk twice. What is not written down yet is read again after a crash, and found unchanged. */
const everyMs = 2_000;
const everyItems = 16_384;

/** Writes down what is acknowledged, often enough that a crash costs little, and seldom enough that it costs nothing. */
export class JournalPace {
  readonly #deps: { acknowledged: Acknowledged; journal: IngestJournal | undefined; clock: Clock };
  #lastUs: number;
  #broken = false;

  constructor(deps: { acknowledged: Acknowledged; journal: IngestJournal | undefined; clock: Clock }) {
    this.#deps = deps;
    this.#lastUs = deps.clock.monotonicUs();
  }

  /** After items met their fate. @throws RagctlError exit 5 where the journal cannot be written */
  keep(): void {
    const { acknowledged, clock } = this.#deps;
    const nowUs = clock.monotonicUs();
    if (nowUs - this.#lastUs < everyMs * 1000 && acknowledged.fresh < everyItems) return;
    this.#lastUs = nowUs;
    this.#write();
  }

  /** At the end of the run, whatever ended it. @throws RagctlError exit 5, unless it was thrown before */
  end(): void {
    if (!this.#broken) this.#write();
  }

  #write(): void {
    const { acknowledged, journal } = this.#deps;
    const news = acknowledged.take();
    if (!news || !journal) return;
    try {
      journal.append(news.entry, news.digests);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
  }
}
