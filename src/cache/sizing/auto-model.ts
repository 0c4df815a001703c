import { everyKey, type ReferenceBatch, type ReferenceSink } from "./contract.ts";
import { ShardsModel } from "./shards.ts";
import { ExactModel } from "./stack-model.ts";

/** Both at once, until there are too many references to take them exactly: then the sample alone goes on. */
export class AutoModel implements ReferenceSink {
  threshold = everyKey;
  exact: ExactModel | undefined;
  readonly shards: ShardsModel;
  private readonly exactReferences: number;

  constructor(options: { exactReferences: number; keys: number; weighted: boolean }) {
    this.exactReferences = options.exactReferences;
    this.exact = new ExactModel(options);
    this.shards = new ShardsModel({ rate: 1, ...options });
  }

  take(batch: ReferenceBatch, references: number): void {
    this.shards.take(batch, references);
    if (this.exact && this.exact.references + references > this.exactReferences) this.exact = undefined;
    this.exact?.take(batch, references);
    this.threshold = this.exact ? everyKey : this.shards.threshold;
  }
}
