// Builds the page: `node build.mjs FOLDER [core.wasm]`. The same input gives the same octets.
//
// FOLDER gets home.html, app.js and chunk.js, later.js with the screens that nobody sees first, en.js and de.js with the
// words, qr.js, app.css, icon.svg, core.wasm and sw.js, which the relay serves; page.html, which is all of it in one file; page.html.sha256; and of each a twin that is compressed with Brotli.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import esbuild from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const to = process.argv[2];
if (!to) throw new Error('usage: node build.mjs FOLDER [core.wasm]');
const wasm = readFileSync(process.argv[3] ?? join(here, '../recovery-relay/web-dist/core.wasm'));
const source = (name) => join(here, 'src', name);

const common = {
  bundle: true,
  minify: true,
  write: false,
  target: ['es2022', 'chrome107', 'firefox115', 'safari16'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  charset: 'utf8',
  logLevel: 'warning',
  absWorkingDir: here,
};

/** What esbuild made, by name. */
async function bundle(options) {
  const { outputFiles } = await esbuild.build({ ...common, ...options });
  return Object.fromEntries(outputFiles.map((file) => [file.path.split('/').pop(), file.text]));
}

const sha256 = (octets, form) => createHash('sha256').update(octets).digest(form);

const files = {
  ...(await bundle({
    entryPoints: [source('app.tsx')], format: 'esm', splitting: true, chunkNames: '[name]', outdir: 'out',
  })),
  'app.css': (await esbuild.transform(readFileSync(source('style.css'), 'utf8'), { loader: 'css', minify: true })).code,
  'icon.svg': readFileSync(source('icon.svg'), 'utf8'),
  'home.html': readFileSync(source('index.html'), 'utf8'),
};
const whole = createHash('sha256').update(wasm);
for (const name of Object.keys(files).sort()) whole.update(`${name}\0${files[name]}\0`);
const VERSION = whole.digest('hex').slice(0, 16);
const worker = await bundle({
  entryPoints: [source('sw.ts')], format: 'iife', outdir: 'out', define: { VERSION: JSON.stringify(VERSION) },
});
files['sw.js'] = worker['sw.js'];
files['page.html'] = await singleFile();
files['page.html.sha256'] = `${sha256(files['page.html'], 'hex')}  page.html\n`;

/** Everything in one file. Its own policy names script and style by their hashes. */
async function singleFile() {
  const built = await bundle({
    entryPoints: [source('app.tsx')], format: 'iife', outdir: 'out', define: { 'import.meta.url': '""' },
  });
  const script = `globalThis.CORE_WASM="${wasm.toString('base64')}";${built['app.js']}`.replaceAll('</script', '<\\/script');
  const style = files['app.css'];
  const hash = (text) => `'sha256-${sha256(text, 'base64')}'`;
  const policy = [
    "default-src 'none'", `script-src ${hash(script)} 'wasm-unsafe-eval'`, `style-src ${hash(style)}`, "img-src blob:",
    'connect-src https: http://127.0.0.1:* http://localhost:* http://*.onion', "base-uri 'none'", "form-action 'none'",
    "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].join('; ');
  return files['home.html']
    .replace('<link rel="icon" href="page/icon.svg">\n', '')
    .replace('<meta charset="utf-8">', `<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="${policy}">`)
    .replace('<link rel="stylesheet" href="page/app.css">', () => `<style>${style}</style>`)
    .replace('<link rel="modulepreload" href="page/chunk.js">\n', '')
    .replace('<script type="module" src="page/app.js"></script>\n', '')
    .replace('<div id="app"></div>', () => `<div id="app"></div>\n<script>${script}</script>`);
}

// The relay's table and the worker name these; a chunk that esbuild adds must not be forgotten there.
const expected = 'app.css app.js chunk.js de.js en.js home.html icon.svg later.js page.html page.html.sha256 qr.js sw.js';
if (Object.keys(files).sort().join(' ') !== expected) throw new Error(`other files than ${expected}`);
rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
const compress = (octets) => brotliCompressSync(octets, {
  params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22 },
});
for (const [name, content] of Object.entries({ ...files, 'core.wasm': wasm })) {
  const octets = Buffer.from(content);
  writeFileSync(join(to, name), octets);
  writeFileSync(join(to, `${name}.br`), compress(octets));
}
const first = ['home.html', 'app.js', 'chunk.js', 'de.js', 'app.css', 'core.wasm', 'icon.svg'];
const size = (name) => compress(Buffer.from(name === 'core.wasm' ? wasm : files[name])).length;
console.log(first.map((name) => `${name} ${size(name)}`).join(', '));
console.log(`first load: ${first.reduce((sum, name) => sum + size(name), 0)} octets with Brotli`);
