// Screens that nobody sees first: one file, loaded once the first screen is there.

export { Card, Restore } from './card.tsx';
export { HowSafe, Leave, NewDevice, PasteLink, Person, Rehearse } from './person.tsx';
export { checkScanned, Request } from './request.tsx';
export { Scan } from './scan.tsx';
