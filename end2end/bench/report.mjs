// What was measured, as a Markdown table and as a chart.

const DIGITS = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });
export const whole = (number) => DIGITS.format(number);
export const seconds = (number) => `${(number / 1000).toFixed(2)} s`;
export const ms = (number) => `${number.toFixed(number < 10 ? 2 : 0)} ms`;

/** How long the bar of a figure is that just reaches its goal. */
const GOAL = 410;

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
    const [width, left, line, top] = [860, 16, 48, 40];
    const height = top + rows.length * line;
    const scale = (of) => Math.min(of, 2) * GOAL;
    const bars = rows.map(({ work, figure, of }, number) => {
      const y = top + number * line;
      return (
        `<text x="${left}" y="${y + 10}">${escape(work)}<tspan class="figure">  ${escape(figure)}</tspan></text>` +
        `<rect x="${left}" y="${y + 18}" width="${scale(of).toFixed(1)}" height="12" rx="3" class="${of >= 1 ? 'good' : 'bad'}"/>`
      );
    });
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="How much of its goal each figure reaches">
<style>
svg { background: #fff } text { font: 13px system-ui, sans-serif; fill: #1c2330; white-space: pre } .figure { fill: #5b6577 }
.head { fill: #5b6577 } .good { fill: #2f6f4f } .bad { fill: #a8442f } line { stroke: #1c2330; stroke-dasharray: 4 4 }
@media (prefers-color-scheme: dark) {
svg { background: #12161d } text { fill: #e4e8ef } .figure, .head { fill: #9aa4b5 } .good { fill: #5fb08a } .bad { fill: #e08a72 } line { stroke: #e4e8ef } }
</style>
<text x="${left + GOAL}" y="20" text-anchor="middle" class="head">the goal</text>
<text x="${left + 2 * GOAL}" y="20" text-anchor="end" class="head">twice as good, or better</text>
${bars.join('\n')}
<line x1="${left + GOAL}" y1="28" x2="${left + GOAL}" y2="${height - 8}"/>
</svg>
`;
  }
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
