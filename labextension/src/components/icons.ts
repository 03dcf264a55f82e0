// Icons that Lab has not, or has in fixed colours only.
import { LabIcon } from '@jupyterlab/ui-components';

function icon(name: string, drawing: string): LabIcon {
  const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">${drawing}</g>
</svg>`;
  return new LabIcon({ name: `jupyter-agent:${name}`, svgstr });
}

export const pictureIcon = icon(
  'picture',
  `<path d="M4 4h16a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zm1 2v12h14V6z"/>
   <path d="M6.5 16.5l3.5-5 2.5 3 1.5-2 3.5 4z"/>
   <circle cx="15.5" cy="9" r="1.5"/>`
);

/** An open ring, which turns while something runs; unlike a disc with a square it is no button. */
export const busyIcon = icon('busy', '<path d="M12 3a9 9 0 1 0 9 9h-2.5A6.5 6.5 0 1 1 12 5.5z"/>');

/** One line that becomes two. */
export const branchIcon = icon(
  'branch',
  `<path d="M6 8.8h2v6.4H6z"/>
   <path d="M7 3a3 3 0 1 1 0 6 3 3 0 0 1 0-6zm0 2a1 1 0 1 0 0 2 1 1 0 0 0 0-2z"/>
   <path d="M7 15a3 3 0 1 1 0 6 3 3 0 0 1 0-6zm0 2a1 1 0 1 0 0 2 1 1 0 0 0 0-2z"/>
   <path d="M17 3a3 3 0 1 1 0 6 3 3 0 0 1 0-6zm0 2a1 1 0 1 0 0 2 1 1 0 0 0 0-2z"/>
   <path d="M16 8.8h2V11a3 3 0 0 1-3 3H9a1 1 0 0 0-1 1H6a3 3 0 0 1 3-3h6a1 1 0 0 0 1-1z"/>`
);

/** Up and away. */
export const sendIcon = icon(
  'send',
  '<path d="M11 20V7.8l-5 5L4.6 11.4 12 4l7.4 7.4-1.4 1.4-5-5V20z"/>'
);

/** Lines, and one more to come. */
export const queueIcon = icon(
  'queue',
  '<path d="M4 6h16v2H4zm0 5h16v2H4zm0 5h9v2H4zm13 0h-2v2h2v2h2v-2h2v-2h-2v-2h-2z"/>'
);

export const notebookFileIcon = icon(
  'notebook-file',
  `<path d="M5 3h14a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zm1 2v14h12V5z"/>
   <path d="M8 7h8v2H8zm0 4h3v2H8zm5 0h3v2h-3zm-5 4h8v2H8z"/>`
);
