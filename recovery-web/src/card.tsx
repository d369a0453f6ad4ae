// The key card: shown, printed, saved; and the way back from it in another browser.

import { useEffect, useState } from 'preact/hooks';
import { type Answers, Failure, type View } from './core.ts';
import { t } from './i18n.ts';
import { fetchSlot, sync } from './net.ts';
import { Busy, Button, Field, Name, Problem, Screen, useTask } from './parts.tsx';
import { act, ask, persist } from './store.ts';
import type { Go } from './home.tsx';

const FILE = 'recovery-key-card.bin';

export function Card({ view, go, refresh }: { view: View; go: Go; refresh: () => Promise<View | null> }) {
  const [card, setCard] = useState<Answers['card'] | null>(null);
  const { busy, code, run } = useTask();
  useEffect(() => { void run(async () => { setCard(await act('card', 'card')); }); }, []);
  const save = () => run(async () => {
    const octets = (await act('cardFile', 'file')) as Uint8Array<ArrayBuffer>;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([octets]));
    link.download = FILE;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
  const kept = () => run(async () => {
    await act('cardKept', 'view');
    await refresh();
    go({ at: 'home' });
  });
  return (
    <Screen title="card.title">
      <p class="screen">{t('card.why')}</p>
      <section class="card" aria-label={t('card.title')}>
        <p class="print">{t('card.print')}</p>
        <p><Name>{view.name}</Name></p>
        <ol class="words">{(card?.words ?? '').split(' ').filter(Boolean).map((word, at) => <li key={at}>{word}</li>)}</ol>
        <p>{t('card.where')}</p>
        <ul class="plainlist">{(card?.relays ?? []).map((relay) => <li key={relay}>{relay}/home</li>)}</ul>
      </section>
      <p class="screen">{t('card.keep')}</p>
      <Busy busy={busy} />
      <Problem code={code} />
      <Button kind="main" onClick={() => window.print()}>{t('card.doPrint')}</Button>
      <Button disabled={busy} onClick={save}>{t('card.doSave')}</Button>
      <p class="screen">{t('card.saveWhy')}</p>
      <Button kind="main" disabled={busy || !card} onClick={kept}>{t('card.kept')}</Button>
      <Button kind="plain" onClick={() => go({ at: 'home' })}>{t('card.later')}</Button>
    </Screen>
  );
}

export function Restore({ go, refresh }: { go: Go; refresh: () => Promise<View | null> }) {
  const [words, setWords] = useState('');
  const [relay, setRelay] = useState(location.protocol.startsWith('http') ? new URL('.', location.href).href.replace(/\/$/, '') : '');
  const [file, setFile] = useState<File | null>(null);
  const { busy, code, run } = useTask();
  const restore = () => run(async () => {
    const typed = words.trim().toLowerCase().replace(/[\s\d.]+/g, ' ').trim();
    if (file) {
      await act({ openFile: { words: typed, file: new Uint8Array(await file.arrayBuffer()) } }, 'view');
    } else {
      const at = relay.trim().replace(/\/home$/, '');
      const slots = await ask({ cardSlot: { words: typed, relay: at } }, 'slots');
      const boxed = await fetchSlot(slots);
      if (!boxed) throw new Failure('card-nowhere');
      await act({ openCard: { words: typed, boxed } }, 'view');
    }
    await persist();
    await refresh();
    go({ at: 'home' });
    await sync();
    await refresh();
  });
  return (
    <Screen title="restore.title">
      <p>{t('restore.how')}</p>
      <label class="field">
        <span>{t('restore.words')}</span>
        <textarea rows={4} autocomplete="off" autocapitalize="none" spellcheck={false} value={words}
          onInput={(event) => setWords(event.currentTarget.value)} />
      </label>
      <Field label={t('restore.relay')} value={relay} onInput={setRelay} />
      <label class="field">
        <span>{t('restore.file')}</span>
        <small>{t('optional')}</small>
        <input type="file" onChange={(event) => setFile(event.currentTarget.files?.[0] ?? null)} />
      </label>
      <Busy busy={busy} />
      <Problem code={code} />
      <Button kind="main" disabled={busy || !words.trim()} onClick={restore}>{t('restore.do')}</Button>
      <Button onClick={() => go({ at: 'home' })}>{t('back')}</Button>
    </Screen>
  );
}
