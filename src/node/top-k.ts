/** The k best of a stream of (label, rank), best first; equal ranks in order of label. */
export class TopK {
  readonly labels: Float64Array;
  readonly ranks: Float64Array;
  length = 0;

  constructor(k: number) {
    this.labels = new Float64Array(k);
    this.ranks = new Float64Array(k);
  }

  offer(label: number, rank: number): void {
    const { labels, ranks } = this;
    const full = this.length === ranks.length;
    if (full && (this.length === 0 || !better(rank, label, ranks[this.length - 1]!, labels[this.length - 1]!))) return;
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (better(rank, label, ranks[middle]!, labels[middle]!)) high = middle;
      else low = middle + 1;
    }
    const end = full ? this.length - 1 : this.length++;
    ranks.copyWithin(low + 1, low, end);
    labels.copyWithin(low + 1, low, end);
    ranks[low] = rank;
    labels[low] = label;
  }
}

function better(rank: number, label: number, otherRank: number, otherLabel: number): boolean {
  return rank > otherRank || (rank === otherRank && label < otherLabel);
}
