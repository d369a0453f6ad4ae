// What every screen is made of.

import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { clean, countdown, failure, type Key, t } from './i18n.ts';
import { Failure } from './core.ts';

/** A screen: the heading gets the focus, so that whoever listens hears where they are. */
export function Screen({ title, fill, children }: { title: Key; fill?: Record<string, string>; children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const text = t(title, fill);
  // Before anything is painted: a screen that is seen has the focus.
  useLayoutEffect(() => {
    document.title = text;
    heading.current?.focus();
    window.scrollTo(0, 0);
  }, [text]);
  return (
    <main id="main">
      <h1 ref={heading} tabIndex={-1}>{text}</h1>
      {children}
    </main>
  );
}

/** A name as its owner wrote it, made harmless. */
export function Name({ children }: { children: string }) {
  return <bdi class="name">{clean(children)}</bdi>;
}

export function Button({ children, kind, onClick, disabled }: {
  children: ComponentChildren; kind?: 'main' | 'danger' | 'plain'; onClick: () => unknown; disabled?: boolean;
}) {
  // Not `disabled`: that would take the focus away from whoever has just pressed it.
  const press = () => { if (!disabled) void onClick(); };
  return <button type="button" class={kind ?? 'second'} aria-disabled={disabled ? true : undefined} onClick={press}>{children}</button>;
}

/** What went wrong, said at once by a screen reader. */
export function Problem({ code }: { code: string | null }) {
  return <div role="alert">{code && <p class="problem">{failure(code)}</p>}</div>;
}

export function Field({ label, hint, value, onInput, autocomplete }: {
  label: string; hint?: string; value: string; onInput: (value: string) => void; autocomplete?: 'off' | 'name';
}) {
  return (
    <label class="field">
      <span>{label}</span>
      {hint && <small>{hint}</small>}
      <input type="text" value={value} maxLength={4096} autocomplete={autocomplete ?? 'off'}
        autocapitalize="sentences" spellcheck={false} onInput={(event) => onInput(event.currentTarget.value)} />
    </label>
  );
}

/** Runs something once at a time, and keeps what went wrong. */
export function useTask(): { busy: boolean; code: string | null; run: (task: () => Promise<unknown>) => Promise<void> } {
  const [busy, setBusy] = useState(false);
  const [code, setCode] = useState<string | null>(null);
  const run = async (task: () => Promise<unknown>) => {
    if (busy) return;
    setBusy(true);
    setCode(null);
    try {
      await task();
    } catch (error) {
      setCode(error instanceof Failure ? error.code : 'internal');
    } finally {
      setBusy(false);
    }
  };
  return { busy, code, run };
}

export function Busy({ busy }: { busy: boolean }) {
  return <p class="busy" role="status">{busy ? t('oneMoment') : ''}</p>;
}

const GROUPS = [0, 1, 2, 3, 4];

/** 15 digits in five groups, typed by hand: pasting would let a message stand in for a voice. */
export function Digits({ value, onInput }: { value: string[]; onInput: (value: string[]) => void }) {
  const inputs = useRef<(HTMLInputElement | null)[]>([]);
  const [pasted, setPasted] = useState(false);
  const set = (at: number, text: string) => {
    const digits = text.replace(/\D/g, '').slice(0, 3);
    onInput(GROUPS.map((group) => (group === at ? digits : (value[group] ?? ''))));
    if (digits.length === 3) inputs.current[at + 1]?.focus();
  };
  const refuse = (event: Event) => {
    event.preventDefault();
    setPasted(true);
  };
  return (
    <fieldset class="digits">
      <legend>{t('digits.legend')}</legend>
      <div class="groups">
        {GROUPS.map((at) => (
          <input key={at} ref={(input) => { inputs.current[at] = input; }} value={value[at] ?? ''} maxLength={3}
            inputMode="numeric" autocomplete="off" aria-label={t('digits.group', { n: at + 1 })}
            onPaste={refuse} onDrop={refuse}
            onInput={(event) => set(at, event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Backspace' && !value[at]) inputs.current[at - 1]?.focus();
            }} />
        ))}
      </div>
      <p role="status">{pasted ? t('digits.noPaste') : ''}</p>
    </fieldset>
  );
}

/** Seconds until a time, told each second; `over` is called once. */
export function Countdown({ until, over }: { until: number; over: () => void }) {
  const left = () => Math.max(0, Math.ceil(until - Date.now() / 1000));
  const [seconds, setSeconds] = useState(left());
  const told = useRef(false);
  useEffect(() => {
    const timer = setInterval(() => {
      setSeconds(left());
      if (left() === 0 && !told.current) {
        told.current = true;
        over();
      }
    }, 250);
    return () => clearInterval(timer);
  }, [until]);
  return <p class="countdown" role="timer">{countdown(seconds)}</p>;
}
