export function chaosHtml(_input: unknown): string { return ""; }
