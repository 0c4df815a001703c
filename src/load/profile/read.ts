import { existsSync, readdirSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { describeIssues, type Finding } from "../../config/issues.ts";
import { readSource, shownPath } from "../../config/load.ts";
import { dotted } from "../../config/source-text.ts";
import { didYouMean } from "../../config/suggest.ts";
import { usageError, type Problem } from "../../errors.ts";
import { packageRoot } from "../../version.ts";
import { profileJsonSchema, profileSchema, type Profile } from "./schema.ts";

export interface ReadProfile {
  /** The shipped profile's name, or the file as messages show it. */
  name: string;
  /** Absolute. */
  file: string;
  shownFile: string;
  profile: Profile;
}

const shippedDir = join(packageRoot, "profiles", "load");

/** Names of the profiles that come with ragctl. */
export function shippedProfiles(): string[] {
  if (!existsSync(shippedDir)) return [];
  return readdirSync(shippedDir)
    .filter((file) => extname(file) === ".yaml")
    .map((file) => file.slice(0, -".yaml".length))
    .toSorted();
}

/**
 * Reads a profile: by path (YAML, JSON, or a module's default export), else by the name of a shipped one.
 * @throws RagctlError exit 2 with every problem: file, line, path, what was expected
 */
export async function readProfile(cwd: string, wanted: string): Promise<ReadProfile> {
  const file = findProfile(cwd, wanted);
  const shownFile = shownPath(cwd, file);
  const source = await readSource(file);
  const failed = (problems: Problem[]) =>
    usageError(problems, {
      code: "profile-invalid",
      hint: "schemas/load-profile.json describes every key; profiles/load/ has examples.",
    });
  if (source.problems.length > 0) throw failed(source.problems.map((problem) => Object.assign(problem, { file: shownFile })));
  const result = profileSchema.safeParse(source.value ?? {});
  if (!result.success) {
    const findings = describeIssues(result.error.issues, source.value, () => true, profileJsonSchema());
    const problems = findings.map((finding) => asProblem(finding, shownFile, source.lineOf(finding.path)));
    throw failed(problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  }
  return { name: wanted, file, shownFile, profile: result.data };
}

function asProblem({ path, message }: Finding, file: string, line: number | undefined): Problem {
  return { file, ...(line !== undefined && { line }), ...(path.length > 0 && { path: dotted(path) }), message };
}

function findProfile(cwd: string, wanted: string): string {
  const path = resolve(cwd, wanted);
  if (existsSync(path)) return path;
  const names = shippedProfiles();
  if (names.includes(wanted)) return join(shippedDir, `${wanted}.yaml`);
  // As the documentation names them: profiles/load/mixed.yaml.
  const shipped = /^(?:\.\/)?profiles\/load\/([\w-]+)\.yaml$/.exec(wanted)?.[1];
  if (shipped !== undefined && names.includes(shipped)) return join(shippedDir, `${shipped}.yaml`);
  const isName = /^[\w-]+$/.test(wanted);
  throw usageError(
    [
      {
        path: "PROFILE",
        message: isName ? `there is no profile "${wanted}"${didYouMean(wanted, names)}` : `there is no file ${wanted}`,
      },
    ],
    { code: "profile-unknown", hint: `Shipped are ${names.join(", ")}; or give a path.` },
  );
}
