// Accepting an invite (S0): what it means, how to reach the owner, the number to compare, and keeping the key safe.

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Failure } from './core.ts';
import { t } from './i18n.ts';
import { boxOf, sync, wantsFile } from './net.ts';
import { Busy, Button, Field, Problem, Screen, useTask } from './parts.tsx';
import { act, ask, type Draft, hasHome, persist } from './store.ts';

type Props = {
  draft: Draft; save: (draft: Draft | null) => Promise<void>; done: () => Promise<void>; card: () => void;
  /** Where the file that came with the link is taken in. */
  file: (took: (box: string) => Promise<void>) => ComponentChildren;
};

async function invitation(draft: Draft): Promise<Uint8Array> {
  const boxed = await boxOf(draft);
  if (!boxed) throw new Failure('invite-used');
  return boxed;
}

export function Invite(props: Props) {
  switch (props.draft.step) {
    case 'reach': return <ReachThem {...props} />;
    case 'name': return <YourName {...props} />;
    case 'number': return <Compare {...props} />;
    default: return <Welcome {...props} />;
  }
}

/** What is asked, before anything is said to anybody. */
function Welcome({ draft, save, done, file }: Props) {
  const [owner, setOwner] = useState(draft.fields['owner'] ?? '');
  const { busy, code, run } = useTask();
  const look = () => run(async () => {
    const invite = await ask({ invite: { link: draft.link, boxed: await invitation(draft) } }, 'invite');
    setOwner(invite.name);
  });
  const { box } = draft.fields;
  useEffect(() => { void look(); }, [box]);
  if (!owner) {
    return (
      <Screen title="invite.title">
        <Busy busy={busy} />
        <Problem code={code} />
        {wantsFile(code) && file((box) => save({ ...draft, fields: { ...draft.fields, box } }))}
        {code && <Button kind="main" onClick={look}>{t('again')}</Button>}
        {code && <Button onClick={async () => { await save(null); await done(); }}>{t('toHome')}</Button>}
      </Screen>
    );
  }
  const yes = () => save({ ...draft, step: 'reach', fields: { ...draft.fields, owner } });
  return (
    <Screen title="invite.asks" fill={{ owner }}>
      <p>{t('invite.piece', { owner })}</p>
      <p>{t('invite.duty')}</p>
      <p class="note">{t('invite.nothingYet', { owner })}</p>
      <p>{t('invite.expected', { owner })}</p>
      <Button kind="main" onClick={yes}>{t('invite.yes')}</Button>
      <Button onClick={async () => { await save(null); await done(); }}>{t('invite.no')}</Button>
    </Screen>
  );
}

/** What the friend knows, kept here alone. */
function ReachThem({ draft, save }: Props) {
  const owner = draft.fields['owner'] ?? '';
  const [fields, setFields] = useState(draft.fields);
  const set = (name: string) => (value: string) => setFields({ ...fields, [name]: value });
  const next = async () => save({ ...draft, step: 'name', fields });
  return (
    <Screen title="reach.title" fill={{ owner }}>
      <p>{t('reach.why', { owner })}</p>
      <Field label={t('reach.way')} hint={t('reach.wayHint')} value={fields['way'] ?? ''} onInput={set('way')} />
      <Field label={t('reach.second')} hint={t('reach.secondHint')} value={fields['second'] ?? ''} onInput={set('second')} />
      <Field label={t('reach.question', { owner })} hint={t('reach.questionHint')} value={fields['question'] ?? ''}
        onInput={set('question')} />
      <p class="note">{t('reach.stays')}</p>
      <Button kind="main" onClick={next}>{t('next')}</Button>
      <Button onClick={() => save({ ...draft, step: 'welcome', fields })}>{t('back')}</Button>
    </Screen>
  );
}

function YourName({ draft, save }: Props) {
  const [name, setName] = useState(draft.fields['name'] ?? '');
  const [known, setKnown] = useState(false);
  const { busy, code, run } = useTask();
  const owner = draft.fields['owner'] ?? '';
  useEffect(() => { void hasHome().then(setKnown); }, []);
  const accept = () => run(async () => {
    const { way = '', second = '', question = '' } = draft.fields;
    const boxed = await invitation(draft);
    if (!(await hasHome())) await act({ create: { name } }, 'view');
    const accepted = await act({ accept: { link: draft.link, boxed, reach: { way, second, question } } }, 'pairing');
    await persist();
    await save({ ...draft, step: 'number', fields: { ...draft.fields, name, id: accepted.owner } });
  });
  return (
    <Screen title={known ? 'accept.title' : 'name.title'} fill={{ owner }}>
      {!known && <p>{t('name.why', { owner })}</p>}
      {!known && <Field label={t('name.label')} value={name} onInput={setName} autocomplete="name" />}
      {known && <p>{t('accept.known', { owner })}</p>}
      <Busy busy={busy} />
      <Problem code={code} />
      <Button kind="main" disabled={busy} onClick={accept}>{t('accept.do', { owner })}</Button>
      <Button onClick={() => save({ ...draft, step: 'reach' })}>{t('back')}</Button>
    </Screen>
  );
}

/** The enrolment number. The answer is on its way while people compare. */
function Compare({ draft, save, card }: Props) {
  const owner = draft.fields['owner'] ?? '';
  const [number, setNumber] = useState('');
  const [waits, setWaits] = useState(false);
  const { busy, code, run } = useTask();
  const show = () => run(async () => {
    setNumber((await act({ pairing: { owner: draft.fields['id'] ?? '' } }, 'pairing')).number);
    setWaits((await sync()).dead.length > 0);
  });
  useEffect(() => { void show(); }, []);
  return (
    <Screen title="compare.title" fill={{ owner }}>
      <p>{t('compare.how', { owner })}</p>
      <p class="number" aria-label={t('compare.number')}>{number}</p>
      <p>{t('compare.wrong', { owner })}</p>
      <Busy busy={busy} />
      <Problem code={code ?? (waits ? 'waits' : null)} />
      {waits && <Button disabled={busy} onClick={show}>{t('again')}</Button>}
      <Button kind="main" disabled={!number} onClick={async () => { await save(null); card(); }}>{t('compare.done')}</Button>
    </Screen>
  );
}
