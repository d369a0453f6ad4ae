// Without a server: what would lie there travels as files that people hand each other.

import { useState } from 'preact/hooks';
import { Failure, type Happened, type View } from './core.ts';
import type { Go } from './home.tsx';
import { clean, t } from './i18n.ts';
import { Busy, Button, Problem, Screen, useTask } from './parts.tsx';
import { act, ask, hasHome } from './store.ts';

const toBase64 = (octets: Uint8Array) => btoa(Array.from(octets, (octet) => String.fromCharCode(octet)).join(''));

/** Longest file that is read, in octets. */
const LONGEST = 24 * 1024 * 1024;

/** A file that somebody sent: chosen, or its text pasted. */
function Came({ take, label }: { take: (text: string) => Promise<unknown>; label: string }) {
  const [text, setText] = useState('');
  const [file, setFile] = useState<File | null>(null);
  const { busy, code, run } = useTask();
  const read = () => run(async () => {
    if (file && file.size > LONGEST) throw new Failure('file-damaged');
    await take(file ? await file.text() : text);
  });
  return (
    <>
      <label class="field">
        <span>{t('files.file')}</span>
        <input type="file" onChange={(event) => setFile(event.currentTarget.files?.[0] ?? null)} />
      </label>
      <label class="field">
        <span>{t('files.paste')}</span>
        <textarea rows={3} autocomplete="off" autocapitalize="none" spellcheck={false} value={text}
          onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <Busy busy={busy} />
      <Problem code={code} />
      <Button disabled={busy || (!file && !clean(text))} onClick={read}>{label}</Button>
    </>
  );
}

/** The file that came with a link, where no server has what belongs to it. Something else for this friend may be in it too. */
export function TakeBox({ link, took }: { link: string; took: (box: string) => Promise<unknown> }) {
  const take = async (text: string) => {
    const box = await ask({ boxed: { link, file: text } }, 'file');
    if (await hasHome()) await act({ takeFile: { file: text } }, 'took');
    await took(toBase64(box));
  };
  return (
    <section aria-label={t('files.title')}>
      <p>{t('files.withLink')}</p>
      <Came take={take} label={t('files.take')} />
    </section>
  );
}

/** Text that goes to somebody by any way: to be copied, or saved as a file. */
export function HandOver({ text, name, label, why }: { text: string; name: string; label: string; why: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true), () => undefined);
  const save = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  return (
    <>
      <label class="field">
        <span>{label}</span>
        <small>{why}</small>
        <textarea rows={6} readOnly value={text} onFocus={(event) => event.currentTarget.select()} />
      </label>
      <Button onClick={save}>{t('files.save')}</Button>
      <Button onClick={copy}>{t('files.copy')}</Button>
      <p class="busy" role="status">{copied ? t('files.copied') : ''}</p>
    </>
  );
}

/** Takes in a file, and gives one out. */
export function Files({ view, go, refresh, tell }: {
  view: View; go: Go; refresh: () => Promise<View | null>; tell: (events: Happened[]) => void;
}) {
  const [text, setText] = useState('');
  const { busy, code, run } = useTask();
  const take = async (file: string) => {
    const { events } = await act({ takeFile: { file } }, 'took');
    tell(events);
    const fresh = await refresh();
    if (!fresh || fresh.forFiles === 0) go({ at: 'home' });
  };
  const give = () => run(async () => {
    setText(new TextDecoder().decode(await act('giveFile', 'file')));
    await refresh();
  });
  return (
    <Screen title="files.title">
      <p>{t('files.why')}</p>
      <h2>{t('files.giveTitle')}</h2>
      {view.forFiles > 0 && <p class="note">{t('home.forFiles')}</p>}
      <Problem code={code} />
      {!text && <Button kind={view.forFiles > 0 ? 'main' : 'second'} disabled={busy} onClick={give}>{t('files.give')}</Button>}
      {text && <HandOver text={text} name="recovery-messages.txt" label={t('files.text')} why={t('files.textWhy')} />}
      <h2>{t('files.takeTitle')}</h2>
      <Came take={take} label={t('files.take')} />
      <Button onClick={() => go({ at: 'home' })}>{t('toHome')}</Button>
    </Screen>
  );
}
