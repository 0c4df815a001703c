import { dirname } from "node:path";
import { readProfileFile, shippedProfileNames, type ProfileFile } from "../../config/profile-file.ts";
import { readProfile } from "../../load/profile/read.ts";
import type { Profile } from "../../load/profile/schema.ts";
import { experimentJsonSchema, experimentSchema, type Experiment } from "./schema.ts";

/** An experiment with the load profile that it names. */
export interface ReadExperiment extends ProfileFile<Experiment> {
  load: { name: string; file: string; shownFile: string; profile: Profile };
}

/** What results say of the experiment that was made, or would be. */
export function describeExperiment({ name, shownFile, profile: { description, seed } }: ReadExperiment) {
  return { name, file: shownFile, ...(description !== undefined && { description }), seed };
}

/** Names of the experiments that come with ragctl. */
export function shippedExperiments(): string[] {
  return shippedProfileNames("chaos");
}

/**
 * Reads an experiment: by path (YAML, JSON, or a module's default export), else by the name of a shipped one; and the load that it names.
 * @throws RagctlError exit 2 with every problem: file, line, path, what was expected
 */
export async function readExperiment(cwd: string, wanted: string): Promise<ReadExperiment> {
  const found = await readProfileFile(cwd, wanted, { kind: "chaos", schema: experimentSchema, jsonSchema: experimentJsonSchema });
  const { load } = found.profile;
  if (typeof load !== "string")
    return { ...found, load: { name: found.name, file: found.file, shownFile: found.shownFile, profile: load } };
  // Beside the experiment; a shipped one goes by its name from anywhere.
  return { ...found, load: await readProfile(dirname(found.file), load) };
}
