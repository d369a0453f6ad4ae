// Finds a QR code in a picture: first in a small copy, which is fast, then in full size.

import decodeQR from 'qr/decode.js';

const SMALL = 1200;

export function readCode(picture: CanvasImageSource, width: number, height: number): string | null {
  if (width === 0 || height === 0) return null;
  const scale = Math.min(1, SMALL / Math.max(width, height));
  return read(picture, width * scale, height * scale) ?? (scale < 1 ? read(picture, width, height) : null);
}

function read(picture: CanvasImageSource, width: number, height: number): string | null {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [Math.round(width), Math.round(height)];
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) return null;
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  try {
    return decodeQR({ width: image.width, height: image.height, data: image.data });
  } catch {
    return null; // No code in this picture.
  }
}
