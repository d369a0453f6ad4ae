// Where the person is: a draft they are in the middle of, or a place of the page.

import { type ComponentChildren, render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Failure, type Happened, prepare, type View } from './core.ts';
import { Home, type Place } from './home.tsx';
import { type Key, type Lang, language, setLanguage, t } from './i18n.ts';
import { Invite } from './invite.tsx';
import { boxOf, sync } from './net.ts';
import { Button, Problem, Screen } from './parts.tsx';
import { act, ask, beginDraft, type Draft, draft as keptDraft, hasHome, keptLanguage, keepLanguage, onChange, setDraft } from './store.ts';

/** How often an open page looks for news, in milliseconds. */
const LOOK = 30_000;
/** When the other screens are loaded, in milliseconds after the first one. */
const NEXT = 500;
/** When the worker begins to keep the page, in milliseconds after its first screen. */
const WORKER = 1_000;

type Later = typeof import('./later.ts');

/** The screens that are loaded later, once they are there. */
let screens: Later | undefined;

async function later(): Promise<Later> {
  screens ??= await import('./later.ts');
  return screens;
}

/** Takes the link out of the address bar and out of the history. It is kept encrypted until it is done with. */
function takeLink(): string | null {
  if (location.hash.length < 2) return null;
  const link = location.origin + location.pathname + location.hash;
  history.replaceState(null, '', location.pathname + location.search);
  return link;
}

/** The link this page was opened with, taken before anything else happens. */
const opened = takeLink();

const TOLD: Record<string, Key> = {
  stored: 'told.stored', stopped: 'told.stopped', released: 'told.released', deleted: 'told.deleted',
  drill: 'told.drill', refused: 'told.refused', moved: 'told.moved', claimed: 'told.claimed',
};

function App() {
  const [ready, setReady] = useState(false);
  const [broken, setBroken] = useState<string | null>(null);
  const [view, setView] = useState<View | null>(null);
  const [draft, setDraftState] = useState<Draft | null>(null);
  const [place, go] = useState<Place>({ at: 'home' });
  const [notes, setNotes] = useState<string[]>([]);
  const [unreachable, setUnreachable] = useState(false);
  const [lang, setLang] = useState<Lang>(language());

  const refresh = async () => {
    const fresh = (await hasHome()) ? await act('view', 'view') : null;
    setView(fresh);
    return fresh;
  };
  const save = async (next: Draft | null) => setDraftState(await setDraft(draft, next));
  const home = async () => {
    await refresh();
    go({ at: 'home' });
  };
  const tell = (events: Happened[]) => {
    const said = events.flatMap(({ what, owner }) => {
      const key = TOLD[what];
      return key && owner ? [t(key, { owner })] : [];
    });
    if (said.length > 0) setNotes(said);
  };
  const look = async () => {
    if (document.hidden || !(await hasHome())) return;
    const { events, dead } = await sync();
    tell(events);
    setUnreachable(dead.length > 0);
    await refresh();
  };
  /** Begins with a link, read off a screen or not. What the link is for is all that happens here. */
  const open = async (text: string, camera: boolean) => {
    const link = await ask({ link: { text } }, 'link');
    const fields: Record<string, string> = { kind: link.kind, ...(camera ? { camera: 'yes' } : {}) };
    setDraftState(await beginDraft({ link: text, step: '', fields }));
    go({ at: 'draft' });
  };
  /** A code that was read while a request is open: it has to be the code of a request, and of the new device's screen. */
  const scanned = async (text: string) => {
    const link = await ask({ link: { text } }, 'link');
    const owner = draft?.fields['owner'];
    if (!owner) return open(text, true);
    (await later()).checkScanned(link);
    const boxed = await boxOf({ ...draft, link: text });
    const { request } = await act({ openRequest: { link: text, boxed, owner } }, 'opened');
    await save({ link: text, step: 'say', fields: { ...draft.fields, request, scanned: 'yes' } });
    await refresh();
    go({ at: 'draft' });
    return undefined;
  };
  const openRequest = async (id: string) => {
    const owner = view?.requests.find((request) => request.id === id)?.owner ?? '';
    setDraftState(await beginDraft({ link: '', step: '', fields: { kind: 'request', request: id, owner } }));
    go({ at: 'draft' });
  };

  useEffect(() => {
    const begin = async () => {
      const chosen = await keptLanguage();
      if (chosen) await choose(chosen);
      await refresh();
      setDraftState(await keptDraft());
      if (opened) await open(opened, false);
      else if (location.pathname.match(/\/[ir]$/) && (await keptDraft())) go({ at: 'draft' });
    };
    begin()
      .catch((error: unknown) => setBroken(error instanceof Failure ? error.code : 'internal'))
      .finally(() => {
        setReady(true);
        // What comes next must not take the line from the first screen. A look at the mail comes after it.
        setTimeout(() => void later().catch(() => undefined).then(listen), NEXT);
        setTimeout(registerWorker, WORKER);
      });
    const listen = () => void look().catch(() => undefined);
    const timer = setInterval(listen, LOOK);
    const arrived = () => {
      const link = takeLink();
      if (link) void open(link, false).catch((error: Failure) => setBroken(error.code));
    };
    window.addEventListener('hashchange', arrived);
    window.addEventListener('online', listen);
    document.addEventListener('visibilitychange', listen);
    onChange(() => void refresh().catch(() => undefined));
    return () => clearInterval(timer);
  }, []);

  const choose = async (next: Lang) => {
    await setLanguage(next);
    setLang(next);
  };
  /** What is shown is kept already; a browser that keeps nothing shows it all the same. */
  const switchTo = async (next: Lang) => {
    await keepLanguage(next).catch(() => undefined);
    await choose(next);
  };
  if (!ready) return <p class="busy" role="status">{t('oneMoment')}</p>;
  return (
    <>
      <header>
        <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.querySelector('h1')?.focus(); }}>{t('skip')}</a>
        <span class="brand">recovery</span>
        <button type="button" class="link" lang={lang === 'en' ? 'de' : 'en'}
          onClick={() => void switchTo(lang === 'en' ? 'de' : 'en').catch(() => setBroken('page-incomplete'))}>
          {lang === 'en' ? 'Deutsch' : 'English'}
        </button>
      </header>
      {broken ? <Broken code={broken} clear={() => { setBroken(null); go({ at: 'home' }); }} /> : screen()}
    </>
  );

  function screen() {
    const owner = 'id' in place ? view?.owners.find((owner) => owner.id === place.id) : undefined;
    const drill = place.at === 'drill' ? view?.drills.find((drill) => drill.id === place.id) : undefined;
    const drillOwner = drill && view?.owners.find((owner) => owner.id === drill.owner);
    const back = () => go(draft?.fields['request'] ? { at: 'draft' } : { at: 'home' });
    const show = (find: (screens: Later) => ComponentChildren) => <WhenLoaded show={find} />;
    if (place.at === 'draft' && draft?.fields['kind'] === 'invite') {
      return (
        <Invite key={draft.link} draft={draft} save={save} done={home} card={() => void refresh().then(() => go({ at: 'card' }))}
          file={(took) => show(({ TakeBox }) => <TakeBox link={draft.link} took={took} />)} />
      );
    }
    if (place.at === 'draft' && draft && !view) return <NotHere go={go} />;
    if (place.at === 'draft' && draft && view) {
      return show(({ Request }) => (
        <Request key={draft.fields['request'] ?? draft.link} draft={draft} view={view} save={save} refresh={refresh} done={home}
          scan={() => go({ at: 'scan' })} />
      ));
    }
    if (place.at === 'card' && view) return show(({ Card }) => <Card view={view} go={go} refresh={refresh} />);
    if (place.at === 'restore') return show(({ Restore }) => <Restore go={go} refresh={refresh} />);
    if (place.at === 'link') return show(({ PasteLink }) => <PasteLink go={go} open={(text) => open(text, false)} />);
    if (place.at === 'scan') return show(({ Scan }) => <Scan found={scanned} back={back} />);
    if (place.at === 'files' && view) return show(({ Files }) => <Files view={view} go={go} refresh={refresh} tell={tell} />);
    if (place.at === 'safe') return show(({ HowSafe }) => <HowSafe go={go} />);
    if (place.at === 'owner' && owner) return show(({ Person }) => <Person owner={owner} go={go} />);
    if (place.at === 'device' && owner) return show(({ NewDevice }) => <NewDevice owner={owner} go={go} refresh={refresh} />);
    if (place.at === 'leave' && owner) return show(({ Leave }) => <Leave owner={owner} go={go} refresh={refresh} />);
    if (drill && drillOwner) {
      return show(({ Rehearse }) => <Rehearse drill={drill} owner={drillOwner} go={go} refresh={refresh} />);
    }
    const waiting = draft !== null && !view?.requests.some((request) => request.id === draft.fields['request']);
    return (
      <Home view={view} go={go} look={look} notes={notes} unreachable={unreachable} waiting={waiting}
        openRequest={(id) => void openRequest(id)} />
    );
  }
}

