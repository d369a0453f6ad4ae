// Words: flat JSON for each language, the same keys in all; of those that the first screens need only the language that is
// read is loaded, the others come with their screens. What others wrote goes in as text, made harmless.

import type en from './words/en.json';
import type later from './words/later-en.json';

type Early = Record<keyof typeof en, string>;
type Later = Record<keyof typeof later, string>;
export type Key = keyof Early | keyof Later;
export type Lang = 'en' | 'de';
type Words = Early & Later;

const LOAD: Record<Lang, () => Promise<{ default: Early }>> = {
  en: () => import('./words/en.json', { with: { type: 'json' } }),
  de: () => import('./words/de.json', { with: { type: 'json' } }),
};

let lang: Lang = [...navigator.languages].map((tag) => tag.slice(0, 2)).find((tag) => tag in LOAD) as Lang ?? 'en';
let words = {} as Words;
let laterWords: Record<Lang, Later> | undefined;

export const language = (): Lang => lang;

/** To be called once before anything is said. If the words can't be loaded, the language stays as it is. */
export async function setLanguage(next: Lang): Promise<void> {
  const early = (await LOAD[next]()).default;
  lang = next;
  words = { ...early, ...laterWords?.[next] } as Words;
  document.documentElement.lang = next;
}

/** The words of the screens that are loaded later; to be called before any of these is shown. */
export function addWords(all: Record<Lang, Later>): void {
  laterWords = all;
  words = { ...words, ...all[lang] };
}

/** Left to right isolates, so that a name never changes what stands around it. */
const isolate = (text: string) => `\u2068${clean(text)}\u2069`;

export function t(key: Key, fill: Record<string, string | number> = {}): string {
  return words[key].replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = fill[name];
    return typeof value === 'number' ? String(value) : isolate(value ?? '');
  });
}

/** The sentence for what is wrong. */
export function failure(code: string): string {
  const key = `error.${code}`;
  return key in words ? words[key as Key] : words['error.internal'];
}

/** A stranger's text, fit to be shown: one line, no control or direction characters. */
export function clean(text: string): string {
  return text
    .replace(/[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

export function when(seconds: number): string {
  const date = new Date(seconds * 1000);
  // The reader's own way to write dates, where it is one of this language.
  const locale = navigator.languages.find((tag) => tag.startsWith(lang)) ?? lang;
  return new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(date);
}

/** "3 hours ago", "just now". */
export function ago(seconds: number): string {
  const passed = Math.max(0, Math.floor(Date.now() / 1000) - seconds);
  const format = new Intl.RelativeTimeFormat(lang, { numeric: 'auto' });
  if (passed < 60) return t('justNow');
  if (passed < 3600) return format.format(-Math.floor(passed / 60), 'minute');
  if (passed < 86_400) return format.format(-Math.floor(passed / 3600), 'hour');
  return format.format(-Math.floor(passed / 86_400), 'day');
}
