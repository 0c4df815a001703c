import { z } from "zod";
import { durationMs, ratePerSec } from "../../config/schema.ts";
import { didYouMean } from "../../config/suggest.ts";
import { faultNamed } from "../../faults/index.ts";
import { faultSummaries } from "../../faults/names.ts";

const positiveDuration = durationMs.refine((ms) => ms > 0, "expected a duration above zero");
const positive = z.number().int().min(1);

const until = z.enum(["healed", "serving", "steady"]);
const waitUntil = z.strictObject({
  until: until.describe(
    "healed: every fault so far is proven gone; serving: and no node is stale; steady: and the steady state holds again",
  ),
  atMost: positiveDuration.prefault("2m"),
});

/** Which keys go with which action. */
const companions = {
  fault: ["nodes", "zone", "random", "for", "with", "rolling"],
  wait: [],
  scale: ["over"],
  warm: ["zone", "top", "rate", "timeout", "mayFail"],
  ragctl: ["timeout", "mayFail"],
  command: ["timeout", "mayFail"],
} as const;
type Action = keyof typeof companions;
const actions = Object.keys(companions) as Action[];

/** One step as people write it: exactly one of `fault`, `wait`, `scale`, `warm`, `ragctl`, `command`, and what goes with it. */
const written = z.strictObject({
  name: z.string().min(1).optional().describe("for the report"),
  at: durationMs.optional().describe("not before so long into the method; default: when the step before is done"),
  fault: z.string().optional().describe("begins, lasts `for`, and is healed; the method goes on meanwhile"),
  nodes: z.array(z.string()).min(1).optional(),
  zone: z.string().min(1).optional().describe("of a fault, every node of it; any: one by chance"),
  random: z.union([positive, z.literal("minority")], { error: "expected a number of nodes, or minority" }).optional(),
  for: positiveDuration.optional().describe("default 10s"),
  with: z.record(z.string(), z.unknown()).optional().describe("the fault's own options: {delay: 300ms}"),
  rolling: z
    .boolean()
    .optional()
    .describe("one node after the other, each back in service before the next; all nodes unless given"),
  wait: z
    .union([positiveDuration, waitUntil], { error: "expected a duration, or {until: healed | serving | steady}" })
    .optional(),
  scale: z.number().positive().max(1000).optional().describe("the load, as a multiple of what the profile says"),
  over: durationMs.optional().describe("how long the change of the load takes; default: at once"),
  warm: z
    .string()
    .min(1)
    .optional()
    .describe(
      "a scenario of the load that looks things up in the cache: what it has asked so far is answered from the nodes and stored, in the cache of `zone` (other: of one that no fault before has taken). Left out, with a word, where zones have no caches of their own",
    ),
  top: positive.optional().describe("so many of the questions, those asked most; default: all"),
  rate: ratePerSec.optional().describe("of warming at most, default 200/s; slower where searches suffer"),
  ragctl: z
    .union([z.string().min(1), z.array(z.string()).min(1)], { error: "expected a command line of ragctl, or its arguments" })
    .optional()
    .describe("a command line of ragctl, without the word ragctl: [shard, repair, --json]"),
  command: z.array(z.string()).min(1).optional().describe("a program and its arguments"),
  timeout: positiveDuration.optional().describe("of warm, ragctl and command, default 5m"),
  mayFail: z.boolean().optional().describe("the method goes on where it ends with another code than 0"),
});

/** What one step does, worked out of what was written. */
export type Step = { name?: string; atMs?: number } & (
  | {
      kind: "fault";
      fault: string;
      /** Nodes that it is to hit. */
      aim: { nodes?: string[]; zone?: string; random?: number | "minority" };
      forMs: number;
      options: Record<string, unknown>;
      rolling: boolean;
    }
  | { kind: "wait"; ms: number }
  | { kind: "until"; until: z.output<typeof until>; atMostMs: number }
  | { kind: "scale"; factor: number; overMs: number }
  | WarmStep
  | { kind: "ragctl"; argv: string[]; timeoutMs: number; mayFail: boolean }
  | { kind: "command"; argv: string[]; timeoutMs: number; mayFail: boolean }
);

