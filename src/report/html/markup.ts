/** Text that is HTML already. Only `markup` makes it, so that nothing gets into a page unescaped. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text;
  }
}

export type Content = string | number | Markup | undefined | null | false | readonly Content[];

/** A template of HTML or SVG: what is put into it is escaped, unless it was made by this very function. */
export function markup(strings: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(strings.map((string, index) => string + (index < contents.length ? textOf(contents[index]) : "")).join(""));
}

function textOf(content: Content): string {
  if (content === undefined || content === null || content === false) return "";
  if (content instanceof Markup) return content.text;
  if (Array.isArray(content)) return content.map(textOf).join("");
  return escapeHtml(String(content));
}

/** For text between tags, and for attributes in quotes of either kind. */
function escapeHtml(text: string): string {
  return (
    text
      .toWellFormed()
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("'", "&#39;")
      // oxlint-disable-next-line no-control-regex -- HTML has no place for them
      .replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F]/g, "\uFFFD")
  );
}
