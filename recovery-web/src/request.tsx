// A request (S2 to S8): who asks, reach them yourself, the red list, the number, the statement, the hold.

import { useEffect, useState } from 'preact/hooks';
import { Failure, type Owner, type Place, type Request as Asked, type View } from './core.ts';
import { Countdown, Digits } from './digits.tsx';
import { HandOver, TakeBox } from './files.tsx';
import { ago, clean, t, when } from './i18n.ts';
import { boxOf, relay, sync, wantsFile } from './net.ts';
import { Busy, Button, Field, Name, Problem, Screen, useTask } from './parts.tsx';
import { act, ask, type Draft } from './store.ts';

/** Whatever lies in these slots; a relay that does not answer stops nothing. */
async function fetchAll(slots: Place[]): Promise<Uint8Array[]> {
  const calls = slots.map((slot) => relay(`${slot.relay}/v1/slots/${slot.id}`, { method: 'GET' }));
  const answers = await Promise.all(calls);
  return answers.filter((answer) => answer.status === 200).map((answer) => answer.body);
}

type Props = {
  draft: Draft; view: View; save: (draft: Draft | null) => Promise<void>; refresh: () => Promise<View | null>;
  done: () => Promise<void>; scan: () => void;
};
type Known = Props & { owner: Owner; asked: Asked };

/** Seconds in which an approval without a delay can be taken back, before anything is sent. */
const GRACE = 10;

export function Request(props: Props) {
  const { draft, view } = props;
  const asked = view.requests.find((request) => request.id === draft.fields['request']);
  // By what the request says: an owner's new device has another id.
  const owner = view.owners.find((owner) => owner.id === asked?.owner);
  if (!asked || !owner) return <WhoseIsIt {...props} />;
  const known = { ...props, asked, owner };
  if (asked.state !== 'open' && !(asked.state === 'stopped' && draft.fields['scanned'])) return <Outcome {...known} />;
  switch (draft.step) {
    case 'call': return <StopAndCall {...known} />;
    case 'sure': return <AreYouSure {...known} />;
    case 'number': return <TypeNumber {...known} />;
    case 'say': return <Statement {...known} />;
    case 'grace': return <Grace {...known} />;
    case 'impostor': return <NotThem {...known} />;
    case 'decline': return <SayNo {...known} />;
    default: return <WhoAsks {...known} />;
  }
}

/** The friend says whom they take it to be from, before the request says whom it claims to be from. */
function WhoseIsIt({ draft, view, save, refresh, done }: Props) {
  const { busy, code, run } = useTask();
  const [chosen, setChosen] = useState<Owner | null>(null);
  const holders = view.owners.filter((owner) => owner.holds);
  const open = (owner: Owner, draft: Draft) => run(async () => {
    setChosen(owner);
    await sync(); // A piece, or a stop, may be waiting.
    const link = await ask({ link: { text: draft.link } }, 'link');
    let missed: unknown; // A request that is known here can be opened without its box.
    const boxed = await boxOf(draft).catch((error: unknown) => { missed = error; return null; });
    const opened = act({ openRequest: { link: draft.link, boxed, owner: owner.id } }, 'opened');
    const { request } = await opened.catch((error: unknown) => { throw missed ?? error; });
    const warnings = await fetchAll(await act({ alarmSlots: { request } }, 'slots'));
    if (warnings.length > 0) await act({ alarms: { request, found: warnings } }, 'view');
    await refresh();
    // What was sent as a file never counts as read off a screen.
    const met = link.onScreen && draft.fields['camera'] && !draft.fields['box'];
    const scanned: Record<string, string> = met ? { scanned: 'yes' } : {};
    await save({ ...draft, step: 'who', fields: { ...draft.fields, ...scanned, owner: owner.id, request } });
    void sync(); // Tells the owner that somebody asks.
  });
  const took = async (box: string) => {
    const next = { ...draft, fields: { ...draft.fields, box } };
    await save(next);
    await refresh();
    if (chosen) void open(chosen, next);
  };
  if (holders.length === 0) {
    return (
      <Screen title="whose.none">
        <p>{t('whose.noneWhy')}</p>
        <Button kind="main" onClick={async () => { await save(null); await done(); }}>{t('toHome')}</Button>
      </Screen>
    );
  }
  return (
    <Screen title="whose.title">
      <p>{t('whose.why')}</p>
      <p class="note">{t('whose.nothingYet')}</p>
      <Busy busy={busy} />
      <Problem code={code} />
      {chosen && wantsFile(code) && <TakeBox link={draft.link} took={took} />}
      {holders.map((owner) => (
        <Button key={owner.id} kind="main" disabled={busy} onClick={() => open(owner, draft)}><Name>{owner.name}</Name></Button>
      ))}
      <Button onClick={async () => { await save(null); await done(); }}>{t('notNow')}</Button>
    </Screen>
  );
}

