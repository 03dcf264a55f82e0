// Copying a text, also where Jupyter is reached over plain http: there browsers offer no clipboard
// but that of the selection.

/** Put a text on the clipboard; rejects when the browser does not let it. */
export async function copyText(text: string): Promise<void> {
  // Missing outside secure contexts, whatever its type says.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard) {
    await clipboard.writeText(text);
  } else if (!copySelected(text)) {
    throw new Error('refused');
  }
}

/** Copy a text by selecting it, in a field that is there for a moment. */
function copySelected(text: string): boolean {
  const before = document.activeElement;
  const field = document.createElement('textarea');
  field.value = text;
  field.readOnly = true;
  field.style.position = 'fixed';
  field.style.opacity = '0';
  document.body.append(field);
  try {
    field.focus({ preventScroll: true });
    field.select();
    return document.execCommand('copy');
  } finally {
    field.remove();
    if (before instanceof HTMLElement) {
      before.focus({ preventScroll: true });
    }
  }
}
