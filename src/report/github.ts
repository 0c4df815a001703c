/** One remark on a run or on a line of a file, as GitHub Actions shows it. */
export interface Annotation {
  level: "error" | "warning" | "notice";
  title: string;
  message: string;
  file?: string;
  line?: number;
}

/** Workflow commands: `::error file=a.yaml,line=3,title=…::message`, one a line. */
export function githubAnnotations(annotations: readonly Annotation[]): string {
  return annotations
    .map(({ level, title, message, file, line }) => {
      const properties = Object.entries({ file, line, title })
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => `${key}=${escapeProperty(String(value))}`);
      return `::${level} ${properties.join(",")}::${escapeData(message)}\n`;
    })
    .join("");
}

/** As the runner's own toolkit escapes a message. */
function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
