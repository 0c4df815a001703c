import { z } from "zod";
import { ExitCode, RagctlError } from "../errors.ts";
import type { Fault, HealRecord, Impairment, Target } from "./contract.ts";
import { linkOf, requireLink } from "./links/index.ts";

type Wanted = Omit<Impairment, "id">;

/** What a fault of the network says of itself; the rest is the same for all of them. */
export type LinkFault<Options> = Pick<Fault<Options>, "name" | "details" | "examples" | "targets" | "options" | "impact"> & {
  /** What is asked of the link. */
  impairment: (options: Options) => Wanted;
};

const healTimeoutMs = 15_000;

/** A fault that is one impairment of the network before a node, whose id is the record's. */
export function linkFault<Options>({ impairment, ...said }: LinkFault<Options>): Fault<Options> {
  return {
    ...said,
    reversible: true,
    healTimeoutMs,

    possible(target, options) {
      return whyNot(target, impairment(options)) ?? true;
    },

    async prepare(target, options) {
      const wanted = impairment(options);
      const reason = whyNot(target, wanted);
      if (reason !== undefined)
        throw new RagctlError(reason, {
          code: "target-unreachable",
          exitCode: ExitCode.usage,
          hint: "ragctl chaos targets says what is possible for each node",
        });
      return { ...wanted };
    },

    async inject(record, deps) {
      await requireLink(record.target).add(impairmentOf(record), deps);
    },

    /** A proxy that was started again meanwhile has forgotten it: the fault must be what it is said to be. */
    async renew(record, deps) {
      const link = requireLink(record.target);
      await (link.renew ? link.renew(record.id, deps) : link.add(impairmentOf(record), deps));
    },

    async heal(record, deps) {
      await requireLink(record.target).remove(record.id, deps);
    },

    async probe(record, deps) {
      const has = await requireLink(record.target).has(record.id, deps);
      return has === "unknown" ? "unknown" : has ? "active" : "gone";
    },
  };
}

function whyNot(target: Target, wanted: Wanted): string | undefined {
  const link = linkOf(target);
  if ("impossible" in link) return link.impossible;
  const supported = link.supports(wanted);
  return supported === true ? undefined : supported;
}

function impairmentOf({ id, undo }: HealRecord): Impairment {
  return { ...(undo as unknown as Wanted), id };
}

/** Options that several of these faults have. */
export const directionOption = (usual: Impairment["direction"]) =>
  z.enum(["both", "to-node", "from-node"]).default(usual).describe("which way: requests (to-node), answers (from-node), or both");

export const fromOption = z
  .union([z.ipv4(), z.ipv6()])
  .optional()
  .describe("only for clients of this address: others see another cluster")
  .meta({ placeholder: "address" });

/** `from`, where it was given. */
export function onlyFrom(from: string | undefined): Pick<Impairment, "from"> {
  return from === undefined ? {} : { from };
}