/** The way out that every step has. */
function Ways({ draft, save, done, owner }: Known) {
  return (
    <>
      <Button onClick={async () => { await save({ ...draft }); await done(); }}>{t('notNow')}</Button>
      <Button kind="danger" onClick={() => save({ ...draft, step: 'impostor' })}>{t('notThem', { owner: owner.name })}</Button>
    </>
  );
}

function WhoAsks(props: Known) {
  const { asked, owner, draft, save } = props;
  return (
    <Screen title="who.title" fill={{ owner: owner.name }}>
      <dl>
        <dt>{t('who.claims')}</dt>
        <dd><Name>{asked.claims}</Name></dd>
        <dt>{t('who.device')}</dt>
        <dd>{asked.device ? <Name>{asked.device}</Name> : t('who.noDevice')} <small>{t('who.asItSays')}</small></dd>
        <dt>{t('who.asked')}</dt>
        <dd>{ago(asked.made)}</dd>
        <dt>{t('who.known')}</dt>
        <dd>{t('who.seen', { owner: owner.name, ago: ago(owner.seen) })}</dd>
      </dl>
      {asked.alarms.length > 0 && <p class="problem">{t('who.alarm', { when: ago(asked.alarms.at(-1) ?? 0) })}</p>}
      {asked.refusedBefore > 0 && <p class="problem">{t('who.before', { n: asked.refusedBefore })}</p>}
      <p class="note">{t('who.nothingYet', { owner: owner.name })}</p>
      <Button kind="main" onClick={() => save({ ...draft, step: 'call' })}>{t('next')}</Button>
      <Ways {...props} />
    </Screen>
  );
}

function StopAndCall(props: Known) {
  const { owner, draft, save } = props;
  return (
    <Screen title="call.title" fill={{ owner: owner.name }}>
      <p class="big">{t('call.how', { owner: owner.name })}</p>
      <p>{t('call.notFromMessage')}</p>
      {(owner.way || owner.second) && <p>{t('call.wrote')}</p>}
      <ul>
        {owner.way && <li><Name>{owner.way}</Name></li>}
        {owner.second && <li><Name>{owner.second}</Name></li>}
      </ul>
      <Button kind="main" onClick={() => save({ ...draft, step: 'sure' })}>{t('call.reached', { owner: owner.name })}</Button>
      <Ways {...props} />
    </Screen>
  );
}

function AreYouSure(props: Known) {
  const { owner, draft, save } = props;
  const next = draft.fields['scanned'] ? 'say' : 'number';
  return (
    <Screen title="sure.title" fill={{ owner: owner.name }}>
      {owner.question && <p class="big">{t('sure.ask')} <Name>{owner.question}</Name></p>}
      {!owner.question && <p class="big">{t('sure.askAnything', { owner: owner.name })}</p>}
      <h2>{t('sure.stopIf')}</h2>
      <ul class="red">
        <li>{t('sure.hurry')}</li>
        <li>{t('sure.secret')}</li>
        <li>{t('sure.other')}</li>
        <li>{t('sure.readCode')}</li>
      </ul>
      <Button kind="main" onClick={() => save({ ...draft, step: next })}>{t('sure.yes', { owner: owner.name })}</Button>
      <Ways {...props} />
    </Screen>
  );
}

function TypeNumber(props: Known) {
  const { owner, asked, draft, save, refresh, scan } = props;
  const [digits, setDigits] = useState<string[]>(['', '', '', '', '']);
  const [wrong, setWrong] = useState(0);
  const { busy, code, run } = useTask();
  const check = () => run(async () => {
    setWrong(0);
    const tried = await act({ try: { request: asked.id, number: digits.join('') } }, 'tried');
    if (tried.outcome === 'right') return save({ ...draft, step: 'say' }).then(refresh);
    setDigits(['', '', '', '', '']);
    setWrong(tried.triesLeft);
    await refresh();
    void sync();
    return undefined;
  });
  if (asked.checked) return <Statement {...props} />;
  return (
    <Screen title="number.title" fill={{ owner: owner.name }}>
      <p>{t('number.how', { owner: owner.name })}</p>
      <Digits value={digits} onInput={setDigits} />
      <Busy busy={busy} />
      <Problem code={code} />
      <div role="alert">
        {wrong > 0 && <p class="problem">{t('number.wrong', { n: wrong })}</p>}
      </div>
      <Button kind="main" disabled={busy || digits.join('').length < 15} onClick={check}>{t('number.check')}</Button>
      <Button onClick={scan}>{t('number.scan')}</Button>
      <Ways {...props} />
    </Screen>
  );
}

