// Digits that are typed, and seconds that pass.

import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from './i18n.ts';

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

/** "1:02:03" or "02:03". */
function countdown(seconds: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}
