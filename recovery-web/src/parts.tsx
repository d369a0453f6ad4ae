// What every screen is made of.

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { clean, failure, type Key, t } from './i18n.ts';
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
  children: ComponentChildren; kind?: 'main' | 'second' | 'danger' | 'plain'; onClick: () => unknown; disabled?: boolean;
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
