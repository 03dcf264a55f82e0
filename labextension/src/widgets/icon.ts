// The agent's icon: a notebook cell with a spark.
import { LabIcon } from '@jupyterlab/ui-components';

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3 jp-icon-selectable" fill="#616161">
    <path d="M3 5h9v2H5v11h14v-5h2v7H3z"/>
    <path d="M7 10h4v2H7zM7 14h9v2H7z"/>
    <path d="M18 1l1.4 3.6L23 6l-3.6 1.4L18 11l-1.4-3.6L13 6l3.6-1.4z"/>
  </g>
</svg>`;

export const agentIcon = new LabIcon({ name: 'jupyter-agent:agent', svgstr: SVG });
