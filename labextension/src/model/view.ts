// What of the panel is on the screen; commands, notifications and the panel itself change it.
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

/** What the panel shows below its head. */
export type View = 'chat' | 'sessions' | 'providers';

export class PanelView {
  get shown(): View {
    return this._shown;
  }

  /** Whether the panel can be seen, and not another of its side bar or none. */
  get visible(): boolean {
    return this._visible;
  }

  set visible(visible: boolean) {
    this._visible = visible;
    this._changed.emit();
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  show(view: View): void {
    this._shown = view;
    this._changed.emit();
  }

  /** Emitted when the list of models is to open. */
  get modelWanted(): ISignal<this, void> {
    return this._modelWanted;
  }

  /** Have the person choose a model. */
  pickModel(): void {
    this.show('chat');
    this._modelWanted.emit();
  }

  /** Show a view, or the conversation again. */
  toggle(view: View): void {
    this.show(this._shown === view ? 'chat' : view);
  }

  private _shown: View = 'chat';
  private _visible = false;
  private readonly _modelWanted = new Signal<this, void>(this);
  private readonly _changed = new Signal<this, void>(this);
}
