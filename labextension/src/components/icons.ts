// Icons that Lab has not, or has in fixed colours only.
import { LabIcon } from '@jupyterlab/ui-components';

const PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <path d="M4 4h16a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zm1 2v12h14V6z"/>
    <path d="M6.5 16.5l3.5-5 2.5 3 1.5-2 3.5 4z"/>
    <circle cx="15.5" cy="9" r="1.5"/>
  </g>
</svg>`;

export const pictureIcon = new LabIcon({ name: 'jupyter-agent:picture', svgstr: PICTURE });
