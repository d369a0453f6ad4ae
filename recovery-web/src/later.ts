// Screens that nobody sees first, with their words in every language, and what is done besides: one file, loaded once the
// first screen is there.

import { addWords } from './i18n.ts';
import './mail.ts';
import de from './words/later-de.json' with { type: 'json' };
import en from './words/later-en.json' with { type: 'json' };

addWords({ en, de });

export { Card, Restore } from './card.tsx';
export { Files, TakeBox } from './files.tsx';
export { HowSafe, Leave, NewDevice, PasteLink, Person, Rehearse } from './person.tsx';
export { checkScanned, Request } from './request.tsx';
export { Scan } from './scan.tsx';
