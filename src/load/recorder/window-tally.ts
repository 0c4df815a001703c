import type { NodeOutcome } from "../../cluster/contract.ts";
import { LatencyHistogram } from "./histogram.ts";
import { addByCause, Tally } from "./tally.ts";

/** What was asked of one node. */
export class NodeTally {
  requests = 0;
  ok = 0;
  errorsByCause: Record<string, number> = {};
  readonly service = new LatencyHistogram();

  request({ outcome, sentUs, endUs }: NodeOutcome): void {
    this.requests++;
    if (outcome === "ok") {
      this.ok++;
      this.service.record(endUs - sentUs);
    } else this.errorsByCause[outcome] = (this.errorsByCause[outcome] ?? 0) + 1;
  }

  add(other: NodeTally): void {
    this.requests += other.requests;
    this.ok += other.ok;
    addByCause(this.errorsByCause, other.errorsByCause);
    if (other.service.n > 0) this.service.add(other.service);
  }

  reset(): void {
    this.requests = 0;
    this.ok = 0;
    this.errorsByCause = {};
    if (this.service.n > 0) this.service.reset();
  }
}

/** Operations split in every way that reports show: by scenario, by node, by what the cache said. */
export class SplitTally {
  /** By the scenario's index; absent ones had nothing to do. */
  readonly scenarios: (Tally | undefined)[] = [];
  readonly nodes = new Map<string, NodeTally>();
  /** Response times of ok operations. */
  readonly caches = new Map<string, LatencyHistogram>();

  scenario(index: number): Tally {
    return (this.scenarios[index] ??= new Tally());
  }
  node(name: string): NodeTally {
    let tally = this.nodes.get(name);
    if (!tally) this.nodes.set(name, (tally = new NodeTally()));
    return tally;
  }
  cache(outcome: string): LatencyHistogram {
    let histogram = this.caches.get(outcome);
    if (!histogram) this.caches.set(outcome, (histogram = new LatencyHistogram()));
    return histogram;
  }

  add(other: SplitTally): void {
    for (const [index, tally] of other.scenarios.entries()) if (tally) this.scenario(index).add(tally);
    this.addNodesAndCaches(other);
  }

  /** For a run of one scenario, whose tally would only repeat the whole run's. */
  addNodesAndCaches(other: SplitTally): void {
    for (const [name, tally] of other.nodes) if (tally.requests > 0) this.node(name).add(tally);
    for (const [outcome, histogram] of other.caches) if (histogram.n > 0) this.cache(outcome).add(histogram);
  }

  reset(): void {
    for (const tally of [...this.scenarios, ...this.nodes.values()]) tally?.reset();
    for (const histogram of this.caches.values()) if (histogram.n > 0) histogram.reset();
  }

  destroy(): void {
    for (const tally of this.scenarios) tally?.destroy();
    for (const { service } of this.nodes.values()) service.destroy();
    for (const histogram of this.caches.values()) histogram.destroy();
  }
}