const HOW = ['person', 'video', 'voice'] as const;

/** The name typed: a thing that is not done by habit. */
function Statement(props: Known) {
  const { owner, draft, save } = props;
  const [how, setHow] = useState(draft.fields['how'] ?? '');
  const [name, setName] = useState('');
  const right = clean(name).toLocaleLowerCase() === clean(owner.name).toLocaleLowerCase();
  const next = () => save({ ...draft, step: 'grace', fields: { ...draft.fields, how, said: String(Date.now()) } });
  return (
    <Screen title="say.title" fill={{ owner: owner.name }}>
      <p class="note">{draft.fields['scanned'] ? t('say.scanned', { owner: owner.name }) : t('say.right', { owner: owner.name })}</p>
      <fieldset>
        <legend>{t('say.how', { owner: owner.name })}</legend>
        {HOW.map((way) => (
          <label key={way} class="choice">
            <input type="radio" name="how" checked={how === way} onChange={() => setHow(way)} /> <span>{t(`say.${way}`)}</span>
          </label>
        ))}
      </fieldset>
      <Field label={t('say.type', { owner: owner.name })} value={name} onInput={setName} />
      <p>{owner.delay > 0 ? t('say.delay', { hours: delayText(owner.delay) }) : t('say.noDelay', { n: GRACE })}</p>
      <Button kind="main" disabled={!right || !how} onClick={next}>{t('say.do')}</Button>
      <Ways {...props} />
    </Screen>
  );
}

export function delayText(seconds: number): string {
  if (seconds >= 7200) return t('hours', { n: Math.round(seconds / 3600) });
  return seconds >= 120 ? t('minutes', { n: Math.round(seconds / 60) }) : t('seconds', { n: seconds });
}

/** With a delay the approval is made at once and held back; without one it waits here for a moment. */
function Grace(props: Known) {
  const { owner, asked, draft, save, refresh } = props;
  const { busy, code, run } = useTask();
  // Counted anew after a reload: nothing may go out because nobody looked.
  const [until] = useState(() => Math.floor(Date.now() / 1000) + GRACE);
  const approve = () => run(async () => {
    await sync(); // The last moment to hear that the owner stopped it.
    const scanned = draft.fields['scanned'] ? draft.link : null;
    const overrides = asked.state === 'stopped';
    await act({ approve: { request: asked.id, way: { scanned, overrides, byFile: false } } }, 'approved');
    await save({ ...draft, step: 'after' });
    await refresh();
    await sync();
    await refresh();
  });
  useEffect(() => { if (owner.delay > 0) void approve(); }, []);
  return (
    <Screen title="hold.title" fill={{ owner: owner.name }}>
      {owner.delay === 0 && !busy && !code && <p>{t('grace.soon', { owner: owner.name })}</p>}
      {owner.delay === 0 && !busy && !code && <Countdown until={until} over={() => void approve()} />}
      <Busy busy={busy} />
      <Problem code={code} />
      {code && <Button kind="main" onClick={approve}>{t('again')}</Button>}
      {!busy && <Button kind={code ? 'plain' : 'main'} onClick={() => save({ ...draft, step: 'say' })}>{t('hold.undo')}</Button>}
    </Screen>
  );
}

