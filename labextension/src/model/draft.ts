// What is being written to the agent: the text, what it mentions, its pictures; prompts that came
// back while something else was being written; and what the composer answers.
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { ImagePart, Mention } from '../protocol/types';
import { mentionsIn, unambiguous } from './mentions';
import type { PromptContent } from './prompt-content';

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

  get images(): readonly ImagePart[] {
    return this._images;
  }

  /** All that would be sent. */
  get content(): PromptContent {
    const { text, mentions, images } = this;
    return { text, mentions, images };
  }

  get isEmpty(): boolean {
    return this._text.trim() === '' && this._images.length === 0;
  }

  /** Prompts that came back and have no place in the field yet. */
  get kept(): readonly PromptContent[] {
    return this._kept;
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

  attach(images: readonly ImagePart[]): void {
    this._images = [...this._images, ...images];
    this._changed.emit();
  }

  detach(image: ImagePart): void {
    this._images = this._images.filter(one => one !== image);
    this._changed.emit();
  }

  /** Have a prompt written on: at once when the field is free, else it is kept beside it. */
  offer(content: PromptContent): void {
    if (this.isEmpty) {
      this.put(content);
    } else {
      this._kept = [...this._kept, content];
      this._changed.emit();
    }
  }

  /** Bring a kept prompt into the field; what is written there takes its place. */
  bringBack(content: PromptContent): void {
    const instead = this.isEmpty ? [] : [this.content];
    this._kept = this._kept.flatMap(one => (one === content ? instead : [one]));
    this.put(content);
  }

  /** Forget a kept prompt. */
  drop(content: PromptContent): void {
    this._kept = this._kept.filter(one => one !== content);
    this._changed.emit();
  }

  say(note: Note | null): void {
    this._note = note;
    this._changed.emit();
  }

  /** Empty the field: its content was sent. */
  clear(): void {
    this.put({ text: '', mentions: [], images: [] });
  }

  private put({ text, mentions, images }: PromptContent): void {
    this.known = [];
    this._images = images;
    this.write(text, mentions, text.length);
  }

  private remember(mention: Mention): Mention {
    const known = unambiguous(mention, this.known);
    if (!this.known.includes(known)) {
      this.known = [...this.known, known];
    }
    return known;
  }

  private _text = '';
  private _images: readonly ImagePart[] = [];
  private _kept: readonly PromptContent[] = [];
  private _note: Note | null = null;
  private caret: number | null = null;
  private known: readonly Mention[] = [];
  private readonly _changed = new Signal<this, void>(this);
}
