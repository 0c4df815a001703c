import { cacheInvalidateResultSchema } from "../../src/cache/invalidate/result.ts";
import type { CacheKind } from "../../src/cache/contract.ts";
import { clusterLine } from "../../src/config/resolve.ts";
import { ExitCode, usageError, type Problem } from "../../src/errors.ts";
import { cacheInvalidateReport } from "../../src/report/cache-invalidate.ts";
import { plural } from "../../src/units.ts";
import { confirmSevere } from "../confirm.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";
import { shellLine } from "../shell.ts";
import { clusterInZone, zoneFlag } from "./zone.ts";

const kinds = ["result", "embedding", "answer"] as const satisfies readonly CacheKind[];

export default defineCommand({
  details:
    "Removes keys from every server of the cluster's Redis, at a limited rate, by SCAN and UNLINK, which stop nobody. First it counts what would go, and asks. Without --pattern it is " +
    "the keys of the config's namespace, or of --namespace, or of one --corpus-version whatever its embedder. What was counted as popular stays: it warms the next index.",
  flags: {
    ...zoneFlag,
    pattern: flag.repeated({ description: "a glob of keys: rag:result:*; may be given again", placeholder: "glob" }),
    namespace: flag.string({ description: "all of that namespace", placeholder: "name" }),
    corpusVersion: flag.string({ description: "all of that version of the corpus", placeholder: "version" }),
    kind: flag.list({ description: `of ${kinds.join(", ")}; default: all`, placeholder: "kind,…" }),
    rate: flag.ratePerSec({ description: "keys at most", default: 10_000 }),
    dryRun: flag.boolean({ description: "count, and remove nothing" }),
    confirm: flag.string({ description: "the name of a protected cluster, where nobody can be asked", placeholder: "name" }),
  },
  examples: [
    ["ragctl cache invalidate --dry-run", "how many keys has the config's namespace?"],
    ["ragctl cache invalidate --corpus-version 2026-04 --yes", "what the last index answered"],
    ["ragctl cache invalidate --kind answer --rate 1000", "answers alone, gently"],
  ],
  resultSchema: cacheInvalidateResultSchema,
  async run({ flags }, context) {
    const { runtime, note, progress } = context;
    const { clock, signal } = runtime;
    const wanted = checkedKinds(flags.kind, flags.pattern, { namespace: flags.namespace, corpusVersion: flags.corpusVersion });
    const cluster = await clusterInZone(context, flags.zone);
    note(clusterLine(runtime, cluster));
    const { invalidate, invalidatePatterns } = await import("../../src/cache/invalidate/index.ts");
    const { namespace, corpusVersion, pattern, rate, dryRun } = flags;
    const wish = { patterns: pattern, namespace, corpusVersion, kinds: wanted };
    // Without a cache in the config `invalidate` says so.
    const patterns = cluster.cache ? invalidatePatterns(wish, cluster.cache, cluster.embedder) : [];
    let task: ReturnType<typeof progress.start> | undefined;
    try {
      const result = await invalidate(cluster, {
        patterns,
        dryRun,
        ratePerSec: rate,
        clock,
        signal,
        async confirm({ matched }) {
          await confirmSevere(context, cluster, `removing ${plural(matched, "key")} of the cache`, flags.confirm);
          task = progress.start("removing", { total: matched, unit: "keys" });
        },
        onProgress: (unlinked) => task?.update(unlinked),
      });
      const again = ["ragctl", ...runtime.argv.filter((word) => word !== "--dry-run" && word !== "--json")];
      const next = result.dryRun && result.matched > 0 ? [shellLine(again)] : [];
      return { result, exitCode: result.failed > 0 ? ExitCode.unreachable : ExitCode.ok, next };
    } finally {
      task?.end();
    }
  },
  human: cacheInvalidateReport,
});

/** @throws RagctlError exit 2 with everything that is wrong with the flags */
function checkedKinds(
  given: readonly string[],
  patterns: readonly string[],
  others: Record<string, string | undefined>,
): CacheKind[] {
  const problems: Problem[] = given
    .filter((kind) => !(kinds as readonly string[]).includes(kind))
    .map((kind) => ({ path: "--kind", message: `there is no kind ${kind}: there are ${kinds.join(", ")}` }));
  if (patterns.length > 0) {
    if (given.length > 0) problems.push({ path: "--kind", message: "goes without --pattern" });
    if (others["namespace"] !== undefined) problems.push({ path: "--namespace", message: "goes without --pattern" });
    if (others["corpusVersion"] !== undefined) problems.push({ path: "--corpus-version", message: "goes without --pattern" });
  }
  if (problems.length > 0) throw usageError(problems, { hint: "ragctl cache invalidate --help" });
  return given as CacheKind[];
}
