// Carries out the server's calls (`jupyter_agent/protocol/rpc.py`) on the notebooks of this tab.
import type { YCodeCell, YNotebook } from '@jupyter/ydoc';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';

import type {
  ApplyParams,
  ApplyResult,
  JsonValue,
  NotebookState,
  PathParams,
  ReadParams,
  RevealParams,
  Rpc,
  RunParams,
  SelectKernelParams,
  SetOutputsParams,
  StopRunParams
} from '../protocol/types';
import { RpcFailure } from '../client/socket';
import { applyChanges, lostAttachments, planOf } from './apply';
import { notebookLoading, notebookMissing, readOnly, unknownCell } from './failures';
import { openHeadings, showCells } from './headings';
import { highlightCells } from './highlight';
import { kernelReady, selectKernel } from './kernel';
import { keepingPlace } from './place';
import type { RunServices } from './run';
import { runCells } from './run';
import type { Refresher } from './refresh';
import { isReadOnly, saveNotebook, within } from './saving';
import { RevisionCounter, Room, cellState, cellStates } from './state';
import type { Typing } from './typing';

type Progress = (data: JsonValue) => void;

// Calls that act. A repeat of one of the latest gets the answer of the first.
const ACTING = new Set([
  'notebook.apply',
  'notebook.run',
  'notebook.select_kernel',
  'notebook.set_outputs'
]);
const REMEMBERED = 200;
// Milliseconds to wait for a notebook that is still loading.
const LOAD_PATIENCE = 30_000;

const CONFLICT =
  'the file was changed by another program since the tab read it: Lab asks the person which to ' +
  'keep, and nothing is saved before';

export interface BridgeServices extends Omit<RunServices, 'contents'> {
  readonly tracker: INotebookTracker;
  readonly documents: IDocumentManager;
  readonly refresher?: Refresher;
  readonly typing?: Typing;
}

/** A call that acts, under way or over. */
interface Operation {
  readonly answer: Promise<JsonValue | null>;
  readonly news: readonly JsonValue[];
  readonly listeners: Progress[];
  /** Aborted when it is to begin nothing more. */
  readonly stop: AbortController;
}

export class NotebookBridge {
  constructor(private readonly services: BridgeServices) {}

  /** Answer one call. The same `op_id` never acts twice; a repeat is told the same news. */
  handle(call: Rpc, progress: Progress): Promise<JsonValue | null> {
    if (!ACTING.has(call.method)) {
      return this.dispatch(call, progress, new AbortController().signal);
    }
    // One operation may both edit and run.
    const key = `${call.method} ${call.op_id}`;
    const known = this.done.get(key);
    if (known) {
      known.news.forEach(progress);
      known.listeners.push(progress);
      return known.answer;
    }
    return this.begin(key, call, progress);
  }

  private begin(key: string, call: Rpc, progress: Progress): Promise<JsonValue | null> {
    const news: JsonValue[] = [];
    const listeners = [progress];
    const stop = new AbortController();
    const tell = (data: JsonValue): void => {
      news.push(data);
      listeners.forEach(listener => listener(data));
    };
    const answer = this.dispatch(call, tell, stop.signal);
    this.done.set(key, { answer, news, listeners, stop });
    answer.catch(error => {
      // Refused, so nothing was done: it may be tried again. What ran until the notebook was closed
      // was done.
      if (error instanceof RpcFailure && error.info.code !== 'TAB_GONE') {
        this.done.delete(key);
      }
    });
    for (const oldest of this.done.keys()) {
      if (this.done.size <= REMEMBERED) {
        break;
      }
      this.done.delete(oldest);
    }
    return answer;
  }

  private async dispatch(
    call: Rpc,
    progress: Progress,
    stopped: AbortSignal
  ): Promise<JsonValue | null> {
    const params = call.params as unknown;
    switch (call.method) {
      case 'notebook.read':
        return asJson(await this.read(params as ReadParams));
      case 'notebook.apply':
        return asJson(await this.apply(params as ApplyParams));
      case 'notebook.run':
        return asJson(
          await runCells(
            await this.panel((params as RunParams).path),
            params as RunParams,
            { ...this.services, contents: this.contents },
            data => progress(asJson(data)),
            stopped
          )
        );
      case 'notebook.stop_run':
        this.done.get(`notebook.run ${(params as StopRunParams).op_id}`)?.stop.abort();
        return {};
      case 'notebook.kernel': {
        const panel = await this.panel((params as PathParams).path);
        await kernelReady(panel);
        return { kernel_id: panel.sessionContext.session?.kernel?.id ?? null };
      }
      case 'notebook.select_kernel': {
        const { path, name } = params as SelectKernelParams;
        await selectKernel(await this.panel(path), name);
        return {};
      }
      case 'notebook.set_outputs':
        return this.setOutputs(params as SetOutputsParams);
      case 'notebook.save':
        return this.save(params as PathParams);
      case 'notebook.saved_elsewhere':
        await this.services.refresher?.refresh(await this.panel((params as PathParams).path), {
          told: true
        });
        return {};
      case 'notebook.open':
        return this.open((params as PathParams).path);
      case 'notebook.reveal':
        return this.reveal(params as RevealParams);
      default:
        throw new RpcFailure({
          code: 'bad_frame',
          message: `This tab does not know ${call.method}.`,
          retryable: false
        });
    }
  }

