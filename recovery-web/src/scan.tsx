// Reading the code off another screen, by camera or from a photo.

import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from './i18n.ts';
import { Button, Problem, Screen } from './parts.tsx';

/** Loaded when it is needed: most people never scan. */
const decoder = () => import('./qr.ts');

export function Scan({ found, back }: { found: (text: string) => Promise<void>; back: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [code, setCode] = useState<string | null>(null);
  const took = async (text: string | null) => {
    if (text) await found(text).catch((error: { code?: string }) => setCode(error.code ?? 'scan-nothing'));
    return text !== null;
  };
  useEffect(() => {
    let stream: MediaStream | undefined;
    let stopped = false;
    const watch = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      const screen = video.current;
      if (!screen || stopped) return;
      screen.srcObject = stream;
      await screen.play();
      const { readCode } = await decoder();
      while (!stopped && !(await took(readCode(screen, screen.videoWidth, screen.videoHeight)))) {
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    };
    watch().catch(() => setCode('scan-camera'));
    return () => {
      stopped = true;
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, []);
  const photo = async (file: File | undefined) => {
    if (!file) return;
    const { readCode } = await decoder();
    const picture = await createImageBitmap(file).catch(() => null);
    const text = picture && readCode(picture, picture.width, picture.height);
    if (!(await took(text))) setCode('scan-nothing');
  };
  return (
    <Screen title="scan.title">
      <p>{t('scan.how')}</p>
      <video ref={video} muted playsInline aria-label={t('scan.camera')} />
      <Problem code={code} />
      <label class="field">
        <span>{t('scan.photo')}</span>
        <input type="file" accept="image/*" onChange={(event) => void photo(event.currentTarget.files?.[0])} />
      </label>
      <Button onClick={back}>{t('back')}</Button>
    </Screen>
  );
}
