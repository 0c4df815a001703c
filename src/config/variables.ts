/** `${VAR}` and `${VAR:-default}` in every string of a config. */

export interface Expansion {
  value: unknown;
  problems: { path: PropertyKey[]; message: string }[];
  /** Where something came from the environment: such values are never quoted in messages. */
  expandedPaths: PropertyKey[][];
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * A deep copy of `value` with its variables filled in; keys are left alone. As in a shell, `:-` also stands in for a
 * variable that is empty, and `$${` is a literal `${`. Each variable that is missing is a problem that names it.
 */
export function expandVariables(value: unknown, env: Env): Expansion {
  const result: Expansion = { value: undefined, problems: [], expandedPaths: [] };
  const walk = (node: unknown, path: PropertyKey[]): unknown => {
    if (typeof node === "string") {
      const { text, problems, used } = expandText(node, env);
      for (const message of problems) result.problems.push({ path, message });
      if (used) result.expandedPaths.push(path);
      return text;
    }
    if (Array.isArray(node)) return node.map((each, index) => walk(each, [...path, index]));
    if (typeof node === "object" && node !== null && Object.getPrototypeOf(node) === Object.prototype)
      return Object.fromEntries(Object.entries(node).map(([key, each]) => [key, walk(each, [...path, key])]));
    return node;
  };
  result.value = walk(value, []);
  return result;
}

/** One string. What cannot be expanded stays as it was, so that the schema does not complain a second time about a gap. */
export function expandText(text: string, env: Env): { text: string; problems: string[]; used: boolean } {
  const problems: string[] = [];
  let used = false;
  const expanded = text.replaceAll(
    /\$\$\{|\$\{([^}]*)(\}?)/g,
    (whole: string, body: string | undefined, close: string | undefined) => {
      if (whole === "$${") return "${";
      if (!close) {
        problems.push(`"${whole.slice(0, 20)}" lacks its closing brace; write $\${ for a literal one`);
        return whole;
      }
      const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(body ?? "");
      if (!match || match[2]?.includes("${")) {
        problems.push(`"${whole}" is not a variable: expected \${NAME} or \${NAME:-default}; write $\${ for a literal one`);
        return whole;
      }
      const name = match[1]!;
      const fallback = match[2];
      const value = env[name];
      used = true;
      if (value !== undefined && (value !== "" || fallback === undefined)) return value;
      if (fallback !== undefined) return fallback;
      problems.push(`the environment variable ${name} is not set; set it, or give a default: \${${name}:-…}`);
      return whole;
    },
  );
  return { text: expanded, problems, used };
}
