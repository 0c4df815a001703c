import { z } from "zod";
import type { JsonSchema } from "../../config/json-schema.ts";
import { readProfileFile, type ProfileFile } from "../../config/profile-file.ts";
import { durationMs, fraction } from "../../config/schema.ts";
import { didYouMean } from "../../config/suggest.ts";
import { usageError } from "../../errors.ts";
import { parseMaxBlast } from "../../faults/guard/index.ts";
import { faultNamed } from "../../faults/index.ts";
import { faultSummaries } from "../../faults/names.ts";
import { dayNames, isTimeZone, parseException, parseHours } from "./calendar.ts";

const positiveDuration = durationMs.refine((ms) => ms > 0, "expected a duration above zero");

/** Text that must parse; it stays as it was written. */
function textOf(parse: (text: string) => unknown, example: string) {
  return z
    .string()
    .superRefine((text, context) => {
      try {
        parse(text);
      } catch (error) {
        context.addIssue({ code: "custom", message: (error as Error).message });
      }
    })
    .describe(`for example ${example}`);
}

const kind = z.strictObject({
  weight: z.number().positive().default(1),
  for: positiveDuration.prefault("30s").describe("how long each lasts"),
  with: z.record(z.string(), z.unknown()).default({}).describe("the fault's own options: {delay: 300ms}"),
});

const kinds = z.record(z.string(), kind).superRefine((all, context) => {
  if (Object.keys(all).length === 0) context.addIssue({ code: "custom", message: "name at least one kind of fault" });
  for (const [name, { with: options }] of Object.entries(all)) {
    const fault = faultNamed(name);
    if (!fault)
      context.addIssue({
        code: "custom",
        path: [name],
        message: `there is no fault "${name}"${didYouMean(name, Object.keys(faultSummaries))}`,
      });
    else if (!fault.reversible)
      context.addIssue({ code: "custom", path: [name], message: `${name} cannot be undone, and the monkey asks nobody` });
    else
      for (const { path, message } of fault.options.safeParse(options).error?.issues ?? [])
        context.addIssue({ code: "custom", path: [name, "with", ...path], message });
  }
});

/** What `profiles/monkey/*.yaml` hold. */
export const monkeySchema = z.strictObject({
  $schema: z.string().optional(),
  description: z.string().optional(),
  seed: z.number().int().default(1),
  timeZone: z
    .string()
    .refine(isTimeZone, { error: "expected an IANA time zone such as Europe/Vienna" })
    .default("UTC")
    .describe("IANA name of the zone whose clocks count"),
  hours: textOf(parseHours, "09:00-17:00").default("09:00-17:00"),
  days: z.array(z.enum(dayNames)).min(1).default(["mon", "tue", "wed", "thu", "fri"]),
  except: z
    .array(textOf(parseException, "12-24..01-02"))
    .default([])
    .describe("dates on which it does nothing, both ends included"),
  every: positiveDuration.prefault("30m").describe("time is cut into such intervals, and each draws once"),
  probability: fraction.prefault("20%").describe("of a fault in one interval"),
  minBetween: durationMs.prefault("1h").describe("from the end of one fault to the begin of the next"),
  faults: kinds,
  nodes: z.array(z.string()).min(1).optional().describe("the only ones it may touch; default: all"),
  spare: z.array(z.string()).default([]).describe("nodes that it never touches"),
  maxBlast: textOf(parseMaxBlast, "34%").optional().describe("nodes that faults may act on at once"),
  stopIf: z
    .array(z.string())
    .optional()
    .describe("what ends it: errors>1%, p99>200ms, objectives; default: objectives, where there are any"),
  stopCommand: z.string().optional(),
});
export type MonkeyProfile = z.output<typeof monkeySchema>;

export function monkeyJsonSchema(): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(monkeySchema, { io: "input" }) as JsonSchema;
  return { $schema, title: "ragctl chaos monkey profile", ...rest };
}

/** Reads a profile: by path, else by the name of a shipped one. @throws RagctlError exit 2 with every problem */
export async function readMonkeyProfile(cwd: string, wanted: string): Promise<ProfileFile<MonkeyProfile>> {
  return await readProfileFile(cwd, wanted, { kind: "monkey", schema: monkeySchema, jsonSchema: monkeyJsonSchema });
}

/** The profile with what the command line says otherwise. @throws RagctlError exit 2 for a time zone that is none */
export function withOverrides(
  profile: MonkeyProfile,
  { seed = profile.seed, timeZone = profile.timeZone }: { seed?: number | undefined; timeZone?: string | undefined },
): MonkeyProfile {
  if (!isTimeZone(timeZone))
    throw usageError([{ path: "--time-zone", message: `expected an IANA time zone such as Europe/Vienna, got "${timeZone}"` }]);
  return { ...profile, seed, timeZone };
}
