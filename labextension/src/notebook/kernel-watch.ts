// What may befall a kernel while cells run in it: it is lost, or others keep it busy.
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import { KernelMessage } from '@jupyterlab/services';

import type { RunProgress } from '../protocol/types';
import { within } from './saving';

const LOST = new Set(['dead', 'restarting', 'autorestarting', 'terminating']);

// Milliseconds within which a free kernel answers. A later answer waited behind something, and
// behind that more may wait by now.
const PROMPT = 100;

export interface KernelWatch {
  readonly lost: boolean;
  readonly whenLost: Promise<false>;
  dispose(): void;
}

/** Watch until the notebook's kernel is restarted, replaced or dead, or the notebook is closed. */
export function watchKernel(panel: NotebookPanel): KernelWatch {
  const { sessionContext } = panel;
  const watch = { lost: false, whenLost: Promise.resolve<false>(false), dispose: (): void => {} };
  watch.whenLost = new Promise(resolve => {
    const lose = (): void => {
      watch.lost = true;
      resolve(false);
    };
    const onStatus = (_: unknown, status: string): void => {
      if (LOST.has(status)) {
        lose();
      }
    };
    sessionContext.statusChanged.connect(onStatus);
    sessionContext.kernelChanged.connect(lose);
    panel.disposed.connect(lose);
    watch.dispose = () => {
      sessionContext.statusChanged.disconnect(onStatus);
      sessionContext.kernelChanged.disconnect(lose);
      panel.disposed.disconnect(lose);
    };
  });
  return watch;
}

/**
 * Wait until the kernel has done all that it was asked before; `calledOff` ends the waiting.
 *
 * A request in the kernel's own queue cannot be taken back: a cell that Stop is to hold back must
 * not be sent while others run. Lab's status of the kernel does not tell: it is idle as well when
 * only the control channel is.
 *
 * @param waiting called once when there is something to wait for.
 */
export async function untilFree(
  panel: NotebookPanel,
  kernel: KernelWatch,
  calledOff: AbortSignal,
  waiting: () => void
): Promise<void> {
  const ended = Promise.race([kernel.whenLost, whenAborted(calledOff)]);
  let told = false;
  for (;;) {
    const answer = panel.sessionContext.session?.kernel?.requestKernelInfo();
    const over = Promise.race([Promise.resolve(answer).catch(() => undefined), ended]);
    const prompt = await within(
      PROMPT,
      over.then(() => true),
      false
    );
    if (!prompt && !told) {
      told = true;
      waiting();
    }
    await over;
    if (prompt || kernel.lost || calledOff.aborted) {
      return;
    }
  }
}

/** Tell when a request asks for input, and when it has got it; returns a function that ends it. */
export function watchInput(
  panel: NotebookPanel,
  cellId: string,
  messageId: string | null,
  tell: (progress: RunProgress) => void
): () => void {
  const kernel = panel.sessionContext.session?.kernel;
  let asked = false;
  const hear = (_: unknown, { msg, direction }: Kernel.IAnyMessageArgs): void => {
    const progress = { cell_id: cellId, message_id: messageId };
    if (direction === 'recv' && KernelMessage.isInputRequestMsg(msg)) {
      const parent = msg.parent_header as { msg_id?: string };
      if (messageId !== null && parent.msg_id === messageId) {
        asked = true;
        tell({ ...progress, state: 'input', prompt: msg.content.prompt });
      }
    } else if (asked && direction === 'send' && KernelMessage.isInputReplyMsg(msg)) {
      asked = false;
      tell({ ...progress, state: 'sent' });
    }
  };
  kernel?.anyMessage.connect(hear);
  return () => void kernel?.anyMessage.disconnect(hear);
}

/** A promise that settles when a signal is aborted. */
function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
