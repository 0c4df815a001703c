import { existsSync, readdirSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import type { z } from "zod";
import { usageError, type Problem } from "../errors.ts";
import { packageRoot } from "../version.ts";
import { describeIssues, type Finding } from "./issues.ts";
import type { JsonSchema } from "./json-schema.ts";
import { readSource, shownPath } from "./load.ts";
import { dotted } from "./source-text.ts";
import { didYouMean } from "./suggest.ts";

/** A kind of profile: shipped ones lie in `profiles/KIND/`, and `schemas/KIND-profile.json` describes them. */
export interface ProfileKind<S extends z.ZodType> {
  kind: "load" | "chaos" | "monkey";
  schema: S;
  jsonSchema: () => JsonSchema;
}

export interface ProfileFile<P> {
  /** The shipped profile's name, or the file as it was given. */
  name: string;
  /** Absolute. */
  file: string;
  /** As messages show it. */
  shownFile: string;
  profile: P;
  /** The line (from 1) of the deepest part of `path` that the file has; undefined for modules. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

/** Names of the profiles of a kind that come with ragctl. */
export function shippedProfileNames(kind: ProfileKind<z.ZodType>["kind"]): string[] {
  const dir = shippedDir(kind);
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((file) => extname(file) === ".yaml")
    .map((file) => file.slice(0, -".yaml".length))
    .toSorted();
}

/**
 * Reads a profile: by path (YAML, JSON, or a module's default export), else by the name of a shipped one.
 * @throws RagctlError exit 2 with every problem: file, line, path, what was expected
 */
export async function readProfileFile<S extends z.ZodType>(
  cwd: string,
  wanted: string,
  { kind, schema, jsonSchema }: ProfileKind<S>,
): Promise<ProfileFile<z.output<S>>> {
  const file = findProfile(cwd, wanted, kind);
  const shownFile = shownPath(cwd, file);
  const source = await readSource(file);
  const failed = (problems: Problem[]) =>
    usageError(problems, {
      code: "profile-invalid",
      hint: `schemas/${kind}-profile.json describes every key; profiles/${kind}/ has examples.`,
    });
  if (source.problems.length > 0) throw failed(source.problems.map((problem) => Object.assign(problem, { file: shownFile })));
  const result = schema.safeParse(source.value ?? {});
  if (!result.success) {
    const findings = describeIssues(result.error.issues, source.value, () => true, jsonSchema());
    const problems = findings.map((finding) => asProblem(finding, shownFile, source.lineOf(finding.path)));
    throw failed(problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  }
  return { name: wanted, file, shownFile, profile: result.data, lineOf: (path) => source.lineOf(path) };
}

function asProblem({ path, message }: Finding, file: string, line: number | undefined): Problem {
  return { file, ...(line !== undefined && { line }), ...(path.length > 0 && { path: dotted(path) }), message };
}

function shippedDir(kind: string): string {
  return join(packageRoot, "profiles", kind);
}

function findProfile(cwd: string, wanted: string, kind: ProfileKind<z.ZodType>["kind"]): string {
  const path = resolve(cwd, wanted);
  if (existsSync(path)) return path;
  const names = shippedProfileNames(kind);
  if (names.includes(wanted)) return join(shippedDir(kind), `${wanted}.yaml`);
  // As the documentation names them: profiles/load/mixed.yaml.
  const shipped = new RegExp(`^(?:\\./)?profiles/${kind}/([\\w-]+)\\.yaml$`).exec(wanted)?.[1];
  if (shipped !== undefined && names.includes(shipped)) return join(shippedDir(kind), `${shipped}.yaml`);
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
