import { markup, type Content, type Markup } from "./markup.ts";

/** @param columns headers; one that begins with `>` is for numbers, at the right */
export function htmlTable(columns: readonly string[], rows: readonly (readonly Content[])[]): Markup {
  const number = columns.map((column) => column.startsWith(">"));
  const cell = (content: Content, index: number) =>
    number[index] ? markup`<td class="n">${content}</td>` : markup`<td>${content}</td>`;
  const header = columns.some((column) => column !== "")
    ? markup`<thead><tr>${columns.map((column) => (column.startsWith(">") ? markup`<th class="n">${column.slice(1)}</th>` : markup`<th>${column}</th>`))}</tr></thead>`
    : undefined;
  return markup`<div class="table"><table>${header}<tbody>
${rows.map((row) => markup`<tr>${row.map(cell)}</tr>\n`)}</tbody></table></div>`;
}

/** @param lead one sentence that says what to see */
export function section(id: string, title: string, lead: Content, body: Content): Markup {
  return markup`<section id="${id}"><h2>${title}</h2>${lead !== undefined && lead !== "" && markup`<p class="lead">${typeof lead === "string" ? unbroken(lead) : lead}</p>`}
${body}
</section>`;
}

/** A figure and its unit stay on one line. */
function unbroken(text: string): string {
  return text.replaceAll(/(\d) (µs|ms|s|m|h|%)(?![a-z])/g, "$1\u00a0$2");
}

export function legend(entries: readonly { name: Content; tone: string }[]): Markup {
  return markup`<ul class="legend">${entries.map(({ name, tone }) => markup`<li><i class="${tone}"></i>${name}</li>`)}</ul>`;
}