export interface WarmStep {
  kind: "warm";
  /** Of the load. */
  scenario: string;
  /** Whose cache; `other` as people write it. Undefined: that of all zones without one. */
  zone?: string;
  top?: number;
  ratePerSec: number;
  timeoutMs: number;
  mayFail: boolean;
  /** Why there is nothing to do on this cluster. */
  skip?: string;
}

const defaultForMs = 10_000;
const defaultTimeoutMs = 5 * 60_000;
const defaultWarmPerSec = 200;

type Written = z.output<typeof written>;
type Context = z.core.$RefinementCtx<Written>;

/** A step of the method. */
export const stepSchema = written
  .superRefine((step, context) => {
    const said = actions.filter((action) => step[action] !== undefined);
    const issue = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    if (said.length !== 1)
      return issue([], `expected exactly one of ${actions.join(", ")}${said.length === 0 ? "" : `, got ${said.join(" and ")}`}`);
    const [action] = said as [Action];
    const allowed = new Set<string>([...companions[action], action, "name", "at"]);
    for (const key of Object.keys(step) as (keyof Written)[])
      if (step[key] !== undefined && !allowed.has(key)) issue([key], `does not go with ${action}`);
    if (action === "fault") checkFault(step, context);
  })
  .transform((step): Step => {
    const common: Pick<Step, "name" | "atMs"> = {
      ...(step.name !== undefined && { name: step.name }),
      ...(step.at !== undefined && { atMs: step.at }),
    };
    if (step.fault !== undefined) {
      const { nodes, zone, random } = step;
      return {
        ...common,
        kind: "fault",
        fault: step.fault,
        aim: { ...(nodes && { nodes }), ...(zone !== undefined && { zone }), ...(random !== undefined && { random }) },
        forMs: step.for ?? defaultForMs,
        options: step.with ?? {},
        rolling: step.rolling ?? false,
      };
    }
    if (typeof step.wait === "number") return { ...common, kind: "wait", ms: step.wait };
    if (step.wait !== undefined) return { ...common, kind: "until", until: step.wait.until, atMostMs: step.wait.atMost };
    if (step.scale !== undefined) return { ...common, kind: "scale", factor: step.scale, overMs: step.over ?? 0 };
    const rest = { timeoutMs: step.timeout ?? defaultTimeoutMs, mayFail: step.mayFail ?? false };
    if (step.warm !== undefined) {
      const { warm: scenario, zone, top, rate: ratePerSec = defaultWarmPerSec } = step;
      return {
        ...common,
        kind: "warm",
        scenario,
        ...(zone !== undefined && { zone }),
        ...(top !== undefined && { top }),
        ratePerSec,
        ...rest,
      };
    }
    if (step.ragctl !== undefined)
      return { ...common, kind: "ragctl", argv: typeof step.ragctl === "string" ? words(step.ragctl) : step.ragctl, ...rest };
    return { ...common, kind: "command", argv: step.command!, ...rest };
  });

function checkFault(step: Written, context: Context): void {
  const issue = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
  const fault = faultNamed(step.fault!);
  if (!fault) issue(["fault"], `there is no fault "${step.fault}"${didYouMean(step.fault!, Object.keys(faultSummaries))}`);
  const aims = (["nodes", "zone", "random"] as const).filter((key) => step[key] !== undefined);
  const needsNodes = fault !== undefined && fault.scope !== "cache";
  if (aims.length > 1) issue([aims[1]!], `does not go with ${aims[0]}: say one of nodes, zone, random`);
  if (aims.length === 0 && needsNodes && step.rolling !== true) issue(["fault"], "expected nodes, zone or random beside it");
  if (aims.length > 0 && fault?.scope === "cache") issue([aims[0]!], `does not go with ${step.fault}, which is about the cache`);
  if (step.rolling === true && step.random !== undefined) issue(["random"], "does not go with rolling");
  const options = fault?.options.safeParse(step.with ?? {});
  for (const each of options?.error?.issues ?? [])
    context.issues.push({ ...each, path: ["with", ...each.path], input: step.with } as z.core.$ZodRawIssue);
}

/** `shard repair --note "two words"` → its words. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) => double ?? single ?? bare ?? "");
}
