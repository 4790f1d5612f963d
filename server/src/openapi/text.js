// Shows Markdown as the reference uses it: paragraphs, lists, tables, code, headings and links. Texts are only
// ever set as text, so nothing in them can become part of the page.

/** Creates an element with these properties and children. */
export function element(name, properties = {}, ...children) {
  const created = Object.assign(document.createElement(name), properties);
  created.append(...children);
  return created;
}

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|\[([^\]]+)\]\(([^)]+)\)/g;

/** Code, emphasis and links within a line. */
function inline(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [all, code, strong, emphasis, label, target] = match;
    parts.push(text.slice(end, match.index));
    if (code) parts.push(element('code', {}, code));
    else if (strong) parts.push(element('strong', {}, strong));
    else if (emphasis) parts.push(element('em', {}, emphasis));
    else parts.push(element('a', { href: address(target) }, ...inline(label)));
    end = match.index + all.length;
  }
  return [...parts, text.slice(end)];
}

/** Links between the documents are relative to their folder. */
function address(target) {
  return target.startsWith('#') ? target : `/docs/${target}`;
}

function cells(line, name) {
  const texts = line.split('|').slice(1, -1);
  return element('tr', {}, ...texts.map((text) => element(name, {}, ...inline(text.trim()))));
}

function table([head, , ...rows]) {
  const body = rows.map((row) => cells(row, 'td'));
  const whole = element('table', {}, element('thead', {}, cells(head, 'th')), element('tbody', {}, ...body));
  return element('div', { className: 'wide' }, whole);
}

function list(lines) {
  const items = lines.join('\n').split(/^- /m).slice(1);
  return element('ul', {}, ...items.map((item) => element('li', {}, ...inline(item.replace(/\s+/g, ' ')))));
}

function block(text) {
  const lines = text.split('\n');
  if (text.startsWith('```')) return element('pre', {}, lines.slice(1, -1).join('\n'));
  if (text.startsWith('### ')) return element('h3', {}, ...inline(text.slice(4)));
  if (text.startsWith('|')) return table(lines);
  if (text.startsWith('- ')) return list(lines);
  return element('p', {}, ...inline(lines.join(' ')));
}

/** The elements for a text of several paragraphs. */
export function markdown(text) {
  const blocks = text.split(/\n{2,}/).filter(Boolean);
  return blocks.map((paragraph) => block(paragraph.trim()));
}
