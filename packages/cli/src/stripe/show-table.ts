/** Rows as columns of text for a terminal; numbers to the right. */
export function showTable(rows: Record<string, string | number | null>[]): string {
  const [first] = rows;
  if (!first) return "Nothing.\n";
  const columns = Object.keys(first).map((name) => {
    const texts = rows.map((row) => String(row[name] ?? ""));
    const width = Math.max(name.length, ...texts.map((text) => text.length));
    const isNumber = rows.every((row) => typeof row[name] === "number");
    const pad = (text: string) => (isNumber ? text.padStart(width) : text.padEnd(width));
    return [name, ...texts].map(pad);
  });
  const lines = ["", ...rows].map((_, index) => columns.map((column) => column[index]).join("  "));
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}
