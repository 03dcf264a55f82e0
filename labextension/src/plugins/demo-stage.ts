// Where the demo is played: in this page (JupyterLab), or in a page of its own (Notebook 7).
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import type { DemoStage } from '../model/demo';
import { within } from '../notebook/saving';

// Milliseconds to wait for the notebook and its kernel; without a kernel the demo starts one.
const PATIENCE = 30_000;
// Names the notebook whose page is to play the demo when it opens.
const TO_PLAY = 'jupyter-agent:demo-to-play';

export class LabStage implements DemoStage {
  constructor(
    private readonly documents: IDocumentManager,
    private readonly showPanel: () => void
  ) {}

  async open(path: string): Promise<boolean> {
    const panel = this.documents.openOrReveal(path) as NotebookPanel | undefined;
    this.showPanel();
    if (panel) {
      await whenReady(panel);
    }
    return true;
  }

  close(path: string): void {
    // Its file is gone: there is nothing that could be saved.
    this.documents.findWidget(path)?.dispose();
  }
}

export class NotebookStage implements DemoStage {
  constructor(
    private readonly documents: IDocumentManager,
    private readonly baseUrl: string,
    private readonly leave: () => void
  ) {}

  async open(path: string): Promise<boolean> {
    localStorage.setItem(`${TO_PLAY} ${this.baseUrl}`, path);
    this.documents.openOrReveal(path);
    return false;
  }

  close(path: string): void {
    if (this.documents.findWidget(path)) {
      this.leave();
    }
  }
}

/** Return the path of this page's notebook when the demo is to be played in it, once. */
export async function takeDemoToPlay(
  tracker: INotebookTracker,
  baseUrl: string
): Promise<string | null> {
  const key = `${TO_PLAY} ${baseUrl}`;
  const wanted = localStorage.getItem(key);
  if (wanted === null) {
    return null;
  }
  const panel = tracker.currentWidget ?? (await firstOf(tracker));
  if (panel.context.localPath !== wanted || localStorage.getItem(key) !== wanted) {
    return null;
  }
  localStorage.removeItem(key);
  await whenReady(panel);
  return wanted;
}

function firstOf(tracker: INotebookTracker): Promise<NotebookPanel> {
  return new Promise(resolve => {
    tracker.widgetAdded.connect((_, panel) => resolve(panel));
  });
}

async function whenReady(panel: NotebookPanel): Promise<void> {
  await within(PATIENCE, panel.context.ready, undefined);
  await within(PATIENCE, panel.sessionContext.ready, undefined);
}
