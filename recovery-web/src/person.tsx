// One of the people I help, their new device, a rehearsal; a link that came as text; how safe all of this is.

import { useState } from 'preact/hooks';
import { type Drill, Failure, type Owner, type View } from './core.ts';
import { Digits } from './digits.tsx';
import type { Go } from './home.tsx';
import { clean, t, when } from './i18n.ts';
import { sync } from './net.ts';
import { Busy, Button, Field, Name, Problem, Screen, useTask } from './parts.tsx';
import { act } from './store.ts';

export function Person({ owner, go }: { owner: Owner; go: Go }) {
  return (
    <Screen title="person.title" fill={{ owner: owner.name }}>
      <p>{owner.holds ? t('person.holds', { owner: owner.name }) : t('person.waits', { owner: owner.name })}</p>
      <dl>
        {owner.stored !== null && <><dt>{t('person.stored')}</dt><dd>{when(owner.stored)}</dd></>}
        {owner.proved !== null && <><dt>{t('person.proved')}</dt><dd>{when(owner.proved)}</dd></>}
        {owner.way && <><dt>{t('reach.way')}</dt><dd><Name>{owner.way}</Name></dd></>}
        {owner.second && <><dt>{t('reach.second')}</dt><dd><Name>{owner.second}</Name></dd></>}
        {owner.question && <><dt>{t('person.question')}</dt><dd><Name>{owner.question}</Name></dd></>}
      </dl>
      <Button kind="main" onClick={() => go({ at: 'home' })}>{t('toHome')}</Button>
      <Button kind="danger" onClick={() => go({ at: 'leave', id: owner.id })}>{t('leave.do', { owner: owner.name })}</Button>
    </Screen>
  );
}

export function Leave({ owner, go, refresh }: { owner: Owner; go: Go; refresh: () => Promise<View | null> }) {
  const { busy, code, run } = useTask();
  const leave = () => run(async () => {
    await act({ leave: { owner: owner.id } }, 'view');
    await sync();
    await refresh();
    go({ at: 'home' });
  });
  return (
    <Screen title="leave.title" fill={{ owner: owner.name }}>
      <p>{t('leave.what', { owner: owner.name })}</p>
      <Busy busy={busy} />
      <Problem code={code} />
      <Button kind="danger" disabled={busy} onClick={leave}>{t('leave.sure')}</Button>
      <Button onClick={() => go({ at: 'owner', id: owner.id })}>{t('back')}</Button>
    </Screen>
  );
}

/** Somebody says to have a new device of the owner's: only the number tells. */
export function NewDevice({ owner, go, refresh }: { owner: Owner; go: Go; refresh: () => Promise<View | null> }) {
  const [digits, setDigits] = useState<string[]>(['', '', '', '', '']);
  const { busy, code, run } = useTask();
  const check = () => run(async () => {
    await act({ verify: { owner: owner.id, number: digits.join('') } }, 'view');
    await sync();
    await refresh();
    go({ at: 'home' });
  });
  return (
    <Screen title="device.title" fill={{ owner: owner.name }}>
      <p>{t('device.how', { owner: owner.name })}</p>
      <Digits value={digits} onInput={setDigits} />
      <Busy busy={busy} />
      <Problem code={code} />
      <Button kind="main" disabled={busy || digits.join('').length < 15} onClick={check}>{t('number.check')}</Button>
      <Button onClick={() => go({ at: 'home' })}>{t('notNow')}</Button>
    </Screen>
  );
}

/** The rehearsal (S11): the same number, and nothing leaves. */
export function Rehearse({ drill, owner, go, refresh }: {
  drill: Drill; owner: Owner; go: Go; refresh: () => Promise<View | null>;
}) {
  const [digits, setDigits] = useState<string[]>(['', '', '', '', '']);
  const [wrong, setWrong] = useState(0);
  const [done, setDone] = useState(false);
  const { busy, code, run } = useTask();
  const check = () => run(async () => {
    setWrong(0);
    const tried = await act({ drill: { drill: drill.id, number: digits.join('') } }, 'tried');
    setDigits(['', '', '', '', '']);
    setWrong(tried.triesLeft);
    if (tried.outcome === 'burnt') throw new Failure('drill-over');
    if (tried.outcome === 'right') setDone(true);
    await sync();
    if (tried.outcome !== 'right') await refresh();
  });
  if (done) {
    return (
      <Screen title="drill.done">
        <p>{t('drill.doneWhy', { owner: owner.name })}</p>
        <Button kind="main" onClick={async () => { await refresh(); go({ at: 'home' }); }}>{t('drill.happy')}</Button>
        <Button onClick={() => go({ at: 'leave', id: owner.id })}>{t('leave.do', { owner: owner.name })}</Button>
      </Screen>
    );
  }
  return (
    <Screen title="drill.title" fill={{ owner: owner.name }}>
      <p>{t('drill.how', { owner: owner.name })}</p>
      <Digits value={digits} onInput={setDigits} />
      <Busy busy={busy} />
      <Problem code={code} />
      <div role="alert">{wrong > 0 && <p class="problem">{t('number.wrong', { n: wrong })}</p>}</div>
      <Button kind="main" disabled={busy || digits.join('').length < 15} onClick={check}>{t('number.check')}</Button>
      <Button onClick={() => go({ at: 'home' })}>{t('notNow')}</Button>
    </Screen>
  );
}

/** A link that came as text, in a message or on paper. */
export function PasteLink({ go, open }: { go: Go; open: (text: string) => Promise<void> }) {
  const [text, setText] = useState('');
  const { busy, code, run } = useTask();
  return (
    <Screen title="link.title">
      <p>{t('link.how')}</p>
      <Field label={t('link.label')} value={text} onInput={setText} />
      <Busy busy={busy} />
      <Problem code={code} />
      <Button kind="main" disabled={busy || !clean(text)} onClick={() => run(() => open(text.trim()))}>{t('next')}</Button>
      <Button onClick={() => go({ at: 'scan' })}>{t('number.scan')}</Button>
      <Button onClick={() => go({ at: 'home' })}>{t('back')}</Button>
    </Screen>
  );
}

export function HowSafe({ go }: { go: Go }) {
  return (
    <Screen title="safe.title">
      <h2>{t('safe.cantTitle')}</h2>
      <p>{t('safe.cant')}</p>
      <h2>{t('safe.canTitle')}</h2>
      <p>{t('safe.can')}</p>
      <h2>{t('safe.doTitle')}</h2>
      <p>{t('safe.do')}</p>
      <p><a href="page.html" download>{t('safe.file')}</a></p>
      <h2>{t('safe.keptTitle')}</h2>
      <p>{t('safe.kept')}</p>
      <Button kind="main" onClick={() => go({ at: 'home' })}>{t('back')}</Button>
    </Screen>
  );
}
