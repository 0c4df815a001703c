import type { ClusterConfig } from "../config/schema.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import type { Fault, Target, TargetKind } from "./contract.ts";
import { targets, type Subject } from "./targets/index.ts";

/** Why a fault cannot be injected somewhere, by the kinds of target that it could use. */
export interface Unreachable {
  reasons: { kind: TargetKind; reason: string }[];
}

type Resolved = { target: Target } | { impossible: string };
type Resolve = (subject: Subject, kind: TargetKind) => Promise<Resolved>;

/** Asks each way to each node once: a supervisor need not tell the same thing for every fault. */
export function resolverOf(cluster: ClusterConfig): Resolve {
  const asked = new Map<string, Promise<Resolved>>();
  return (subject, kind) => {
    const key = `${kind} ${subject.id}`;
    let answer = asked.get(key);
    if (!answer) {
      const resolver = targets[kind];
      answer = resolver
        ? resolver.resolve(cluster, subject)
        : Promise.resolve({ impossible: `targets of kind ${kind} are not known to this version of ragctl` });
      asked.set(key, answer);
    }
    return answer;
  };
}

/** The first target, in the order of `kinds`, that this fault can be injected into there with these options. */
export async function reachOne<Options>(
  subject: Subject,
  fault: Fault<Options>,
  { options, kinds = fault.targets }: { options: Options; kinds?: readonly TargetKind[] },
  resolve: Resolve,
): Promise<{ target: Target } | Unreachable> {
  const reasons: Unreachable["reasons"] = [];
  for (const kind of kinds) {
    const resolved = await resolve(subject, kind);
    const possible = "impossible" in resolved ? resolved.impossible : (fault.possible?.(resolved.target, options) ?? true);
    if (possible === true) return resolved as { target: Target };
    reasons.push({ kind, reason: possible });
  }
  return { reasons };
}

/**
 * A target for every subject, by the first variant of the fault that all of them can do.
 * @throws RagctlError exit 3 (2 where the config names no way) with the reasons, node by node
 */
export async function reachAll<Options>(
  cluster: ClusterConfig,
  subjects: readonly Subject[],
  fault: Fault<Options>,
  options: Options,
): Promise<{ targets: Target[]; options: Options }> {
  const resolve = resolverOf(cluster);
  const variants = fault.variants?.(options) ?? [{ options }];
  const why: { node: string; kind: TargetKind; reason: string }[] = [];
  for (const variant of variants) {
    const kinds = variant.targets ?? fault.targets;
    const found = await Promise.all(
      subjects.map((subject) => reachOne(subject, fault, { options: variant.options, kinds }, resolve)),
    );
    const reached = found.filter((each) => "target" in each);
    if (reached.length === subjects.length) return { targets: reached.map(({ target }) => target), options: variant.options };
    for (const [index, each] of found.entries())
      if ("reasons" in each) for (const { kind, reason } of each.reasons) why.push({ node: subjects[index]!.id, kind, reason });
  }
  throw unreachable(cluster, subjects, fault, why);
}

function unreachable(
  cluster: ClusterConfig,
  subjects: readonly Subject[],
  fault: Pick<Fault, "name">,
  why: readonly { node: string; kind: TargetKind; reason: string }[],
): RagctlError {
  const nodes = subjects.filter(({ id }) => why.some(({ node }) => node === id)).map(({ id }) => id);
  const reasons = [...new Set(why.map(({ reason }) => reason))].join("; ");
  const nobodySaid = cluster.source.kind !== "local" && subjects.every(({ target }) => target === undefined);
  return new RagctlError(`${fault.name} cannot reach ${nodes.join(", ")} of ${cluster.name}: ${reasons}`, {
    code: "target-unreachable",
    exitCode: nobodySaid ? ExitCode.usage : ExitCode.unreachable,
    hint: nobodySaid
      ? "ragctl chaos targets says what each node lacks"
      : "ragctl status shows what runs; ragctl chaos targets, what can be reached",
    details: why,
  });
}