  /** Open a notebook and show one of its cells. */
  async reveal({ path, cell_id }: RevealParams): Promise<JsonValue> {
    await this.open(path);
    const panel = await this.panel(path);
    const index = panel.content.widgets.findIndex(cell => cell.model.id === cell_id);
    if (index < 0) {
      throw unknownCell(cell_id);
    }
    panel.content.deselectAll();
    panel.content.activeCellIndex = index;
    await panel.content.scrollToItem(index, 'smart');
    highlightCells(panel, [cell_id]);
    return {};
  }

  private async read({ path, outputs }: ReadParams): Promise<NotebookState> {
    const panel = await this.panel(path);
    const { session } = panel.sessionContext;
    const notebook = sharedModel(panel);
    return {
      path,
      revision: this.revisions.revision(notebook),
      cells: cellStates(notebook, outputs),
      kernel_id: session?.kernel?.id,
      kernel_name: session?.kernel?.name ?? panel.sessionContext.kernelPreference.name,
      language: language(panel),
      read_only: isReadOnly(panel),
      metadata: kernelMetadata(notebook)
    };
  }

  private async apply({ path, changes, expect }: ApplyParams): Promise<ApplyResult> {
    const panel = await this.panel(path);
    if (isReadOnly(panel)) {
      throw readOnly(path);
    }
    const notebook = sharedModel(panel);
    this.revisions.revision(notebook);
    await this.services.typing?.pause(panel, () => planOf(notebook, changes, expect).removed);
    await this.services.refresher?.settled(panel);
    const lost = lostAttachments(notebook, changes);
    // One turn from the comparison to the reading back: nobody can come in between.
    const touched = keepingPlace(
      panel,
      () =>
        new Set(
          applyChanges(notebook, changes, expect, plan =>
            openHeadings(panel, new Set([...plan.removed, ...plan.cells.keys()]))
          )
        )
    );
    showCells(panel, touched);
    const room = new Room();
    const result = {
      revision: this.revisions.revision(notebook),
      cells: notebook.cells
        .filter(cell => touched.has(cell.getId()))
        .map(cell => cellState(cell, false, room)),
      order: notebook.cells.map(cell => cell.getId())
    };
    highlightCells(panel, touched);
    const last = [...touched].pop();
    if (last !== undefined) {
      void this.services.follower?.follow(panel, last);
    }
    const saved = await saveNotebook(panel, this.contents);
    const notes = saved === 'conflict' ? [...lost, CONFLICT] : lost;
    return { ...result, saved: saved === 'saved', notes };
  }

  private async setOutputs(params: SetOutputsParams): Promise<JsonValue> {
    const panel = await this.panel(params.path);
    await this.services.refresher?.settled(panel);
    const cell = sharedModel(panel).cells.find(one => one.getId() === params.cell_id);
    if (cell?.cell_type !== 'code') {
      throw unknownCell(params.cell_id);
    }
    const code = cell as YCodeCell;
    cell.transact(() => {
      code.setOutputs(params.outputs.map(plainOutput) as never);
      code.execution_count = params.execution_count ?? null;
      code.executionState = 'idle';
    }, false);
    await saveNotebook(panel, this.contents);
    return {};
  }

  private async save({ path }: PathParams): Promise<JsonValue> {
    const panel = await this.panel(path);
    if (isReadOnly(panel)) {
      throw readOnly(path);
    }
    await saveNotebook(panel, this.contents);
    return {};
  }

  private async open(path: string): Promise<JsonValue> {
    const { documents } = this.services;
    if (!this.find(path)) {
      try {
        await documents.services.contents.get(path, { content: false });
      } catch {
        throw notebookMissing(path);
      }
    }
    // In Notebook 7 this opens another browser tab, which then speaks for itself.
    const widget = documents.openOrReveal(path);
    if (widget) {
      await within(LOAD_PATIENCE, widget.context.ready, undefined);
    }
    return {};
  }

  private get contents(): Contents.IManager {
    return this.services.documents.services.contents;
  }

  private find(path: string): NotebookPanel | undefined {
    return this.services.tracker.find(panel => panel.context.localPath === path);
  }

  private async panel(path: string): Promise<NotebookPanel> {
    const panel = this.find(path);
    if (!panel) {
      throw notebookMissing(path);
    }
    await within(LOAD_PATIENCE, panel.context.ready, undefined);
    if (panel.isDisposed) {
      throw notebookMissing(path);
    }
    if (!panel.context.isReady) {
      throw notebookLoading(path);
    }
    return panel;
  }

  private readonly done = new Map<string, Operation>();
  private readonly revisions = new RevisionCounter();
}

function sharedModel(panel: NotebookPanel): YNotebook {
  return panel.context.model.sharedModel as YNotebook;
}

/** What is read of the notebook's metadata. The rest may be large: saved widgets take megabytes. */
function kernelMetadata(notebook: YNotebook): NotebookState['metadata'] {
  const { kernelspec, language_info } = notebook.getMetadata();
  return {
    ...(kernelspec ? { kernelspec: kernelspec as JsonValue } : {}),
    ...(language_info ? { language_info: language_info as JsonValue } : {})
  };
}

function language(panel: NotebookPanel): string | undefined {
  const info = panel.context.model.getMetadata('language_info') as { name?: string } | undefined;
  const spec = panel.context.model.getMetadata('kernelspec') as { language?: string } | undefined;
  return (info?.name ?? spec?.language)?.toLowerCase();
}

/** Join a text given as lines: the shared model would join them by commas. */
function plainOutput(output: Readonly<Record<string, JsonValue>>): Record<string, JsonValue> {
  const { text } = output;
  return Array.isArray(text) ? { ...output, text: text.join('') } : { ...output };
}

function asJson(value: object): JsonValue {
  return value as unknown as JsonValue;
}
