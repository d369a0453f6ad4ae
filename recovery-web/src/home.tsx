// Home: the people I help, what waits for me, the key card, and how safe all of this is.

import { useState } from 'preact/hooks';
import { type Drill, type Owner, Failure, type View } from './core.ts';
import { ago, clean, t, when } from './i18n.ts';
import { sync } from './net.ts';
import { Busy, Button, Digits, Field, Name, Problem, Screen, useTask } from './parts.tsx';
import { act } from './store.ts';

export type Go = (place: Place) => void;
export type Place =
  | { at: 'home' } | { at: 'card' } | { at: 'restore' } | { at: 'link' } | { at: 'scan' } | { at: 'safe' }
  | { at: 'owner'; id: string } | { at: 'leave'; id: string } | { at: 'device'; id: string } | { at: 'drill'; id: string } | { at: 'draft' };

type Props = {
  view: View | null; go: Go; look: () => Promise<void>; notes: string[]; unreachable: boolean;
  openRequest: (id: string) => void; waiting: boolean;
};

export function Home({ view, go, look, notes, unreachable, openRequest, waiting }: Props) {
  const { busy, run } = useTask();
  if (!view) return <Nobody go={go} />;
  const drills = view.drills.filter((drill) => !drill.over && view.owners.some((owner) => owner.id === drill.owner));
  const open = view.requests.filter((request) => request.state === 'open' || request.releaseAt !== null);
  return (
    <Screen title="home.title">
      <div role="status">
        {notes.map((note) => <p key={note} class="note">{note}</p>)}
        {unreachable && <p class="problem">{t('home.unreachable')}</p>}
        {!unreachable && view.queued > 0 && <p class="note">{t('home.queued')}</p>}
      </div>
      {view.cardKept === null && view.owners.length > 0 && (
        <p class="problem">{t('home.noCard')} <button type="button" class="link" onClick={() => go({ at: 'card' })}>{t('home.card')}</button></p>
      )}
      {waiting && <Button kind="main" onClick={() => go({ at: 'draft' })}>{t('home.goOn')}</Button>}
      {open.map((request) => (
        <Button key={request.id} kind="main" onClick={() => openRequest(request.id)}>
          {request.releaseAt !== null
            ? t('home.held', { owner: nameOf(view, request.owner), when: when(request.releaseAt) })
            : t('home.asks', { owner: nameOf(view, request.owner) })}
        </Button>
      ))}
      {view.owners.filter((owner) => owner.claimed).map((owner) => (
        <Button key={owner.id} kind="main" onClick={() => go({ at: 'device', id: owner.id })}>
          {t('home.device', { owner: owner.name })}
        </Button>
      ))}
      {drills.map((drill) => (
        <Button key={drill.id} kind="main" onClick={() => go({ at: 'drill', id: drill.id })}>
          {t('home.drill', { owner: nameOf(view, drill.owner) })}
        </Button>
      ))}
      <h2>{t('home.people')}</h2>
      {view.owners.length === 0 && <p>{t('home.nobody')}</p>}
      <ul class="people">
        {view.owners.map((owner) => (
          <li key={owner.id}>
            <button type="button" class="second" onClick={() => go({ at: 'owner', id: owner.id })}>
              <Name>{owner.name}</Name>
              <small>{owner.holds ? t('home.holds', { ago: ago(owner.proved ?? owner.stored ?? owner.seen) }) : t('home.waits')}</small>
            </button>
          </li>
        ))}
      </ul>
      <Busy busy={busy} />
      <Button disabled={busy} onClick={() => run(look)}>{t('home.look')}</Button>
      <Button onClick={() => go({ at: 'link' })}>{t('home.link')}</Button>
      <Button onClick={() => go({ at: 'card' })}>{t('home.card')}</Button>
      <Button kind="plain" onClick={() => go({ at: 'safe' })}>{t('home.safe')}</Button>
    </Screen>
  );
}

const nameOf = (view: View, id: string | null) => view.owners.find((owner) => owner.id === id)?.name ?? '';

function Nobody({ go }: { go: Go }) {
  return (
    <Screen title="nobody.title">
      <p>{t('nobody.what')}</p>
      <Button kind="main" onClick={() => go({ at: 'link' })}>{t('home.link')}</Button>
      <Button onClick={() => go({ at: 'restore' })}>{t('nobody.restore')}</Button>
      <Button kind="plain" onClick={() => go({ at: 'safe' })}>{t('home.safe')}</Button>
    </Screen>
  );
}

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