/** What became of it: held back (S7), out, or closed. */
function Outcome(props: Known) {
  const { owner, asked, draft, save, refresh, done } = props;
  const { busy, code, run } = useTask();
  const undo = () => run(async () => {
    await act({ decline: { request: asked.id, reason: null } }, 'view');
    await refresh();
    await sync();
    await refresh();
  });
  const look = async () => { await sync(); await refresh(); };
  const leave = async () => { await save(null); await done(); };
  if (asked.releaseAt !== null) {
    return (
      <Screen title="hold.title" fill={{ owner: owner.name }}>
        <p class="big">{t('hold.goes', { owner: owner.name, when: when(asked.releaseAt) })}</p>
        <Countdown until={asked.releaseAt} over={() => void look()} />
        <p>{asked.device ? t('hold.device', { device: asked.device }) : t('hold.noDevice')}</p>
        {asked.heldHere && <p class="note">{t('hold.here', { when: when(asked.releaseAt) })}</p>}
        <Busy busy={busy} />
        <Problem code={code} />
        <Button kind="main" disabled={busy} onClick={undo}>{t('hold.undo')}</Button>
        <Button onClick={done}>{t('toHome')}</Button>
        <Button kind="danger" onClick={() => save({ ...draft, step: 'impostor' })}>{t('notThem', { owner: owner.name })}</Button>
      </Screen>
    );
  }
  if (asked.state === 'approved' && draft.fields['box']) return <GiveApproval {...props} leave={leave} />;
  return (
    <Screen title={`after.${asked.state === 'open' ? 'approved' : asked.state}`} fill={{ owner: owner.name }}>
      <p>{t(`after.${asked.state === 'open' ? 'approved' : asked.state}Why`, { owner: owner.name })}</p>
      {asked.state === 'approved' && <p class="note">{t('after.useless')}</p>}
      {asked.state === 'approved' && <ByHand {...props} />}
      {asked.state === 'stopped' && <Button onClick={props.scan}>{t('after.meet')}</Button>}
      <Button kind="main" onClick={leave}>{t('toHome')}</Button>
    </Screen>
  );
}

/** A request that came as a file is answered by one: nothing is on its way before it was handed over. */
function GiveApproval(props: Known & { leave: () => Promise<void> }) {
  const { owner } = props;
  return (
    <Screen title="after.file" fill={{ owner: owner.name }}>
      <p>{t('after.fileWhy', { owner: owner.name })}</p>
      <ByHand {...props} at="once" />
      <p class="note">{t('after.useless')}</p>
      <Button kind="main" onClick={props.leave}>{t('toHome')}</Button>
    </Screen>
  );
}

/** The approval as text, for the day when no server can be reached. It is sealed to the new device. */
function ByHand({ asked, draft, at }: Known & { at?: 'once' }) {
  const [text, setText] = useState('');
  const { busy, code, run } = useTask();
  const make = () => run(async () => {
    const scanned = draft.fields['scanned'] ? draft.link : null;
    const way = { scanned, overrides: false, byFile: true };
    setText((await act({ approve: { request: asked.id, way } }, 'approved')).armored ?? '');
  });
  useEffect(() => { if (at) void make(); }, []);
  if (!text) return <><Problem code={code} /><Button kind="plain" disabled={busy} onClick={make}>{t('after.byHand')}</Button></>;
  return <HandOver text={text} name="recovery-approval.txt" label={t('after.text')} why={t('after.textWhy')} />;
}

function NotThem(props: Known) {
  const { owner, asked, draft, save, refresh } = props;
  const [reason, setReason] = useState('');
  const { busy, code, run } = useTask();
  const report = () => run(async () => {
    await act({ report: { request: asked.id, reason: reason || null } }, 'view');
    await save({ ...draft, step: 'after' });
    await refresh();
    await sync();
    await refresh();
  });
  return (
    <Screen title="impostor.title" fill={{ owner: owner.name }}>
      <p>{t('impostor.what', { owner: owner.name })}</p>
      <Field label={t('impostor.reason')} hint={t('optional')} value={reason} onInput={setReason} />
      <Busy busy={busy} />
      <Problem code={code} />
      <Button kind="danger" disabled={busy} onClick={report}>{t('impostor.do')}</Button>
      <Button onClick={() => save({ ...draft, step: 'decline' })}>{t('impostor.onlyNo')}</Button>
      <Button onClick={() => save({ ...draft, step: 'who' })}>{t('back')}</Button>
    </Screen>
  );
}

function SayNo(props: Known) {
  const { owner, asked, draft, save, refresh } = props;
  const { busy, code, run } = useTask();
  const decline = () => run(async () => {
    await act({ decline: { request: asked.id, reason: null } }, 'view');
    await save({ ...draft, step: 'after' });
    await refresh();
    await sync();
  });
  return (
    <Screen title="decline.title" fill={{ owner: owner.name }}>
      <p>{asked.checked ? t('decline.told', { owner: owner.name }) : t('decline.silent', { owner: owner.name })}</p>
      <Busy busy={busy} />
      <Problem code={code} />
      <Button kind="main" disabled={busy} onClick={decline}>{t('decline.do')}</Button>
      <Button onClick={() => save({ ...draft, step: 'who' })}>{t('back')}</Button>
    </Screen>
  );
}

/** A link that a camera read; a sent one has no third part and never counts. */
export function checkScanned(link: { kind: string; onScreen: boolean }): void {
  if (link.kind !== 'request') throw new Failure('request-wrong-link');
  if (!link.onScreen) throw new Failure('not-scanned');
}
