// Serves the app: five files, and where the app finds the others.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const { PORT, LATCHKEY_URL, HOME_URL, WORK_URL } = process.env;

const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };

const HEADERS = {
  // Only the app's own scripts run, and they talk only to these three. A text can't become HTML.
  'Content-Security-Policy': [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
    `connect-src ${LATCHKEY_URL} ${HOME_URL} ${WORK_URL}`,
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

const config = Object.entries({ LATCHKEY: LATCHKEY_URL, HOME: HOME_URL, WORK: WORK_URL })
  .map(([name, url]) => `export const ${name} = ${JSON.stringify(url)};\n`);

const files = new Map([['/config.js', config.join('')]]);
for (const name of ['index.html', 'style.css', 'app.js', 'session.js', 'icon.svg']) {
  files.set(`/${name}`, await readFile(new URL(`web/${name}`, import.meta.url)));
}

createServer((request, response) => {
  const path = request.url === '/' ? '/index.html' : request.url;
  const file = files.get(path);
  if (file === undefined) {
    response.writeHead(404).end();
    return;
  }
  const type = TYPES[path.split('.').pop()];
  response.writeHead(200, { ...HEADERS, 'Content-Type': `${type}; charset=utf-8` }).end(file);
}).listen(PORT, '127.0.0.1');
