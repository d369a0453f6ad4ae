// Home: the people I help, and what waits for me.

import type { View } from './core.ts';
import { ago, t, when } from './i18n.ts';
import { Busy, Button, Name, Screen, useTask } from './parts.tsx';

export type Go = (place: Place) => void;
export type Place =
  | { at: 'home' } | { at: 'card' } | { at: 'restore' } | { at: 'link' } | { at: 'scan' } | { at: 'safe' } | { at: 'files' }
  | { at: 'owner'; id: string } | { at: 'leave'; id: string } | { at: 'device'; id: string } | { at: 'drill'; id: string } | { at: 'draft' };

type Props = {
  view: View | null; go: Go; look: () => Promise<void>; notes: string[]; unreachable: boolean;
  openRequest: (id: string) => void; waiting: boolean;
};

export function Home({ view, go, look, notes, unreachable, openRequest, waiting }: Props) {
  const { busy, run } = useTask();
  if (!view) return <Nobody go={go} waiting={waiting} />;
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
      {view.forFiles > 0 && <Button kind="main" onClick={() => go({ at: 'files' })}>{t('home.forFiles')}</Button>}
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
      <Button kind="plain" onClick={() => go({ at: 'files' })}>{t('home.files')}</Button>
      <Button kind="plain" onClick={() => go({ at: 'safe' })}>{t('home.safe')}</Button>
    </Screen>
  );
}

const nameOf = (view: View, id: string | null) => view.owners.find((owner) => owner.id === id)?.name ?? '';

function Nobody({ go, waiting }: { go: Go; waiting: boolean }) {
  return (
    <Screen title="nobody.title">
      <p>{t('nobody.what')}</p>
      {waiting && <Button kind="main" onClick={() => go({ at: 'draft' })}>{t('home.goOn')}</Button>}
      <Button kind={waiting ? 'second' : 'main'} onClick={() => go({ at: 'link' })}>{t('home.link')}</Button>
      <Button onClick={() => go({ at: 'restore' })}>{t('nobody.restore')}</Button>
      <Button kind="plain" onClick={() => go({ at: 'safe' })}>{t('home.safe')}</Button>
    </Screen>
  );
}