/** A screen of those that are loaded later. */
function WhenLoaded({ show }: { show: (screens: Later) => ComponentChildren }) {
  const [, setLoaded] = useState(false);
  const [broken, setBroken] = useState(false);
  useEffect(() => { later().then(() => setLoaded(true), () => setBroken(true)); }, []);
  if (screens) return <>{show(screens)}</>;
  if (!broken) return <p class="busy" role="status">{t('oneMoment')}</p>;
  return (
    <Screen title="broken.title">
      <Problem code="page-incomplete" />
      <Button kind="main" onClick={() => location.reload()}>{t('again')}</Button>
    </Screen>
  );
}

/** A request in a browser that holds nothing: the home is elsewhere, or was forgotten. */
function NotHere({ go }: { go: (place: Place) => void }) {
  return (
    <Screen title="whose.none">
      <p>{t('whose.noneWhy')}</p>
      <Button kind="main" onClick={() => go({ at: 'restore' })}>{t('nobody.restore')}</Button>
      <Button onClick={() => go({ at: 'home' })}>{t('toHome')}</Button>
    </Screen>
  );
}

function Broken({ code, clear }: { code: string; clear: () => void }) {
  return (
    <Screen title="broken.title">
      <Problem code={code} />
      <Button kind="main" onClick={clear}>{t('toHome')}</Button>
      <Button onClick={() => location.reload()}>{t('again')}</Button>
    </Screen>
  );
}

/** The page opens without its relay afterwards; not from a file, which needs no such thing. */
function registerWorker(): void {
  if (globalThis.CORE_WASM || !('serviceWorker' in navigator)) return;
  const types = (globalThis as { trustedTypes?: { createPolicy: (name: string, rules: object) => { createScriptURL: (url: string) => string } } }).trustedTypes;
  const policy = types?.createPolicy('sw', { createScriptURL: (url: string) => url });
  const url = policy ? policy.createScriptURL('sw.js') : 'sw.js';
  navigator.serviceWorker.register(url).catch(() => undefined);
}

async function begin(): Promise<void> {
  prepare();
  const root = document.getElementById('app');
  if (!root) return;
  try {
    await setLanguage(language());
    render(<App />, root);
  } catch {
    // Without words there is one sentence.
    root.textContent = 'A part of this page could not be loaded. Look at your connection and load it again.';
  }
}

void begin();
