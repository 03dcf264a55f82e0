// What is being written to the agent: the text, what it mentions, and what the composer answers.
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { Mention } from '../protocol/types';
import { mentionsIn, unambiguous } from './mentions';

/** What the composer says by itself, to the person alone. `offer` is a text to write instead. */
export interface Note {
  readonly kind: 'info' | 'problem';
  readonly text: string;
  readonly rows?: readonly (readonly [string, string])[];
  readonly offer?: string;
}

export class Draft {
  get text(): string {
    return this._text;
  }

  get note(): Note | null {
    return this._note;
  }

  /** Where the cursor should go, once; null: it stays. */
  takeCaret(): number | null {
    const caret = this.caret;
    this.caret = null;
    return caret;
  }

  /** What the text mentions now. */
  get mentions(): readonly Mention[] {
    return mentionsIn(this._text, this.known);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Replace the text; what it mentioned before is remembered for Undo. */
  write(text: string, mentions: readonly Mention[] = [], caret: number | null = null): void {
    this._text = text;
    this._note = null;
    this.caret = caret;
    mentions.forEach(mention => this.remember(mention));
    this._changed.emit();
  }

  /** Put a mention into the text in place of what stands from `start` to `end`. */
  mention(mention: Mention, start = this._text.length, end = start): void {
    const { label } = this.remember(mention);
    const before = this._text.slice(0, start);
    const after = this._text.slice(end);
    const gap = before === '' || /[\s([{,;]$/.test(before) ? '' : ' ';
    const text = `${before}${gap}${label}${after.startsWith(' ') ? '' : ' '}`;
    this.write(text + after, [], text.length + (after.startsWith(' ') ? 1 : 0));
  }

  say(note: Note | null): void {
    this._note = note;
    this._changed.emit();
  }

  /** Forget everything: it was sent, or carried out. */
  clear(): void {
    this.known = [];
    this.write('');
  }

  private remember(mention: Mention): Mention {
    const known = unambiguous(mention, this.known);
    if (!this.known.includes(known)) {
      this.known = [...this.known, known];
    }
    return known;
  }

  private _text = '';
  private _note: Note | null = null;
  private caret: number | null = null;
  private known: readonly Mention[] = [];
  private readonly _changed = new Signal<this, void>(this);
}
