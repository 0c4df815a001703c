import { markup, type Content } from "./markup.ts";
import { script } from "./script.ts";
import { style } from "./style.ts";

/** A whole document that loads nothing: its policy forbids the browser every request. */
export function page(title: string, body: Content): string {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
  return `${
    markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
${body}
</main>
<div id="tip"></div>
<script>${script}</script>
</body>
</html>`.text
  }\n`;
}
