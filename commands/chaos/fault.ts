import { z } from "zod";
import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import type { ClusterConfig } from "../../src/config/schema.ts";
import { ExitCode, usageError } from "../../src/errors.ts";
import type { Fault } from "../../src/faults/contract.ts";
import { exitCodeOfStop, parseStopConditions } from "../../src/faults/guard/index.ts";
import { blastRadiusSchema, type BlastRadius } from "../../src/faults/guard/result.ts";
import { faultNamed } from "../../src/faults/index.ts";
import { healLeftovers } from "../../src/faults/leftovers.ts";
import type { FaultName } from "../../src/faults/names.ts";
import { faultResultSchema, type FaultResult } from "../../src/faults/result.ts";
import { planFault, runFault, type FaultPlan, type FaultRequest } from "../../src/faults/run-fault.ts";
import type { Selection } from "../../src/faults/select.ts";
import { blastRadiusReport } from "../../src/report/chaos-guard.ts";
import { faultReport } from "../../src/report/chaos.ts";
import { confirmSevere, confirmTwice, confirmProtected } from "../confirm.ts";
import { defineCommand, type CommandContext, type CommandDefinition, type Outcome } from "../define.ts";
import { flag, kebab, type Flags } from "../flags.ts";
import { guardFlags } from "./guard-flags.ts";
import { optionFlags } from "./option-flags.ts";

/** Other words for `--for`, where a fault has one that says more. */
const lastingFlags: Partial<Record<FaultName, Flags>> = {
  "kill-node": { restartAfter: flag.positiveDurationMs({ description: "start it again after this long" }) },
};

const zoneFlag = { zone: flag.string({ description: "every node of this zone", placeholder: "zone" }) };
const selectionFlags: Record<NonNullable<Fault["scope"]>, Flags> = {
  cache: { zone: flag.string({ description: "of several caches, that of this zone", placeholder: "zone" }) },
  zone: zoneFlag,
  node: {
    ...zoneFlag,
    random: flag.positive({ description: "so many nodes, whichever (RAGCTL_SEED repeats the choice)" }),
  },
};

const ownFlags = {
  ...guardFlags,
  dryRun: flag.boolean({
    description: "says what it would do to which part of the data, and changes nothing; exit 7 if refused",
  }),
};

/** What ends a fault before its time; only one that lasts has one. */
const stopFlags = {
  stopIf: flag.repeated({
    description: "heal at once when ten searches a second say so: errors>1%, p99>200ms, or objectives",
    placeholder: "condition",
  }),
  stopCommand: flag.string({ description: "heal at once when this command fails; run every 2 s", placeholder: "command" }),
};

const resultSchema = z.union([faultResultSchema, blastRadiusSchema]);

/** `ragctl chaos NAME`, made from what the fault says of itself. */
export function faultCommand(name: FaultName): CommandDefinition {
  const fault = faultNamed(name)!;
  const own = optionFlags(fault.options);
  const lasting = lastingFlags[name] ?? {};
  const lasts = fault.reversible ? { ...lasting, for: forFlag(fault, lasting), ...stopFlags } : {};
  return defineCommand<Flags, FaultResult | BlastRadius>({
    details: [fault.details, guardText(fault)].filter(Boolean).join(" "),
    positionals: positionalsOf(fault),
    flags: { ...own, ...lasts, ...selectionFlags[fault.scope ?? "node"], ...ownFlags },
    examples: fault.examples ?? [],
    resultSchema,
    async run({ positionals, flags, given }, context) {
      const { runtime, globals, note, warn } = context;
      const values = flags as Record<string, never>;
      const forMs = lastingOf(values, given, lasting);
      const cluster = await resolveCluster(runtime, globals);
      note(clusterLine(runtime, cluster));
      const dryRun = values["dryRun"] === true;
      if (cluster.protected && !dryRun) await confirmProtected(context, cluster, name, values["confirm"]);
      await healLeftovers(runtime, warn);
      const stopOn = stopOf(values, cluster);
      const request: FaultRequest = {
        cluster,
        fault: name,
        ...selectionOf(fault, positionals, values),
        options: Object.fromEntries(Object.keys(own).flatMap((key) => (given.has(key) ? [[key, values[key]]] : []))),
        forMs,
        guards: {
          ...(given.has("maxBlast") ? { maxBlast: values["maxBlast"] } : {}),
          allowDegraded: values["allowDegraded"] === true,
        },
        ...(stopOn && { stopOn }),
      };
      if (dryRun) return await lookOnly(request, runtime);
      const result = await runWithProgress(request, context, values["confirm"]);
      const exitCode = result.stoppedBy ? exitCodeOfStop(result.stoppedBy) : ExitCode.ok;
      return { result, exitCode, next: fault.reversible ? nextOf(result) : ["ragctl status"] };
    },
    human: (result, style) => ("refusals" in result ? blastRadiusReport(result, style) : faultReport(result, style)),
  });
}

