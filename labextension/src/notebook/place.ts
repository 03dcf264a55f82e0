// Where the person is in a notebook: the active cell, the cursor, what is selected. An edit of the
// agent moves none of it.
import type { Cell } from '@jupyterlab/cells';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { Notebook, NotebookPanel } from '@jupyterlab/notebook';

interface Place {
  readonly cell: Cell;
  readonly id: string;
  readonly mode: 'command' | 'edit';
  /** Whether the keyboard is in the notebook. */
  readonly focused: boolean;
  readonly selections: readonly CodeEditor.IRange[];
  /** Ids of the cells that are selected. */
  readonly selected: ReadonlySet<string>;
}

/** Do something to a notebook's cells, and leave the person where he was. */
export function keepingPlace<T>(panel: NotebookPanel, act: () => T): T {
  const place = placeIn(panel.content);
  try {
    return act();
  } finally {
    if (place) {
      restore(panel.content, place);
    }
  }
}

/** Id of the cell that the person types in; null when the keyboard is elsewhere. */
export function cellWithCursor(panel: NotebookPanel): string | null {
  const { activeCell, mode } = panel.content;
  const focused = activeCell?.node.contains(document.activeElement) ?? false;
  return mode === 'edit' && focused ? (activeCell?.model.id ?? null) : null;
}

function placeIn(notebook: Notebook): Place | null {
  const cell = notebook.activeCell;
  if (!cell) {
    return null;
  }
  return {
    cell,
    id: cell.model.id,
    mode: notebook.mode,
    focused: notebook.node.contains(document.activeElement),
    selections: cell.editor?.getSelections() ?? [],
    selected: new Set(
      notebook.widgets.filter(one => notebook.isSelected(one)).map(one => one.model.id)
    )
  };
}

function restore(notebook: Notebook, place: Place): void {
  const index = notebook.widgets.findIndex(cell => cell.model.id === place.id);
  if (index < 0) {
    // It was deleted: what is typed must not go into its neighbour.
    notebook.mode = 'command';
    return;
  }
  notebook.activeCellIndex = index;
  const cell = notebook.widgets[index] as Cell;
  notebook.mode = place.mode;
  for (const other of notebook.widgets) {
    if (place.selected.has(other.model.id)) {
      notebook.select(other);
    }
  }
  if (cell !== place.cell && place.mode === 'edit') {
    // Made now, not when the notebook next finds the time: there is an editor to type in.
    (cell as unknown as { placeholder: boolean }).placeholder = false;
    cell.editor?.setSelections([...place.selections]);
  }
  if (place.focused) {
    focus(notebook, cell, place);
  }
}

function focus(notebook: Notebook, cell: Cell, place: Place): void {
  const target = (): void => {
    if (place.mode === 'edit') {
      cell.editor?.focus();
    } else {
      cell.node.focus({ preventScroll: true });
    }
  };
  if (cell.isAttached) {
    target();
    return;
  }
  // Only what is in view is in the document; its place is made by the notebook's next update.
  notebook
    .scrollToItem(notebook.activeCellIndex)
    .then(() => cell.ready)
    .then(() => {
      if (!cell.isDisposed && notebook.activeCell === cell) {
        target();
      }
    })
    .catch(() => undefined);
}
