import { readProfileFile, shippedProfileNames, type ProfileFile } from "../../config/profile-file.ts";
import { profileJsonSchema, profileSchema, type Profile } from "./schema.ts";

export type ReadProfile = Omit<ProfileFile<Profile>, "lineOf">;

/** Names of the profiles that come with ragctl. */
export function shippedProfiles(): string[] {
  return shippedProfileNames("load");
}

/**
 * Reads a load profile: by path (YAML, JSON, or a module's default export), else by the name of a shipped one.
 * @throws RagctlError exit 2 with every problem: file, line, path, what was expected
 */
export async function readProfile(cwd: string, wanted: string): Promise<ReadProfile> {
  return await readProfileFile(cwd, wanted, { kind: "load", schema: profileSchema, jsonSchema: profileJsonSchema });
}