/** `--dry-run`: everything up to the first blow. How long it would last does not matter. */
async function lookOnly(request: FaultRequest, runtime: CommandContext["runtime"]): Promise<Outcome<BlastRadius>> {
  const { radius } = await planFault({ ...request, forMs: request.forMs ?? 0 }, { runtime });
  const refused = radius.refusals.length > 0;
  return { result: radius, exitCode: refused ? ExitCode.refused : ExitCode.ok, next: refused ? ["ragctl status"] : [] };
}

function stopOf({ stopIf = [], stopCommand }: { stopIf?: string[]; stopCommand?: string }, { objectives }: ClusterConfig) {
  if (stopIf.length === 0 && stopCommand === undefined) return undefined;
  return parseStopConditions({ stopIf, stopCommand }, objectives);
}

async function runWithProgress(
  request: FaultRequest,
  context: CommandContext,
  confirmed: string | undefined,
): Promise<FaultResult> {
  const { runtime, note, progress } = context;
  const seconds = (request.forMs ?? 0) / 1000;
  let task: ReturnType<typeof progress.start> | undefined;
  try {
    return await runFault(request, {
      runtime,
      note: (text) => {
        task?.end();
        task = undefined;
        note(text);
      },
      onTick: (leftMs) => {
        task ??= progress.start(request.fault, { total: Math.round(seconds), unit: "s", rate: false });
        task.update(Math.round(seconds - leftMs / 1000));
      },
      confirm: (plan) => confirmFault(plan, context, confirmed),
    });
  } finally {
    task?.end();
  }
}

async function confirmFault(plan: FaultPlan, context: CommandContext, given: string | undefined): Promise<void> {
  const { cluster, fault } = plan;
  const what = `${fault.name} on ${plan.subjects.map(({ id }) => id).join(", ")}`;
  // A protected cluster's name has been asked for by now, before anything was looked at.
  if (!fault.reversible) await confirmTwice(context, cluster, `${what}, which cannot be undone,`, given);
  else if (fault.severe && !cluster.protected) await confirmSevere(context, cluster, what, given);
}

function positionalsOf({ scope }: Fault): CommandDefinition["positionals"] {
  if (scope === "cache") return [];
  if (scope === "zone") return [{ name: "zone", description: "every node of this zone" }];
  return [{ name: "node", description: "ids of nodes", variadic: true }];
}

function selectionOf({ scope }: Fault, positionals: string[], values: Record<string, string | number | undefined>): Selection {
  const zone = values["zone"] as string | undefined;
  if (scope === "zone") {
    const [named] = positionals;
    if (named !== undefined && zone !== undefined && named !== zone)
      throw usageError([{ path: "--zone", message: `says ${zone}, and ${named} was named: one zone at a time` }]);
    const chosen = named ?? zone;
    return chosen === undefined ? {} : { zone: chosen };
  }
  const random = values["random"] as number | undefined;
  return { nodes: positionals, ...(zone === undefined ? {} : { zone }), ...(random === undefined ? {} : { random }) };
}

function forFlag(fault: Fault, lasting: Flags) {
  const [other] = Object.keys(lasting);
  return flag.positiveDurationMs({
    description:
      other === undefined ? `how long it lasts${fault.mayHold ? "" : " (required)"}` : "the same, as other faults say it",
  });
}

function lastingOf(values: Record<string, number | undefined>, given: ReadonlySet<string>, lasting: Flags): number | undefined {
  const [other] = Object.keys(lasting);
  if (other !== undefined && given.has(other)) {
    if (given.has("for") && values["for"] !== values[other])
      throw usageError([{ path: "--for", message: `says the same as --${kebab(other)}, and another time` }]);
    return values[other];
  }
  return values["for"];
}

function guardText({ reversible, severe }: Fault): string {
  const asks = !reversible
    ? " It cannot be undone, and asks twice: --yes and --confirm CLUSTER."
    : severe
      ? " It wants a yes."
      : "";
  return `Refused (exit 7) where a part of the data would have too few serving owners.${asks}`;
}

function nextOf({ healed, id, recovery }: FaultResult): string[] {
  if (!healed) return [`ragctl chaos heal ${id}`];
  if (recovery && recovery.stale.length > 0 && recovery.servingMs === null) return ["ragctl shard repair"];
  return ["ragctl status"];
}
