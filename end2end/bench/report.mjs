// What was measured, as a Markdown table and as a chart.

const DIGITS = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });
export const whole = (number) => DIGITS.format(number);
export const ms = (number) => `${number.toFixed(number < 10 ? 2 : 0)} ms`;

/** Rows: { work, figure, goal?, of? }; `of` is how much of its goal a figure reaches, 1 and more being good. */
export class Report {
  rows = [];

  add(work, figure, goal = '', of = undefined) {
    this.rows.push({ work, figure, goal, of });
    const mark = of === undefined ? '' : of >= 1 ? '  (reached)' : '  (MISSED)';
    console.error(`  ${work}: ${figure}${goal && `, wanted: ${goal}`}${mark}`);
  }

  markdown(machine) {
    const lines = [`| measured on ${machine} | | wanted |`, '|---|---|---|'];
    for (const { work, figure, goal, of } of this.rows) {
      lines.push(`| ${work} | ${figure} | ${goal}${of === undefined ? '' : of >= 1 ? ' ✓' : ' ✗ missed'} |`);
    }
    return `${lines.join('\n')}\n`;
  }

  /** Bars of how much of its goal each figure reaches; the line is the goal. */
  svg() {
    const rows = this.rows.filter((row) => row.of !== undefined);
    const [width, label, line, top] = [860, 400, 30, 44];
    const height = top + rows.length * line + 16;
    const scale = (of) => Math.min(of, 2) * 200;
    const bars = rows.map(({ work, figure, of }, number) => {
      const y = top + number * line;
      return (
        `<text x="${label - 12}" y="${y + 15}" text-anchor="end">${escape(work)}</text>` +
        `<rect x="${label}" y="${y + 2}" width="${scale(of).toFixed(1)}" height="18" rx="3" class="${of >= 1 ? 'good' : 'bad'}"/>` +
        `<text x="${label + 8}" y="${y + 15}" class="in">${escape(figure)}</text>`
      );
    });
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="How much of its goal each figure reaches">
<style>
svg { background: #fff } text { font: 13px system-ui, sans-serif; fill: #1c2330 } .in { fill: #fff; font-weight: 600 }
.head { fill: #5b6577 } .good { fill: #2f6f4f } .bad { fill: #a8442f } line { stroke: #1c2330; stroke-dasharray: 4 4 }
@media (prefers-color-scheme: dark) { svg { background: #12161d } text { fill: #e4e8ef } .head { fill: #9aa4b5 } line { stroke: #e4e8ef } }
</style>
<text x="${label + 200}" y="22" text-anchor="middle" class="head">the goal</text>
<text x="${label + 400}" y="22" text-anchor="middle" class="head">twice as good, or better</text>
${bars.join('\n')}
<line x1="${label + 200}" y1="30" x2="${label + 200}" y2="${height - 8}"/>
</svg>
`;
  }
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
